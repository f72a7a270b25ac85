"""How requests become spans, and which of them do.

The proxy decides where it traces (the sampled flag of its `traceparent`, W3C Trace Context);
elsewhere a share of all requests is traced.
"""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
)

from lychgate.core.events import AccessEvent
from lychgate.core.model import EPOCH
from lychgate.tracing.base import Note, Value, nothing

# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_MICROSECOND = timedelta(microseconds=1)


class Spans:
    """Makes spans, each of them to be sent."""

    def __init__(self, tracer: Tracer, sample: float) -> None:
        self._tracer = tracer
        self._sample = sample

    def decided(self, event: AccessEvent) -> None:
        """A span of a decision, made when its times are known."""
        parent = self._parent(event.traceparent)
        if parent is None:
            return
        span = self._tracer.start_span(
            "check", parent, SpanKind.SERVER, start_time=_nanoseconds(event.at)
        )
        because = event.because
        _note(
            span,
            decision=event.decision,
            reason=because.reason.value,
            application=because.app or "",
            policy=because.policy or "",
            request_id=event.request_id,
        )
        if event.status >= 500:
            span.set_status(StatusCode.ERROR)
        span.end(_nanoseconds(event.at + timedelta(seconds=event.seconds)))

    @contextmanager
    def entered(self, traceparent: str) -> Iterator[Note]:
        """A span of one request, under the proxy's."""
        parent = self._parent(traceparent)
        if parent is None:
            yield nothing
            return
        with self._around("request", parent, SpanKind.SERVER) as note:
            yield note

    @contextmanager
    def inside(self, name: str) -> Iterator[Note]:
        """A span of a part of the request that this thread is at."""
        if not trace.get_current_span().is_recording():
            yield nothing
            return
        with self._around(name, None, SpanKind.INTERNAL) as note:
            yield note

    @contextmanager
    def _around(self, name: str, parent: Context | None, kind: SpanKind) -> Iterator[Note]:
        # What an exception says may quote what a visitor sent: its class is all that is told.
        with self._tracer.start_as_current_span(
            name, parent, kind, record_exception=False, set_status_on_exception=False
        ) as span:

            def note(name: str = "", /, **attributes: Value) -> None:
                if name:
                    span.update_name(name)
                _note(span, **attributes)

            try:
                yield note
            except BaseException as error:
                span.set_status(StatusCode.ERROR)
                span.set_attribute("error.type", type(error).__name__)
                raise

    def _parent(self, traceparent: str) -> Context | None:
        """The context of a span that is to be made; None: none is."""
        proxy = _stated(traceparent)
        if proxy is None:
            return Context() if random.random() < self._sample else None
        if not proxy.trace_flags.sampled:
            return None
        return trace.set_span_in_context(NonRecordingSpan(proxy), Context())


def _stated(traceparent: str) -> SpanContext | None:
    """The span that the proxy states; None when it states none."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups()[:3])
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid else None


def _note(span: Span, **attributes: Value) -> None:
    for name, value in attributes.items():
        if value != "":
            span.set_attribute(f"lychgate.{name}", value)


def _nanoseconds(at: datetime) -> int:
    return (at - EPOCH) // _MICROSECOND * 1000
