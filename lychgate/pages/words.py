"""The words of pages: plain sentences for each status, durations, and names made harmless."""

import re
from datetime import timedelta

# Control characters and those that turn the reading direction: a name must not be able to
# make the words around it read differently.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_LONGEST_NAME = 120

_WORDS: dict[int, tuple[str, str]] = {
    400: (
        "That request made no sense to us",
        "Something in the address or in what was sent is not right. Go back and try once more.",
    ),
    401: ("Please sign in", "This page is only for people who are signed in."),
    403: ("This is not allowed", "You may be signed in, but not for this."),
    404: (
        "There is nothing here",
        "The address may be mistyped, or the page has moved.",
    ),
    405: (
        "That does not work here",
        "This address does not take that kind of request.",
    ),
    413: ("That is too much", "What was sent is larger than we accept."),
    429: (
        "A little too fast",
        "There were many attempts in a short time. Wait a minute, then try again.",
    ),
    502: (
        "No useful answer",
        "A service we depend on answered with something we cannot use. Try again in a minute.",
    ),
    503: (
        "Not available right now",
        "We cannot check at the moment who may enter, so nobody does. Try again in a minute.",
    ),
}
_UNKNOWN = (
    "Something went wrong",
    "The fault is ours, not yours. Try again in a minute.",
)


def error_words(status: int) -> tuple[str, str]:
    """Title and sentence for a status."""
    return _WORDS.get(status, _UNKNOWN)


def plain(name: str) -> str:
    """A name that came from outside: one line, no control characters, not endless."""
    text = _CONTROL.sub(" ", name).strip()
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"


def spoken(duration: timedelta) -> str:
    """A duration as people say it: `30 minutes`, `1 hour`."""
    minutes = int(duration.total_seconds()) // 60
    amount, unit = (minutes, "minute") if minutes % 60 else (minutes // 60, "hour")
    return f"{amount} {unit}" + ("" if amount == 1 else "s")
