"""Stand-in for Souk's configuration."""
