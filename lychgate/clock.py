"""The one clock of a process; everything else is handed the time."""

from datetime import UTC, datetime


def clock() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)  # noqa: TID251 - the one place where it is read
