"""What is counted of decisions: how many, why, and how long each took."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate
from threading import Lock

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from lychgate.core.decision import Reason
from lychgate.core.events import AccessEvent

BOUNDS = (50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 0.1, 0.5, 2.0)
"""Upper bounds of the histogram's buckets, in seconds."""
APPLICATIONS = 1000
"""Applications that are counted by their id, at most; the others are `other`."""


class DecisionCounts(Collector):
    """Counts every decision, and how long it took.

    Labels are words of ours and, if the operator wants it, ids of applications: nothing that a
    visitor sends becomes one. This is on the path of every request, so one entry is kept for each
    pair of decision and reason, under one lock, and becomes two metrics when somebody asks.
    """

    def __init__(self, registry: CollectorRegistry, *, by_application: bool = False) -> None:
        self._lock = Lock()
        # What alerts look for is there from the start, so that the first one is a change.
        self._cells: dict[tuple[str, str], list[float]] = {
            ("deny", reason): _empty() for reason in (Reason.STALE, Reason.ERROR)
        }
        """By decision and reason: how many fell into each bucket, then the sum of seconds."""
        registry.register(self)
        self._by_application = by_application
        self._known: set[str] = set()
        self._applications = Counter(
            "lychgate_application_decisions_total",
            "Decisions for each application, if they are counted so",
            ("application", "decision"),
            registry=registry,
        )

    def observe(self, event: AccessEvent) -> None:
        """Count a decision."""
        because, seconds = event.because, event.seconds
        key = event.decision, because.reason
        bucket = bisect_left(BOUNDS, seconds)
        with self._lock:
            cell = self._cells.get(key)
            if cell is None:
                cell = self._cells[key] = _empty()
            cell[bucket] += 1
            cell[-1] += seconds
        if self._by_application and because.app is not None:
            self._applications.labels(self._name(because.app), event.decision).inc()

    def _name(self, app: str) -> str:
        if app not in self._known:
            if len(self._known) >= APPLICATIONS:
                return "other"
            self._known.add(app)
        return app

    def describe(self) -> Iterable[Metric]:
        """The names of both metrics."""
        return _families()

    def collect(self) -> Iterator[Metric]:
        """Both metrics as they are now."""
        with self._lock:
            cells = {key: tuple(cell) for key, cell in self._cells.items()}
        decisions, seconds = _families()
        for (decision, reason), (*buckets, _) in cells.items():
            decisions.add_metric((decision, reason), sum(buckets))
        for decision in sorted({decision for decision, _ in cells}):
            merged = [sum(each) for each in zip(*_of(cells, decision), strict=True)]
            counted = zip((*BOUNDS, "+Inf"), accumulate(merged[:-1]), strict=True)
            seconds.add_metric((decision,), [(str(le), n) for le, n in counted], merged[-1])
        yield decisions
        yield seconds


def _empty() -> list[float]:
    return [0.0] * (len(BOUNDS) + 2)


def _of(
    cells: dict[tuple[str, str], tuple[float, ...]], decision: str
) -> Iterator[tuple[float, ...]]:
    return (cell for (name, _), cell in cells.items() if name == decision)


def _families() -> tuple[CounterMetricFamily, HistogramMetricFamily]:
    return (
        CounterMetricFamily(
            "lychgate_decisions_total", "Decisions of the gate", labels=("decision", "reason")
        ),
        HistogramMetricFamily(
            "lychgate_decision_seconds",
            "Time from the translated request to the answer for the proxy",
            labels=("decision",),
        ),
    )
