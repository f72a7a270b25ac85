"""A word of patience on the terminal, for what takes longer than a second."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

from rich.console import Console

_AFTER = 1.0
"""Seconds."""


@contextmanager
def patience(doing: str) -> Iterator[None]:
    """Say what is being done while the block runs, if it runs long and somebody watches."""
    if not sys.stderr.isatty():
        yield
        return
    status = Console(stderr=True).status(f"{doing} …")
    timer = Timer(_AFTER, status.start)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()
