"""What the companion app counts, in the text format of Prometheus."""

from collections.abc import Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from lychgate.logs import DROPPED


class Metrics:
    """Counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(DROPPED)
        self._answers = Counter(
            "lychgate_web_answers_total",
            "Answers of the companion app",
            ("endpoint", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "lychgate_web_seconds",
            "Time from the whole request to its answer",
            ("endpoint",),
            registry=self.registry,
        )
        self._events = Counter(
            "lychgate_web_events_total",
            "Logins, refusals, logouts and what else is written to the audit log",
            ("action",),
            registry=self.registry,
        )
        self._ending = Gauge(
            "lychgate_service_token_ends_timestamp_seconds",
            "When each service token ends that is in its last week",
            ("name",),
            registry=self.registry,
        )

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """Count one answer; `endpoint` is a path of the route table, never a visitor's."""
        self._answers.labels(endpoint, str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def happened(self, action: str) -> None:
        """Count one event of the audit log."""
        self._events.labels(action).inc()

    def tokens_ending(self, ends: Mapping[str, datetime]) -> None:
        """The service tokens in their last week, all of them, by name."""
        self._ending.clear()
        for name, end in ends.items():
            self._ending.labels(name).set(end.timestamp())

    def text(self) -> bytes:
        """Everything counted so far."""
        return generate_latest(self.registry)
