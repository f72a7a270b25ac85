"""The command line: what it is called, and how its errors are shown."""

from lychgate.cli.app import main

__all__ = ["main"]
