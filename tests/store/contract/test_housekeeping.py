"""What expires is dropped, and nothing else."""

from datetime import timedelta

from lychgate.core.model import AppId
from lychgate.store.base import Kind, PinStatus
from tests.store.contract.test_approvals import APP, HOUR, ask
from tests.store.contract.test_people import a_session
from tests.store.parts import START, Opened, delete, policy, put

SOON = START + timedelta(minutes=10)


def test_nothing_that_counts_is_dropped(store: Opened) -> None:
    put(store, policy("p1"))
    store.sessions.create(a_session("n1"))
    store.one_time.consume("nonce", "x", SOON)
    store.pins.issue("t1", "a@example.com", b"code", SOON, START)
    store.revocations.revoke_session("n2", START)
    store.approvals.request(ask("r1"), START)
    revision = store.revision()
    assert store.prune(START) == 0
    assert store.revision() == revision
    assert store.sessions.get("n1") is not None
    assert not store.one_time.consume("nonce", "x", SOON)
    assert store.pins.attempt("t1", b"code", START).status is PinStatus.OK
    assert store.approvals.get("r1") is not None
    assert len(store.revocations.live(START)) == 1


def test_everything_temporary_goes_in_time(store: Opened) -> None:
    store.sessions.create(a_session("n1"))
    store.one_time.consume("nonce", "x", SOON)
    store.pins.issue("t1", "a@example.com", b"code", SOON, START)
    store.revocations.revoke_session("n2", START, HOUR)
    store.approvals.request(ask("r1"), START)
    store.approvals.request(ask("r2", AppId("a2")), START)
    store.approvals.approve("r2", "boss@example.com", 24 * HOUR, START)
    assert store.prune(START + timedelta(days=2)) == 4
    assert store.approvals.get("r1") is None and store.approvals.get("r2") is not None
    assert store.prune(START + timedelta(days=9)) == 2
    assert store.pins.attempt("t1", b"code", START).status is PinStatus.NONE
    assert store.approvals.granted("subject-1", APP, START) is None


def test_a_reader_that_was_away_too_long_reads_everything(store: Opened) -> None:
    since = put(store, policy("p1"), policy("p2"))
    put(store, delete(Kind.POLICY, "p2"))
    present = put(store, policy("p3"))
    store.prune(START + timedelta(days=6))
    assert not store.changes(since).complete
    store.prune(START + timedelta(days=8))
    changes = store.changes(since)
    assert changes.complete
    assert [one.id for one in changes.objects] == ["p1", "p3"]
    assert not store.changes(present).complete
