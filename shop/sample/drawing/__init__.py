"""How the sample pictures are drawn. Not used while Souk runs."""
