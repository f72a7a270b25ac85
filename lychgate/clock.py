"""The one clock of a process; everything else is handed the time."""

import time
from datetime import UTC, datetime

# Of a machine that slept, only this one knows how long; not every system has it.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)  # noqa: TID251 - the one place where it is read


def steady() -> float:
    """Seconds since some moment; nobody can set them back or forward."""
    return time.clock_gettime(_STEADY)
