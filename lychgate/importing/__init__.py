"""Reads what administrators keep elsewhere and writes it as a file for `lychgate apply`."""
