"""Says what is being measured, so that nobody wonders whether anything happens."""

import sys
import time

_began = time.monotonic()


def note(what: str) -> None:
    """A line with the minutes and seconds since the beginning."""
    minutes, seconds = divmod(int(time.monotonic() - _began), 60)
    print(f"{minutes:3}:{seconds:02} {what}", file=sys.stderr, flush=True)
