"""The one implementation of `Store`, for SQLite and PostgreSQL, and how one is opened."""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, insert, select

from lychgate import tracing
from lychgate.core.keys import Keyring
from lychgate.store import tables
from lychgate.store.apitokens import SqlApiTokens
from lychgate.store.approving import SqlApprovals, SqlPurposes
from lychgate.store.auditlog import SqlAuditLog
from lychgate.store.base import (
    Actor,
    Changes,
    Clock,
    Compile,
    Kind,
    Object,
    Page,
    Plan,
    Position,
    ToModel,
)
from lychgate.store.counts import StoreCounts
from lychgate.store.database import CONNECTIONS, Database
from lychgate.store.editing import change
from lychgate.store.housekeeping import prune, take_turn
from lychgate.store.issuers import SqlIssuers
from lychgate.store.keyrows import (
    add_signing,
    have_keys,
    make_first,
    newest_signing,
    read_keyring,
)
from lychgate.store.listening import Bell, bell_for
from lychgate.store.migrations import migrate
from lychgate.store.mirror import Mirror
from lychgate.store.oauthrows import SqlOAuth
from lychgate.store.objects import (
    SKEW,
    book,
    counter,
    lock_revision,
    next_revision,
    read_changes,
    read_listed,
    read_object,
    read_objects,
    read_page,
    read_position,
    read_some,
    refuse_ahead,
    server,
)
from lychgate.store.onetime import SqlOneTime, SqlPins
from lychgate.store.people import SqlSessions, SqlUsers
from lychgate.store.results import SqlResults
from lychgate.store.revoked import SqlRevocations
from lychgate.store.sealing import SEAL_CHECK, KeyPlace, MasterKey
from lychgate.store.transfers import SqlTransfers
from lychgate.store.uses import SqlTokenUses
from lychgate.store.visits import SqlVisits
from lychgate.store.writing import read_secrets


def open_store[S](
    url: str,
    to_model: ToModel,
    compile: Compile[S],
    clock: Clock,
    master_key_file: Path | None = None,
    salvage: Compile[S] | None = None,
    environment: Mapping[str, str] = os.environ,
    counts: StoreCounts | None = None,
    connections: int = CONNECTIONS,
) -> "SqlStore[S]":
    """Open the store of an address; the first time makes tables, master key and first keys.

    Without `master_key_file` the master key of a SQLite store lies beside it, with the suffix
    `.key`. The environment variable `LYCHGATE_MASTER_KEY` goes before either.
    """
    database = Database(url, counts, connections)
    try:
        migrate(database)
        master = _unlock(database, key_place(database, master_key_file, environment))
        store = SqlStore(
            database, master, Mirror(to_model, compile, clock, salvage), bell_for(database)
        )
        store.keys.make_first(clock())
    except BaseException:
        database.close()
        raise
    return store


def key_place(
    database: Database, file: Path | None, environment: Mapping[str, str] = os.environ
) -> KeyPlace:
    """Where the master key of a database is looked for."""
    return KeyPlace(environment, file or _beside(database))


def _beside(database: Database) -> Path | None:
    return None if database.file is None else database.file.with_suffix(".key")


def _unlock(database: Database, place: KeyPlace) -> MasterKey:
    """The master key, proven to be the one this store was sealed with."""
    query = select(tables.seal_check.c.sealed)
    with database.read() as connection:
        sealed = connection.scalar(query)
    if sealed is None:
        with database.write() as connection:
            lock_revision(connection)
            sealed = connection.scalar(query)
            if sealed is None:
                return _first_master(connection, place)
    found = place.existing()
    if found is None:
        raise place.missing()
    found.unseal(SEAL_CHECK, sealed)
    return found


def _first_master(connection: Connection, place: KeyPlace) -> MasterKey:
    master = place.existing_or_new()
    row = {"id": 1, "sealed": master.seal(SEAL_CHECK, b"sealed")}
    connection.execute(insert(tables.seal_check), row)
    return master


@dataclass(frozen=True, slots=True)
class SqlKeys:
    """The keys in their table."""

    database: Database
    master: MasterKey = field(repr=False)
    bell: Bell

    def keyring(self) -> Keyring:
        """All keys, oldest first."""
        with self.database.read() as connection:
            return read_keyring(connection, self.master)

    def make_first(self, now: datetime) -> None:
        """Make the first keys unless there are some; one process of several does it."""
        with self.database.read() as connection:
            if have_keys(connection):
                return
        with self.database.write() as connection:
            lock_revision(connection)
            if not have_keys(connection):
                make_first(connection, self.master, now, next_revision(connection))

    def rotate(self, now: datetime, unless_since: datetime | None = None) -> Keyring:
        """Publish a new signing key, unless there is one so new; see `base.Keys`."""
        with self.database.write() as connection:
            lock_revision(connection)
            if unless_since is None or newest_signing(connection) <= unless_since:
                add_signing(connection, self.master, now, next_revision(connection))
            keyring = read_keyring(connection, self.master)
        self.bell.ring()
        return keyring


