"""PostgreSQL that stops, hangs, refuses writes, or is another server now: nothing hangs with it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest

from lychgate.store import database, listening, postgres
from lychgate.store.base import StoreUnavailable
from lychgate.store.feed import Feed
from tests.store.parts import MASTER_KEY, Opened, Place, Snap, policy, put, real_clock
from tests.store.test_feed import eventually
from tests.support.postgres import PostgresServer
from tests.support.wire import Wire

ENVIRONMENT = {"LYCHGATE_MASTER_KEY": MASTER_KEY}
RECOVERED = 10.0
"""Seconds within which everything works again."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits of waiting, shorter than outside, in proportion."""
    monkeypatch.setattr(postgres, "_CHECK_PATIENCE", 1.0)
    monkeypatch.setattr(postgres, "PATIENCE", 2.0)
    monkeypatch.setattr(database, "PROMPT", 1.0)
    monkeypatch.setattr(listening, "_ASK_EVERY", 2)
    monkeypatch.setattr(postgres, "_DEFAULTS", {**postgres._DEFAULTS, "connect_timeout": 2})


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that is as it was at the end of each test."""
    own = PostgresServer()
    own.start()
    yield own
    own.close()


@contextmanager
def followed(url: str) -> Iterator[tuple[Opened, Feed[Snap]]]:
    """A store with one object, and its feed."""
    store = Place(url, ENVIRONMENT).open(real_clock)
    with Feed(store, store.mirror, real_clock) as feed:
        put(store, policy("p1", "one"))
        yield store, feed
    store.close()


def names(feed: Feed[Snap]) -> object:
    """What the objects are called."""
    snapshot = feed.current()
    return snapshot and snapshot.names


def stands_still(feed: Feed[Snap]) -> bool:
    """Whether the feed admits that it hears nothing any more."""
    return eventually(lambda: (feed.age() or timedelta()) > timedelta(seconds=0.9))


def refused(store: Opened) -> float:
    """How long a change takes to be refused."""
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        put(store, policy("p1", "lost"))
    return time.monotonic() - started


def goes_on(store: Opened, feed: Feed[Snap], name: str) -> bool:
    """Whether changes are made and heard of again in time."""
    ends = time.monotonic() + RECOVERED
    while time.monotonic() < ends:
        try:
            revision = put(store, policy("p1", name))
        except StoreUnavailable:
            time.sleep(0.1)
            continue
        fresh = eventually(lambda: (feed.age() or timedelta.max) < timedelta(seconds=0.9))
        return feed.wait_for(revision) and names(feed) == {"p1": name} and fresh
    return False


@pytest.mark.usefixtures("impatient")
def test_x01_a_server_that_hangs_is_no_contact(server: PostgresServer) -> None:
    with followed(server.database()) as (store, feed):
        server.freeze()
        try:
            assert stands_still(feed)
            assert refused(store) < 6
            assert refused(store) < 6
        finally:
            server.thaw()
        assert goes_on(store, feed, "after")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("hears", [True, False])
def test_x01_a_cut_wire_is_no_contact(server: PostgresServer, hears: bool) -> None:
    url = server.database()
    with (
        Wire(server.port) as wire,
        followed(url.replace(str(server.port), str(wire.port))) as (store, feed),
    ):
        elsewhere = Place(url, ENVIRONMENT).open(real_clock)
        wire.cut()
        assert stands_still(feed)
        put(elsewhere, policy("p1", "elsewhere"))
        if not hears:
            elsewhere.revocations.revoke_session("n1", real_clock())
        assert refused(store) < 6
        assert names(feed) == {"p1": "one"}
        wire.mend()
        revision = elsewhere.revision()
        assert feed.wait_for(revision, timedelta(seconds=RECOVERED))
        assert goes_on(store, feed, "after")
        elsewhere.close()


def test_x01_a_server_that_takes_no_writes_is_no_contact(server: PostgresServer) -> None:
    with followed(server.database()) as (store, feed):
        server.read_only(True)
        try:
            assert stands_still(feed)
            assert refused(store) < 3
        finally:
            server.read_only(False)
        assert goes_on(store, feed, "after")


def test_x01_a_standby_is_no_contact(server: PostgresServer) -> None:
    url = server.database()
    Place(url, ENVIRONMENT).open(real_clock).close()
    standby = server.standby()
    try:
        with pytest.raises(StoreUnavailable, match="read-only"):
            Place(url.replace(str(server.port), str(standby.port)), ENVIRONMENT).open(real_clock)
    finally:
        standby.close()


@pytest.mark.parametrize("hung", [False, True])
@pytest.mark.usefixtures("impatient")
def test_x01_another_server_takes_over(hung: bool) -> None:
    server = PostgresServer()
    server.start()
    url = server.database()
    Place(url, ENVIRONMENT).open(real_clock).close()
    standby = server.standby()
    both = f"127.0.0.1:{server.port},127.0.0.1:{standby.port}"
    try:
        with followed(url.replace(f"127.0.0.1:{server.port}", both)) as (store, feed):
            server.freeze() if hung else server.kill()
            assert stands_still(feed)
            standby.promote()
            assert goes_on(store, feed, "after")
            with postgres.connect(f"postgresql://postgres@127.0.0.1:{standby.port}") as asked:
                listens = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
                assert eventually(lambda: asked.execute(listens).fetchone() == (1,), 15)
    finally:
        if hung:
            server.thaw()
        standby.close()
        server.close()


def test_x05_a_change_that_nobody_announced_is_heard_of_all_the_same(
    server: PostgresServer,
) -> None:
    url = server.database()
    with followed(url) as (_, feed), psycopg.connect(url) as quiet:
        quiet.execute("UPDATE objects SET body = replace(body, 'one', 'two'), revision = 1000")
        quiet.execute("UPDATE counters SET value = 1000 WHERE name = 'revision'")
        quiet.commit()
        assert feed.wait_for(1000, timedelta(seconds=1))
        assert names(feed) == {"p1": "two"}


def test_a_long_list_of_statements_is_not_silence(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PATIENCE", 0.5)
    with followed(server.database()) as (store, feed):
        put(store, *(policy(f"p{number}") for number in range(5000)))
        assert feed.current() is not None
    with postgres.connect(server.database()) as connection:
        connection.patience = 0.3
        with pytest.raises(psycopg.OperationalError, match="does not answer"):
            connection.execute("SELECT pg_sleep(5)")
        assert connection.closed


def test_x01_what_a_failover_lost_is_not_mistaken_for_what_came_after(
    server: PostgresServer,
) -> None:
    """Two servers count on from one revision; what the second made under a number counts."""
    url = server.database()
    with followed(url) as (store, feed):
        lost = store.revocations.revoke_session("lost", real_clock())
        put(store, policy("p1", "lost"))
        assert feed.wait_for(lost + 1)
        with psycopg.connect(url) as quiet:
            quiet.execute("DELETE FROM revocations")
            quiet.execute("UPDATE objects SET body = replace(body, 'lost', 'kept')")
            quiet.execute("UPDATE counters SET value = %s WHERE name = 'revision'", (lost,))
            quiet.execute("UPDATE objects SET revision = %s", (lost,))
        server.stop()
        server.start()
        assert eventually(lambda: names(feed) == {"p1": "kept"})
        snapshot = feed.current()
        assert snapshot is not None
        assert [one.key for one in snapshot.state.revocations] == ["lost"], "it was heard of"
