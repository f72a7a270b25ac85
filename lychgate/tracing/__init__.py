"""Traces, if somebody wants them: spans that join the proxy's, from checks to changes of the store.

Off unless `tracing.endpoint` is set. Like the log, they belong to the process, not to a part of it.
No span holds a path, a query, an address, a person, or anything secret.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lychgate.core.events import AccessEvent
from lychgate.settings import Tracing
from lychgate.tracing.base import Note, TracingNotInstalled, nothing

if TYPE_CHECKING:
    from lychgate.tracing.spans import Spans

_spans: "Spans | None" = None


def set_up(settings: Tracing, process: str) -> None:
    """Make spans from here on, and send them to the collector; `process` names this one."""
    global _spans
    if not settings.endpoint:
        return
    try:
        from lychgate.tracing.export import tracer_to
        from lychgate.tracing.spans import Spans
    except ModuleNotFoundError as error:
        raise TracingNotInstalled(
            f"`tracing.endpoint` is set and {error.name} is not installed",
            "install `lychgate[otel]`",
        ) from None
    _spans = Spans(tracer_to(settings.endpoint, process), settings.sample)


def decided(event: AccessEvent) -> None:
    """Make a span of a decision that was just made."""
    if _spans is not None:
        _spans.decided(event)


@contextmanager
def entered(traceparent: str) -> Iterator[Note]:
    """Trace the block as one request, under the span that the proxy names."""
    if _spans is None:
        yield nothing
    else:
        with _spans.entered(traceparent) as note:
            yield note


@contextmanager
def inside(name: str) -> Iterator[Note]:
    """Trace the block as a part of the request that this thread is at, if that one is traced."""
    if _spans is None:
        yield nothing
    else:
        with _spans.inside(name) as note:
            yield note
