"""What a process counts of its store: failures, refreshes, and how late it hears of changes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram

_REFRESH = (1e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_HEARD = (5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


@dataclass(frozen=True, slots=True)
class News:
    """When what a refresh found new was written to the store."""

    revoked: frozenset[datetime] = frozenset()
    changed: frozenset[datetime] = frozenset()


class StoreCounts:
    """The counters of one process's store, in the process's registry if it has one."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        errors = Counter(
            "lychgate_store_errors_total",
            "Transactions that the database failed",
            ("access",),
            registry=registry,
        )
        self.read_failed, self.write_failed = errors.labels("read").inc, errors.labels("write").inc
        self._refresh = Histogram(
            "lychgate_snapshot_refresh_seconds",
            "Time to read what changed, compile it and put it in force",
            buckets=_REFRESH,
            registry=registry,
        )
        heard = Histogram(
            "lychgate_change_seconds",
            "Time from a change's row in the store until it was in force in this process",
            ("what",),
            buckets=_HEARD,
            registry=registry,
        )
        self._revocations, self._changes = heard.labels("revocation"), heard.labels("object")

    def refreshed(self, seconds: float, news: News, now: datetime) -> None:
        """Count a refresh that found something new."""
        self._refresh.observe(seconds)
        for histogram, times in (
            (self._revocations, news.revoked),
            (self._changes, news.changed),
        ):
            for late in _since(times, now):
                histogram.observe(late)


def _since(times: Iterable[datetime], now: datetime) -> Iterable[float]:
    # Clocks of two machines differ a little: news from the future is fresh.
    return (max((now - at).total_seconds(), 0.0) for at in times)
