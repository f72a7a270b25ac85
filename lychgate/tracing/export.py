"""Where spans go: to a collector, from a queue that never makes a request wait.

In JSON and not in protobuf: the message classes of Envoy's API bring old ones of OpenTelemetry's
under the same names.

A collector that is slow or gone costs spans and nothing else: the queue is bounded, what finds no
room is lost, and a process that is told to end waits for a moment only.
"""

import atexit
import logging
from collections.abc import Sequence
from threading import Thread

from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

from lychgate import __version__
from lychgate.tracing.base import SPANS

_QUEUE = 2048
_BATCH = 512
_DELAY = 1000
"""Milliseconds that spans wait for others to be sent with."""
_TIMEOUT = 3.0
_LAST_WORDS = 1.5
"""Seconds that the end of a process waits for its last spans."""
_MOST_TEXT = 200
log = logging.getLogger("lychgate.tracing")


class Collector(SpanExporter):
    """A collector that is spoken of once when it goes, and once when it is back."""

    def __init__(self, inner: SpanExporter, where: str) -> None:
        self._inner = inner
        self._where = where
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; those that are not taken are lost."""
        result = self._inner.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if not failed:
            SPANS.labels("sent").inc(len(spans))
        if failed and not self._failing:
            log.warning("traces are lost, `%s` does not take them", self._where)
        if self._failing and not failed:
            log.warning("traces arrive again at `%s`", self._where)
        self._failing = failed
        return result

    def shutdown(self) -> None:
        """Send nothing more."""
        self._inner.shutdown()


class Counted(BatchSpanProcessor):
    """The queue in front of the collector."""

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span; returns at once."""
        SPANS.labels("made").inc()
        super().on_end(span)


def tracer_to(endpoint: str, process: str) -> Tracer:
    """What makes spans that go to a collector (OTLP over HTTP, in JSON)."""
    # The libraries say of every failed attempt what we say once of an outage.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    exporter = Collector(OTLPSpanExporter(endpoint=endpoint, timeout=_TIMEOUT), endpoint)
    ours = {"service.name": process, "service.version": __version__}
    provider = TracerProvider(
        resource=Resource.create(ours),
        span_limits=SpanLimits(max_span_attribute_length=_MOST_TEXT),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(Counted(exporter, _QUEUE, _DELAY, _BATCH))
    atexit.register(_close, provider)
    return provider.get_tracer("lychgate", __version__)


def _close(provider: TracerProvider) -> None:
    thread = Thread(target=provider.shutdown, daemon=True, name="last-spans")
    thread.start()
    thread.join(_LAST_WORDS)
