"""Backups: what they hold, what they refuse, what they end."""
