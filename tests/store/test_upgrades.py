"""Nodes of two releases on one database: each step of the history leaves the other be."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, text

from lychgate.core.model import IdpId, TokenId
from lychgate.store import tables
from lychgate.store.base import (
    ApiToken,
    AuditFilter,
    Kind,
    PinStatus,
    StoreTooNew,
    StoreTooOld,
    Transfer,
)
from lychgate.store.database import Database
from lychgate.store.feed import Feed
from lychgate.store.migrations import HEAD, configuration, history, migrate, version_of
from tests.store.contract.test_oauth import CLIENT, GRANT, granted, logged_in
from tests.store.parts import START, FixedClock, Opened, Place, delete, policy, put, real_clock
from tests.support.postgres import PostgresServer

FIRST = "0007"
"""The history of the first release: nobody ran anything between the steps before it."""
NEXT = "0999"

type Shape = dict[str, dict[str, tuple[str, bool, bool]]]
"""By table and column: its type, and whether it may be empty or has a default."""


def shape(connection: Connection) -> Shape:
    """The tables as they are."""
    found = inspect(connection)
    return {
        table: {
            one["name"]: (
                str(one["type"]),
                bool(one["nullable"]),
                one["default"] is not None or bool(one.get("autoincrement") is True),
            )
            for one in found.get_columns(table)
        }
        for table in found.get_table_names()
    }


def constraints(connection: Connection, table: str) -> set[Any]:
    """What a table refuses to hold."""
    found = inspect(connection)
    unique = {tuple(one["column_names"]) for one in found.get_unique_constraints(table)}
    unique |= {
        tuple(map(str, one["column_names"])) for one in found.get_indexes(table) if one["unique"]
    }
    refers = {tuple(one["constrained_columns"]) for one in found.get_foreign_keys(table)}
    checks = {one["sqltext"] for one in found.get_check_constraints(table)}
    return unique | refers | checks


def added(before: Shape, after: Shape) -> dict[str, set[str]]:
    """The new columns of tables that were there; fails when anything went or changed."""
    columns = {}
    for table, old in before.items():
        assert table in after, f"{table} was dropped"
        assert {name: after[table].get(name) for name in old} == old, f"{table} was changed"
        columns[table] = set(after[table]) - set(old)
    return columns


def test_each_step_only_adds_what_the_release_before_can_leave_alone(place: Place) -> None:
    """A release that takes something away says so in `serves`, one release after its last use."""
    database = Database(place.url)
    with database.write_at_length() as connection:
        steps = [one.revision for one in history(connection).walk_revisions()][::-1]
        assert steps == sorted(steps) and steps[-1] == HEAD and FIRST in steps
        command.upgrade(configuration(connection), FIRST)
        before = shape(connection)
        limits = {table: constraints(connection, table) for table in before}
        for step in steps[steps.index(FIRST) + 1 :]:
            command.upgrade(configuration(connection), step)
            after = shape(connection)
            for table, names in added(before, after).items():
                for name in names:
                    _, empty, default = after[table][name]
                    assert empty or default, f"{step}: old programs cannot fill {table}.{name}"
                assert constraints(connection, table) == limits[table], f"{step}: {table}"
            before = after
            limits = {table: constraints(connection, table) for table in before}
    database.close()


@pytest.mark.parametrize("taken", ["DROP TABLE pins", "ALTER TABLE pins RENAME tries TO attempts"])
def test_the_check_above_sees_what_is_taken_away(place: Place, taken: str) -> None:
    database = Database(place.url)
    migrate(database)
    with database.write() as connection:
        before = shape(connection)
        connection.execute(text(taken))
        with pytest.raises(AssertionError, match="pins"):
            added(before, shape(connection))
    database.close()


def test_each_step_says_which_programs_can_work_with_it(place: Place) -> None:
    database = Database(place.url)
    migrate(database)
    with database.write() as connection:
        steps = {one.revision: one.module for one in history(connection).walk_revisions()}
        for number in steps:
            if number >= FIRST:
                assert FIRST <= steps[number].serves <= number, number
    database.close()


def advance(url: str, serves: str) -> None:
    """What a later release might do to the tables, as far as the rule allows."""
    database = Database(url)
    with database.write_at_length() as connection:
        for table in tables.metadata.tables:
            connection.execute(text(f'ALTER TABLE "{table}" ADD COLUMN later TEXT'))
            connection.execute(text(f'ALTER TABLE "{table}" ADD COLUMN fixed INT DEFAULT 7'))
        connection.execute(text("CREATE TABLE later (id TEXT PRIMARY KEY)"))
        connection.execute(text("CREATE INDEX ix_later ON sessions (later)"))
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{NEXT}'"))
        raised = f"UPDATE counters SET value = {int(serves)} WHERE name = 'serves'"
        connection.execute(text(raised))
    database.close()


def use_everything(store: Opened) -> None:
    """Every table written and read, as a day's work does."""
    soon = START + timedelta(hours=1)
    put(store, policy("p1", "one"), replace(policy("p2"), secrets={"client_secret": "x"}))
    put(store, delete(Kind.POLICY, "p1"))
    assert store.secrets(Kind.POLICY, "p2") == {"client_secret": "x"}
    user = store.users.find_or_create("alice@example.com", "Alice", START)
    logged_in(store)
    assert store.sessions.get("n1") is not None
    store.pins.issue("t", "alice@example.com", b"hash", soon, START, 10)
    assert store.pins.attempt("t", b"hash", START).status is PinStatus.OK
    assert store.one_time.consume("state", "1", soon)
    store.oauth.clients.register(CLIENT)
    assert store.oauth.grants.get(granted(store).id) == GRANT
    store.token_uses.note({TokenId("t"): START})
    store.transfers.put("key", Transfer("sender", "content", soon))
    assert store.transfers.take("key", START) is not None
    store.api_tokens.create(ApiToken("a", "ci", "", (), START), b"digest")
    assert store.visits.count("x", 10, timedelta(hours=1), START) is None
    store.issuers.note(IdpId("i"), "s", "https://issuer.example")
    store.results.keep("r", [1], START)
    assert store.results.find("r", START) == [1]
    store.book(START)
    store.keys.rotate(START)
    store.revocations.revoke_session("n1", START)
    assert store.sessions.get("n1") is None
    store.users.delete(user.id, START)
    store.prune(START)
    assert store.take_turn(timedelta(hours=1), START)
    assert store.audit.query(AuditFilter())


