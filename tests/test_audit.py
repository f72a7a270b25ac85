"""Refusals reach the audit table without anybody waiting, and strangers cannot fill it."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from lychgate.audit import PER_MINUTE, AuditTrail
from lychgate.core.decision import Because, Reason
from lychgate.core.events import AccessEvent
from lychgate.core.identity import ANONYMOUS, Principal, Service, User
from lychgate.core.model import AppId, PolicyId, TokenId
from lychgate.store.base import AuditEvent, AuditFilter, StoreUnavailable

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
TOKEN = Service("abc.access", "ci", TokenId("t1"), "abc.access")
ALICE = User("sub", "alice@example.com", "nonce", PolicyId("p0"))


class Table:
    """An audit table that can be gone, or stuck."""

    def __init__(self) -> None:
        self.rows: list[AuditEvent] = []
        self.batches = 0
        self.gone = False
        self.free = threading.Event()
        self.free.set()

    def write(self, events: Iterable[AuditEvent]) -> None:
        """Keep rows."""
        self.free.wait()
        if self.gone:
            raise StoreUnavailable("gone")
        self.rows += events
        self.batches += 1

    def query(self, filter: AuditFilter) -> tuple[AuditEvent, ...]:
        """Nothing here asks."""
        return ()

    def walk(self, filter: AuditFilter) -> Iterator[AuditEvent]:
        """Nothing here asks."""
        return iter(())

    def prune(self, before: datetime) -> int:
        """Nothing here asks."""
        return 0


def refused(
    reason: Reason, principal: Principal = ANONYMOUS, at: datetime = NOW, **more: Any
) -> AccessEvent:
    because = Because(reason, AppId("a1"), PolicyId("p1"), principal, more.pop("detail", ""))
    return AccessEvent(
        at, "r1", "deny", because, "GET", "app.example", "/x", "192.0.2.1", "DE", 403, **more
    )


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def dropped(registry: CollectorRegistry, why: str) -> float:
    return registry.get_sample_value("lychgate_audit_dropped_total", {"why": why}) or 0


def written(*events: AccessEvent, bypass: bool = False) -> list[AuditEvent]:
    table = Table()
    trail = AuditTrail(table, CollectorRegistry(), bypass=bypass)
    for event in events:
        trail.observe(event)
    trail.close()
    return table.rows


def test_a_row_says_who_and_why() -> None:
    (person, machine) = written(
        refused(Reason.BLOCKED, ALICE, certificate="ab12"),
        refused(Reason.SERVICE_TOKEN_INVALID, TOKEN, detail="expired"),
    )
    assert (person.email, person.session, person.subject) == ("alice@example.com", "nonce", "sub")
    assert (person.app, person.policy, person.reason) == ("a1", "p1", "blocked")
    assert (person.allowed, person.request_id, person.ip) == (False, "r1", "192.0.2.1")
    assert person.details["certificate"] == "ab12"
    assert machine.details["service_token"] == "t1"
    assert machine.details["detail"] == "expired"


def test_unknown_client_ids_and_what_is_no_refusal_are_not_kept() -> None:
    assert not written(
        refused(Reason.SERVICE_TOKEN_INVALID, detail="unknown client id"),
        refused(Reason.ALLOWED, ALICE),
        refused(Reason.SERVICE_AUTH, TOKEN),
        refused(Reason.NO_SESSION),
        refused(Reason.BAD_REQUEST),
        refused(Reason.NO_APPLICATION),
        refused(Reason.BYPASSED),
    )


def test_bypass_is_kept_on_request() -> None:
    (row,) = written(refused(Reason.BYPASSED), bypass=True)
    assert (row.action, row.allowed) == ("bypassed", True)


def test_x08_a_table_that_is_stuck_stops_nobody_and_drops_are_counted() -> None:
    table, registry = Table(), CollectorRegistry()
    table.free.clear()
    trail = AuditTrail(table, registry, bypass=False, most=100)
    began = time.perf_counter()
    for _ in range(1000):
        trail.observe(refused(Reason.BLOCKED, ALICE))
    assert time.perf_counter() - began < 1
    assert dropped(registry, "full") >= 399  # one batch of 500 is with the writer, at most
    table.free.set()
    trail.close()
    assert len(table.rows) + dropped(registry, "full") + dropped(registry, "flood") == 1000


def test_x08_a_table_that_comes_back_gets_what_waited() -> None:
    table, registry = Table(), CollectorRegistry()
    table.gone = True
    trail = AuditTrail(table, registry, bypass=False)
    for _ in range(3):
        trail.observe(refused(Reason.BLOCKED, ALICE))
    time.sleep(0.1)
    table.gone = False
    until(lambda: len(table.rows) == 3)
    trail.close()
    assert dropped(registry, "full") == 0


def test_a_flood_of_one_reason_hides_no_other_and_ends_with_the_minute() -> None:
    flood = [refused(Reason.NO_POLICY_MATCHED)] * (PER_MINUTE + 50)
    guess = refused(Reason.SERVICE_TOKEN_INVALID, TOKEN, detail="wrong secret")
    later = refused(Reason.NO_POLICY_MATCHED, at=NOW + timedelta(minutes=1))
    rows = written(*flood, guess, later)
    assert len(rows) == PER_MINUTE + 2
    assert rows[-2].reason == "service_token_invalid"
