"""Sample shops for a demo: product exports and pictures of our own making."""