def test_a_program_goes_on_while_a_newer_one_changes_the_tables(place: Place) -> None:
    """The old release is running, the new one starts: nothing the old one does fails."""
    store = place.open(FixedClock())
    failures: list[BaseException] = []
    over = threading.Event()

    def work() -> None:
        number = 0
        try:
            while not over.is_set():
                number += 1
                put(store, policy("busy", f"round {number}"))
                store.one_time.consume("busy", str(number), START + timedelta(hours=1))
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            failures.append(error)

    with Feed(store, store.mirror, real_clock) as feed:
        busy = threading.Thread(target=work)
        busy.start()
        try:
            advance(place.url, HEAD)
        finally:
            over.set()
            busy.join()
        assert failures == []
        use_everything(store)
        assert feed.wait_for(store.revision())
    store.close()


def test_a_program_starts_on_the_tables_of_a_newer_one(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.open(real_clock).close()
    advance(place.url, HEAD)
    store = place.open(FixedClock())
    assert f"the store is at {NEXT}, this version is made for {HEAD}" in caplog.text
    use_everything(store)
    store.close()
    database = Database(place.url)
    with database.read() as connection:
        assert version_of(connection) == NEXT, "the tables stay the newer one's"
    database.close()


@pytest.mark.parametrize("serves", [str(int(HEAD) + 1), None])
def test_a_program_that_is_too_old_refuses_and_says_so(place: Place, serves: str | None) -> None:
    place.open(real_clock).close()
    advance(place.url, serves or HEAD)
    if serves is None:
        database = Database(place.url)
        with database.write() as connection:
            connection.execute(text("DELETE FROM counters WHERE name = 'serves'"))
        database.close()
    with pytest.raises(StoreTooNew, match=f"the store is at `{NEXT}`") as refused:
        place.open(real_clock)
    assert "newer version" in refused.value.hint


@contextmanager
def starting(place: Place, many: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that open the same store at once."""
    command = [sys.executable, "-m", "tests.store.worker", "keys", place.url]
    found = [
        subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(place.environment))
        for _ in range(many)
    ]
    try:
        yield found
    finally:
        for one in found:
            one.kill()
            one.communicate()


def test_an_older_store_is_brought_up_once_by_nodes_that_start_together(place: Place) -> None:
    database = Database(place.url)
    with database.write_at_length() as connection:
        command.upgrade(configuration(connection), "0005")
    database.close()
    with starting(place, 3) as processes:
        answers = {one.communicate(timeout=60)[0] for one in processes}
        assert [one.returncode for one in processes] == [0, 0, 0]
    assert len(answers) == 1
    database = Database(place.url)
    with database.read() as connection:
        assert version_of(connection) == HEAD
    database.close()


def test_a_role_that_may_not_make_tables_is_told_what_to_do(postgres: PostgresServer) -> None:
    url = postgres.database()
    database = Database(url)
    with database.write() as connection:
        connection.execute(text("DROP ROLE IF EXISTS server"))
        connection.execute(text("CREATE ROLE server LOGIN"))
    database.close()
    limited = Database(url.replace("postgres@", "server@"))
    with pytest.raises(StoreTooOld, match="has no tables yet") as refused:
        migrate(limited)
    assert "lychgate migrate" in refused.value.hint
    limited.close()
