"""Installations to import into."""

from tests.files.conftest import install, run

__all__ = ["install", "run"]
