"""Reads and writes durations in Go's notation (`300ms`, `2h45m`), as the wire has them."""

import re
from datetime import timedelta
from decimal import Decimal

_UNITS = {
    "ns": Decimal("0.001"),
    "us": Decimal(1),
    "µs": Decimal(1),
    "μs": Decimal(1),
    "ms": Decimal(1_000),
    "s": Decimal(1_000_000),
    "m": Decimal(60_000_000),
    "h": Decimal(3_600_000_000),
}
_PART = r"([0-9]{1,12}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(ns|us|µs|μs|ms|s|m|h)"
_ONE = re.compile(_PART)
_ALL = re.compile(rf"([+-]?)((?:{_PART}){{1,8}})")


def parse_duration(text: str) -> timedelta | None:
    """Parse a Go duration, to the microsecond; None when it is not one."""
    if text in {"0", "+0", "-0"}:
        return timedelta()
    match = _ALL.fullmatch(text)
    if match is None:
        return None
    micros = sum(Decimal(number) * _UNITS[unit] for number, unit in _ONE.findall(match[2]))
    sign = -1 if match[1] == "-" else 1
    try:
        return timedelta(microseconds=sign * int(micros))
    except OverflowError:
        return None


def format_duration(duration: timedelta) -> str:
    """Write a duration of whole seconds as people write it: `1h30m`, `0s`."""
    seconds = int(duration.total_seconds())
    hours, rest = divmod(abs(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    parts = [
        f"{count}{unit}" for count, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if count
    ]
    return ("-" if seconds < 0 else "") + ("".join(parts) or "0s")
