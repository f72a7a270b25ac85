"""Decisions are counted exactly, from several threads, and never by what a visitor sent."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from lychgate.core.decision import Because, Reason
from lychgate.core.events import AccessEvent
from lychgate.core.model import AppId
from lychgate.counts import APPLICATIONS, DecisionCounts
from tests.support.scraping import counted, series, value

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def decided(
    decision: str, reason: Reason, seconds: float = 0.0, app: str | None = None, host: str = "h"
) -> AccessEvent:
    because = Because(reason, AppId(app) if app is not None else None)
    path, ip = f"/{host}", "192.0.2.1"
    return AccessEvent(NOW, "r1", decision, because, "GET", host, path, ip, "", 0, seconds=seconds)


def test_each_decision_is_in_the_counter_and_in_its_bucket() -> None:
    registry = CollectorRegistry()
    counts = DecisionCounts(registry)
    for seconds in (0.00003, 0.00005, 0.00006, 3.0):
        counts.observe(decided("allow", Reason.ALLOWED, seconds))
    counts.observe(decided("allow", Reason.BYPASSED, 0.0002))
    counts.observe(decided("deny", Reason.STALE, 0.0002))
    scraped = counted(registry)
    assert value(scraped, "lychgate_decisions_total", reason="allowed") == 4
    assert value(scraped, "lychgate_decisions_total", decision="deny") == 1
    name = "lychgate_decision_seconds"
    buckets = {
        le: value(scraped, name, "_bucket", decision="allow", le=le)
        for le in ("5e-05", "0.0001", "0.00025", "2.0", "+Inf")
    }
    assert buckets == {"5e-05": 2, "0.0001": 3, "0.00025": 4, "2.0": 4, "+Inf": 5}
    assert value(scraped, name, "_count", decision="allow") == 5
    assert abs(value(scraped, name, "_sum", decision="allow") - 3.00034) < 1e-9


def test_no_count_is_lost_between_threads() -> None:
    registry = CollectorRegistry()
    counts = DecisionCounts(registry)
    event = decided("allow", Reason.ALLOWED, 0.001)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(counts.observe, [event] * 16_000))
    assert value(counted(registry), "lychgate_decisions_total") == 16_000


def test_hosts_and_applications_are_no_labels() -> None:
    registry = CollectorRegistry()
    counts = DecisionCounts(registry)
    counts.observe(decided("deny", Reason.BLOCKED, app="a0"))
    before = series(counted(registry))
    for number in range(500):
        counts.observe(decided("deny", Reason.BLOCKED, app=f"a{number}", host=f"h{number}"))
    assert series(counted(registry)) == before


def test_applications_are_counted_by_id_if_wanted_and_not_without_end() -> None:
    registry = CollectorRegistry()
    counts = DecisionCounts(registry, by_application=True)
    for number in range(APPLICATIONS + 50):
        counts.observe(decided("deny", Reason.BLOCKED, app=f"a{number}"))
    counts.observe(decided("allow", Reason.ALLOWED, app="a7"))
    counts.observe(decided("deny", Reason.NO_APPLICATION))
    scraped, name = counted(registry), "lychgate_application_decisions_total"
    assert value(scraped, name, application="a7") == 2
    assert value(scraped, name, application="other") == 50
    assert len(scraped[name].samples) == APPLICATIONS + 2
