"""The feed: it follows, it outlives the store's failures, and it says when it last heard of it."""

import logging
import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from lychgate.core.model import AppId
from lychgate.store.base import AuditEvent, Kind, ObjectKey, State, StoreUnavailable
from lychgate.store.counts import StoreCounts
from lychgate.store.feed import Feed
from tests.store.parts import MASTER_KEY, Place, Snap, delete, policy, put, real_clock
from tests.support.postgres import PostgresServer
from tests.support.scraping import counted, value

ENVIRONMENT = {"LYCHGATE_MASTER_KEY": MASTER_KEY}
TICK = timedelta(milliseconds=20)


def eventually(holds: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_change_of_this_process_is_current_at_once(place: Place) -> None:
    store = place.open(real_clock)
    with Feed(store, store.mirror, real_clock) as feed:
        put(store, policy("p1", "one"), policy("p2", "two"))
        snapshot = feed.current()
        assert snapshot is not None and snapshot.names == {"p1": "one", "p2": "two"}
        put(store, delete(Kind.POLICY, "p1"))
        snapshot = feed.current()
        assert snapshot is not None and snapshot.names == {"p2": "two"}
    store.close()


def test_keys_and_revocations_arrive(place: Place) -> None:
    store = place.open(real_clock)
    with Feed(store, store.mirror, real_clock) as feed:
        store.keys.rotate(real_clock())
        revision = store.revocations.revoke_session("n1", real_clock())
        assert feed.wait_for(revision)
        snapshot = feed.current()
        assert snapshot is not None
        assert len(snapshot.state.keyring.signing) == 2
        assert [one.key for one in snapshot.state.revocations] == ["n1"]
    store.close()


def test_a_refused_change_leaves_the_snapshot(place: Place) -> None:
    store = place.open(real_clock)
    with Feed(store, store.mirror, real_clock) as feed:
        put(store, policy("p1", "one"))
        with pytest.raises(Exception, match="broken"):
            put(store, policy("p1", "broken"))
        snapshot = feed.current()
        assert snapshot is not None and snapshot.names == {"p1": "one"}
    store.close()


def test_contact_stays_fresh_while_nothing_changes(place: Place) -> None:
    store = place.open(real_clock)
    with Feed(store, store.mirror, real_clock, TICK) as feed:
        first = feed.contact_at
        assert first is not None
        assert eventually(lambda: (feed.contact_at or first) > first)
        age = feed.age()
        assert age is not None and age < timedelta(seconds=2)
    store.close()


def test_what_others_write_wakes_the_feed_long_before_its_next_look(place: Place) -> None:
    store, other = place.open(real_clock), place.open(real_clock)
    with Feed(store, store.mirror, real_clock, timedelta(seconds=5)) as feed:
        heard = []
        for number in range(4):
            revision = other.revocations.revoke_session(f"n{number}", real_clock())
            began = time.monotonic()
            assert feed.wait_for(revision)
            heard.append(time.monotonic() - began)
        # Three of four: the first may come while the feed is still on its way to waiting.
        assert sorted(heard)[2] < 1
        put(other, policy("p1", "one"))  # ends the wait, and with it the test
    store.close()
    other.close()


def test_a_waiting_reader_gives_up_in_time(place: Place) -> None:
    store = place.open(real_clock)
    with Feed(store, store.mirror, real_clock) as feed:
        assert not feed.wait_for(store.revision() + 1, timedelta(milliseconds=30))
    store.close()


def test_x01_postgresql_gone_and_back(caplog: pytest.LogCaptureFixture) -> None:
    server = PostgresServer()
    server.start()
    store = Place(server.database(), ENVIRONMENT).open(real_clock)
    try:
        with Feed(store, store.mirror, real_clock, TICK) as feed:
            put(store, policy("p1", "one"))
            server.kill()
            with pytest.raises(StoreUnavailable) as failure:
                store.revision()
            assert failure.value.__cause__ is None
            assert eventually(lambda: "cannot be followed" in caplog.text)
            stale = feed.contact_at
            time.sleep(0.2)
            assert feed.contact_at == stale
            snapshot = feed.current()
            assert snapshot is not None and snapshot.names == {"p1": "one"}
            server.start()
            assert eventually(lambda: (feed.contact_at or real_clock()) != stale)
            put(store, policy("p1", "two"))
            assert feed.wait_for(store.revision())
        errors = [one for one in caplog.records if one.levelno >= logging.ERROR]
        assert len(errors) == 1, "an outage is one line a minute"
    finally:
        store.close()
        server.close()


def test_x01_sqlite_file_unreadable_and_back(tmp_path: Path) -> None:
    file = tmp_path / "lychgate.db"
    place = Place(f"sqlite:///{file}", ENVIRONMENT)
    store = place.open(real_clock)
    put(store, policy("p1", "one"))
    with Feed(store, store.mirror, real_clock, TICK) as feed:
        other = place.open(real_clock)
        kept = tmp_path / "kept.db"
        other.close()
        os.rename(file, kept)
        file.mkdir()
        assert eventually(lambda: (feed.age() or timedelta()) > timedelta(milliseconds=300))
        snapshot = feed.current()
        assert snapshot is not None and snapshot.names == {"p1": "one"}
        file.rmdir()
        os.rename(kept, file)
        stale = feed.contact_at
        assert eventually(lambda: feed.contact_at != stale)
    store.close()


def test_a_store_that_cannot_be_compiled_is_no_contact(place: Place) -> None:
    store = place.open(real_clock)
    put(store, policy("p1", "one"))
    late = place.open(real_clock)
    late.mirror.compile = _refuse
    with Feed(late, late.mirror, real_clock, TICK) as feed:
        assert feed.current() is None
        assert feed.contact_at is None and feed.age() is None
    late.close()
    store.close()


def _refuse(
    previous: Snap | None, state: State, changed: frozenset[ObjectKey], now: datetime
) -> Snap:
    raise RuntimeError("no compiler today")


def test_it_counts_how_late_it_hears_of_what(place: Place) -> None:
    store, other = place.open(real_clock), place.open(real_clock)
    put(other, policy("p1", "one"))
    registry = CollectorRegistry()
    with Feed(store, store.mirror, real_clock, counts=StoreCounts(registry)) as feed:
        assert feed.follows
        assert _heard(registry, "object") == 0, "what was there before is no news"
        put(other, policy("p1", "two"))
        assert feed.wait_for(other.revision())
        assert feed.wait_for(other.revocations.revoke_session("n1", real_clock()))
        assert feed.wait_for(other.revocations.revoke_app(AppId("a1"), real_clock()))
        assert eventually(lambda: _heard(registry, "revocation") == 2)
    assert _heard(registry, "object") == 1
    late = value(counted(registry), "lychgate_change_seconds", "_sum", what="revocation")
    assert 0 < late < 2
    assert value(counted(registry), "lychgate_snapshot_refresh_seconds", "_count") >= 3
    store.close()
    other.close()


def _heard(registry: CollectorRegistry, what: str) -> float:
    return value(counted(registry), "lychgate_change_seconds", "_count", what=what)


def test_a_store_that_fails_is_counted_and_not_followed(tmp_path: Path) -> None:
    file, registry = tmp_path / "lychgate.db", CollectorRegistry()
    counts = StoreCounts(registry)
    store = Place(f"sqlite:///{file}", ENVIRONMENT).open(real_clock, counts=counts)
    with Feed(store, store.mirror, real_clock, TICK, counts) as feed:
        file.rename(tmp_path / "elsewhere")
        assert eventually(lambda: not feed.follows)
        with pytest.raises(StoreUnavailable):
            store.audit.write([AuditEvent(real_clock(), "login")])
    told = counted(registry)
    assert value(told, "lychgate_store_errors_total", access="read") > 0
    assert value(told, "lychgate_store_errors_total", access="write") == 1
    store.close()
