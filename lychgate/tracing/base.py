"""What can be said of spans without the libraries that make them."""

from typing import Protocol

from prometheus_client import Counter

from lychgate.errors import LychgateError

type Value = str | int

SPANS = Counter(
    "lychgate_spans_total",
    "Spans of traces that were made, and those that a collector took",
    ("outcome",),
    registry=None,
)
"""Belongs into the registry of each process."""


class TracingNotInstalled(LychgateError):
    """Traces are configured, and the packages that make them are not there."""

    code = "tracing_not_installed"


class Note(Protocol):
    """Says more of a span: another name, and attributes."""

    def __call__(self, name: str = "", /, **attributes: Value) -> None: ...


def nothing(name: str = "", /, **attributes: Value) -> None:
    """The note of a block that is not traced."""
