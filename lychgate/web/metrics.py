"""What the companion app counts: answers, logins, mails, tokens of programs, calls of the API.

Every label is a word of ours or a line of a table: what visitors send never becomes one.
"""

from collections.abc import Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

ENDING = 20
"""Service tokens that are shown by name, at most: those that end first."""


class Metrics:
    """Counters of one companion process, in the registry of that process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count_answers(registry)
        self._count_people(registry)
        self._count_programs(registry)

    def _count_answers(self, registry: CollectorRegistry) -> None:
        self._answers = Counter(
            "lychgate_web_answers_total",
            "Answers of the companion app",
            ("endpoint", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "lychgate_web_seconds",
            "Time from the whole request to its answer",
            ("endpoint",),
            registry=registry,
        )
        self._calls = Counter(
            "lychgate_admin_calls_total",
            "Calls of the admin API",
            ("method", "endpoint", "status"),
            registry=registry,
        )
        self._call_seconds = Histogram(
            "lychgate_admin_seconds",
            "Time from a whole call of the admin API to its answer",
            ("method",),
            registry=registry,
        )

    def _count_people(self, registry: CollectorRegistry) -> None:
        self._events = Counter(
            "lychgate_web_events_total",
            "Logins, refusals, logouts and what else is written to the audit log",
            ("action",),
            registry=registry,
        )
        self._logins = Counter(
            "lychgate_logins_total",
            "Logins at identity providers, and how they ended",
            ("provider", "outcome"),
            registry=registry,
        )
        self._pins = Counter(
            "lychgate_pins_total",
            "One-time PINs that were asked for",
            ("outcome",),
            registry=registry,
        )
        self._mails = Counter(
            "lychgate_mails_total",
            "Mails, and what became of them",
            ("outcome",),
            registry=registry,
        )
        for outcome in ("sent", "failed", "dropped"):
            self._mails.labels(outcome)  # there from the start, so that the first one is a change

    def _count_programs(self, registry: CollectorRegistry) -> None:
        self._tokens = Counter(
            "lychgate_oauth_tokens_total",
            "Token requests of OAuth clients",
            ("kind", "grant", "outcome"),
            registry=registry,
        )
        self._ending = Gauge(
            "lychgate_service_token_ends_timestamp_seconds",
            "When service tokens end that are in their last week: the first of them",
            ("name",),
            registry=registry,
        )
        self._ending_count = Gauge(
            "lychgate_service_tokens_ending",
            "How many service tokens are in their last week",
            registry=registry,
        )

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """Count one answer; `endpoint` is a path of the route table, never a visitor's."""
        self._answers.labels(endpoint, str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def called(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Count one call of the admin API; `method` and `endpoint` are of its route table."""
        self._calls.labels(method, endpoint, str(status)).inc()
        self._call_seconds.labels(method).observe(seconds)

    def happened(self, action: str) -> None:
        """Count one event of the audit log."""
        self._events.labels(action).inc()

    def logged_in(self, provider: str, outcome: str) -> None:
        """Count the end of a login at a type of provider: `ok`, or why it failed."""
        self._logins.labels(provider, outcome).inc()

    def pin_asked(self, outcome: str) -> None:
        """Count a wish for a one-time PIN: `mailed`, `unwelcome` or `limited`."""
        self._pins.labels(outcome).inc()

    def mail(self, outcome: str) -> None:
        """Count a mail: `sent`, `failed` or `dropped`."""
        self._mails.labels(outcome).inc()

    def token_asked(self, kind: str, grant: str, outcome: str) -> None:
        """Count a token request: the kind of client, what it brought, `issued` or an error code."""
        self._tokens.labels(kind, grant, outcome).inc()

    def tokens_ending(self, ends: Mapping[str, datetime]) -> None:
        """The service tokens in their last week, all of them, by name."""
        self._ending.clear()
        for name in sorted(ends, key=ends.__getitem__)[:ENDING]:
            self._ending.labels(name).set(ends[name].timestamp())
        self._ending_count.set(len(ends))
