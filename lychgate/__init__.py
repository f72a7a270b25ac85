"""Lychgate: an identity-aware gate for the proxy you already run."""

__version__ = "0.1.0"
