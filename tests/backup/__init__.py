"""Backups of the whole."""