class SqlStore[S]:
    """All that outlives a process, in one database; see `base.Store` for each method."""

    def __init__(
        self, database: Database, master: MasterKey, mirror: Mirror[S], bell: Bell
    ) -> None:
        self._database = database
        self._master = master
        self._bell = bell
        self.mirror = mirror
        """The newest state this process knows; its feed and its changes share it."""
        clock = mirror.clock
        self.sessions = SqlSessions(database, clock)
        self.users = SqlUsers(database, bell)
        self.revocations = SqlRevocations(database, bell)
        self.keys = SqlKeys(database, master, bell)
        self.one_time = SqlOneTime(database, clock)
        self.pins = SqlPins(database)
        self.approvals = SqlApprovals(database)
        self.purposes = SqlPurposes(database, clock)
        self.audit = SqlAuditLog(database)
        self.oauth = SqlOAuth.over(database, bell)
        self.token_uses = SqlTokenUses(database)
        self.transfers = SqlTransfers(database)
        self.api_tokens = SqlApiTokens(database)
        self.visits = SqlVisits(database)
        self.issuers = SqlIssuers(database)
        self.results = SqlResults(database)

    def revision(self) -> int:
        """The number that grows with each change of configuration, keys or revocations."""
        with self._database.read() as connection:
            return counter(connection, "revision")

    def position(self) -> Position:
        """The same number, and whose it is."""
        with self._database.read_promptly() as connection:
            return read_position(connection)

    def objects(self, kind: Kind) -> tuple[Object, ...]:
        """All objects of a kind in order of creation."""
        with self._database.read() as connection:
            return read_objects(connection, kind)

    def object(self, kind: Kind, id: str) -> Object | None:
        """One object, if it exists."""
        with self._database.read() as connection:
            return read_object(connection, kind, id)

    def listed(self, kind: Kind) -> tuple[Object, ...]:
        """The objects of a kind that are listed by themselves, in order of creation."""
        with self._database.read() as connection:
            return read_listed(connection, kind)

    def page(self, kind: Kind, limit: int, offset: int) -> Page[Object]:
        """Some of those that are listed by themselves, and how many there are."""
        with self._database.read() as connection:
            return read_page(connection, kind, limit, offset)

    def some(self, kind: Kind, ids: Collection[str]) -> Mapping[str, Object]:
        """Those of the ids that exist."""
        with self._database.read() as connection:
            return {one.id: one for one in read_some(connection, kind, ids)}

    def changes(self, since: int) -> Changes:
        """Everything after a revision; 0 asks for all."""
        found: list[Object] = []
        with self._database.read() as connection:
            start = Position(since, server(connection))
            changes = read_changes(connection, self._master, start, found.append)
        return replace(changes, objects=tuple(found))

    def each_change(self, since: Position, visit: Callable[[Object], None]) -> Changes:
        """As `changes`, with each object handed to `visit` instead of collected."""
        with self._database.read_promptly() as connection:
            return read_changes(connection, self._master, since, visit)

    def change(self, actor: Actor, plan: Plan) -> int:
        """Plan, compile, write and audit in one transaction; the revision afterwards."""
        with tracing.inside("store change") as note:
            revision = change(self._database, self._master, self.mirror, actor, plan)
            note(revision=revision, actor_kind=actor.kind)
        self._bell.ring()
        return revision

    def secrets(self, kind: Kind, id: str) -> Mapping[str, str]:
        """The secrets of an object by name, unsealed; empty when it has none."""
        with self._database.read() as connection:
            return read_secrets(connection, self._master, kind, id)

    def book(self, at: datetime) -> int:
        """The revision by which tokens of the second of `at` are judged; see `base.Store`."""
        second = int(at.timestamp())
        with self._database.read() as connection:
            issued, revision = counter(connection, "issued"), counter(connection, "revision")
        if second <= issued <= second + SKEW.total_seconds():
            return revision
        with self._database.write() as connection:
            refuse_ahead(connection, second)
            return book(connection, second)

    def take_turn(self, every: timedelta, now: datetime) -> bool:
        """Whether the chores are this node's now: true for one node in so long a time."""
        with self._database.write() as connection:
            return take_turn(connection, every, now)

    def wait(self, timeout: timedelta) -> None:
        """Return after the timeout, or at once when the store hears of a change."""
        self._bell.wait(timeout)

    def prune(self, now: datetime) -> int:
        """Housekeeping: drop what expired and retire keys that were replaced; rows dropped."""
        with self._database.write() as connection:
            dropped = prune(connection, now)
        self._bell.ring()
        return dropped

    def close(self) -> None:
        """Give back every connection."""
        self._bell.close()
        self._database.close()
