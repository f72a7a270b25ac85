"""Which requests become spans, and what is in one."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from lychgate.core.decision import Because, Reason
from lychgate.core.events import AccessEvent
from lychgate.core.identity import User
from lychgate.core.model import AppId, PolicyId
from lychgate.tracing.spans import Spans

NOW = datetime(2026, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{SPAN}-01"
ALICE = User("sub", "alice@example.com", "nonce", PolicyId("p1"))


@pytest.fixture
def memory() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    yield exporter
    exporter.shutdown()


def spans(memory: InMemorySpanExporter, sample: float = 0.0) -> Spans:
    """Spans that end in memory."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    return Spans(provider.get_tracer("test"), sample)


def decided(traceparent: str, status: int = 0, seconds: float = 0.002) -> AccessEvent:
    because = Because(Reason.ALLOWED, AppId("a1"), PolicyId("p1"), ALICE)
    return AccessEvent(
        at=NOW,
        request_id="r1",
        decision="allow",
        because=because,
        method="GET",
        host="app.example.com",
        path="/secret",
        ip="192.0.2.1",
        country="DE",
        status=status,
        seconds=seconds,
        traceparent=traceparent,
    )


def only(memory: InMemorySpanExporter) -> ReadableSpan:
    (span,) = memory.get_finished_spans()
    return span


def test_a_decision_joins_the_proxys_span_with_its_own_times(memory: InMemorySpanExporter) -> None:
    spans(memory).decided(decided(SAMPLED))
    span = only(memory)
    assert span.parent is not None and span.context is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, SPAN)
    assert (span.name, span.kind) == ("check", SpanKind.SERVER)
    assert span.start_time is not None and span.end_time is not None
    assert span.start_time == int(NOW.timestamp() * 1000) * 1_000_000
    assert span.end_time - span.start_time == 2_000_000


def test_a05_a_span_tells_no_person_path_or_address(memory: InMemorySpanExporter) -> None:
    spans(memory).decided(decided(SAMPLED))
    assert only(memory).attributes == {
        "lychgate.decision": "allow",
        "lychgate.reason": "allowed",
        "lychgate.application": "a1",
        "lychgate.policy": "p1",
        "lychgate.request_id": "r1",
    }


def test_a_decision_that_failed_is_an_error(memory: InMemorySpanExporter) -> None:
    spans(memory).decided(decided(SAMPLED, status=503))
    assert only(memory).status.status_code is StatusCode.ERROR


@pytest.mark.parametrize(
    ("traceparent", "sample", "traced"),
    [
        (SAMPLED, 0.0, True),
        (f"00-{TRACE}-{SPAN}-03", 0.0, True),
        (f"42-{TRACE}-{SPAN}-01-of-a-later-version", 0.0, True),
        (f"00-{TRACE}-{SPAN}-00", 1.0, False),
        ("", 1.0, True),
        ("", 0.0, False),
        (f"ff-{TRACE}-{SPAN}-01", 0.0, False),
        (f"00-{TRACE.upper()}-{SPAN}-01", 0.0, False),
        (f"00-{TRACE}-{SPAN}", 0.0, False),
        (f"00-{TRACE}-{SPAN}-01" + "x" * 100_000, 0.0, False),
        (f"00-{'0' * 32}-{SPAN}-01", 0.0, False),
        (f"00-{TRACE}-{'0' * 16}-01", 0.0, False),
        ("\x00\xff", 0.0, False),
    ],
)
def test_the_proxy_decides_what_is_traced_and_else_the_share(
    traceparent: str, sample: float, traced: bool, memory: InMemorySpanExporter
) -> None:
    ours = spans(memory, sample)
    ours.decided(decided(traceparent))
    with ours.entered(traceparent) as note:
        note("login", status=200)
    assert len(memory.get_finished_spans()) == (2 if traced else 0)


def test_a_part_belongs_to_the_request_it_is_in_or_to_nothing(
    memory: InMemorySpanExporter,
) -> None:
    ours = spans(memory)
    with ours.inside("store change") as note:
        note(revision=1)
    assert memory.get_finished_spans() == ()
    with ours.entered(SAMPLED), ours.inside("store change") as note:
        note(revision=2)
    change, request = memory.get_finished_spans()
    assert change.parent is not None and request.context is not None
    assert change.parent.span_id == request.context.span_id
    assert change.attributes == {"lychgate.revision": 2}


def test_a05_an_exception_tells_its_class_and_nothing_else(memory: InMemorySpanExporter) -> None:
    ours = spans(memory)
    with pytest.raises(ValueError, match="hunter2"), ours.entered(SAMPLED):
        raise ValueError("hunter2")
    span = only(memory)
    assert span.attributes == {"error.type": "ValueError"}
    assert span.status.status_code is StatusCode.ERROR
    assert "hunter2" not in span.to_json()
