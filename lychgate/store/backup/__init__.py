"""Backups of a store: one file format for both databases, written while it runs."""
