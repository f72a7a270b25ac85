"""Reads objects and what changed since a revision."""

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import astuple
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    func,
    or_,
    select,
    text,
    type_coerce,
    update,
)

from lychgate.core.keys import Keyring
from lychgate.core.model import EPOCH, Revocation, RevocationKind
from lychgate.store import tables
from lychgate.store.base import (
    Changes,
    ClockAhead,
    Kind,
    Object,
    ObjectKey,
    Page,
    Position,
    Source,
    StoreTooNew,
)
from lychgate.store.keyrows import read_keyring
from lychgate.store.sealing import MasterKey

CHANNEL = "lychgate"
"""The PostgreSQL channel that carries each new revision."""
SKEW = timedelta(seconds=3)
"""How far the clocks of two nodes may be apart."""
_BATCH = 500


def counter(connection: Connection, name: str) -> int:
    """The value of a counter."""
    counters = tables.counters
    query = select(counters.c.value).where(counters.c.name == name)
    return int(connection.execute(query).scalar_one())


def lock_revision(connection: Connection) -> int:
    """The present revision; whoever else would change it waits for this transaction.

    Revisions therefore become visible in their order, and a reader that saw one has missed none
    below it.
    """
    counters = tables.counters
    query = select(counters.c.value).where(counters.c.name == "revision").with_for_update()
    return int(connection.execute(query).scalar_one())


def after_tokens(connection: Connection, now: datetime) -> datetime:
    """The time of a change: `now`, or the second of the newest token where that is later.

    Until the transaction ends no second is booked that this does not count. A second far in the
    future is that of a clock that was set back since.
    """
    counters = tables.counters
    query = select(counters.c.value).where(counters.c.name == "issued").with_for_update()
    newest = EPOCH + timedelta(seconds=int(connection.execute(query).scalar_one()))
    return newest if now < newest <= _present(connection, now) + SKEW else now


def _present(connection: Connection, now: datetime) -> datetime:
    """The time here or at the database's server, whichever is later: this node may be behind."""
    there = clock_of(connection)
    return now if there is None else max(now, there)


def clock_of(connection: Connection) -> datetime | None:
    """What the clock of the database's server shows; None where that is this machine's."""
    if connection.dialect.name != "postgresql":
        return None
    there: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return there


def refuse_ahead(connection: Connection, second: int) -> None:
    """Refuse a second that the database's clock will not have reached for a while."""
    there = clock_of(connection)
    ahead = 0.0 if there is None else second - there.timestamp()
    if ahead > SKEW.total_seconds():
        raise ClockAhead(
            f"this machine's clock is {ahead:.0f} s ahead of the database's",
            "keep the clocks of all nodes and of the database together (NTP)",
        )


def book(connection: Connection, second: int) -> int:
    """Count tokens of that second as issued; the revision they are to be judged by.

    Waits for a change that is being made, unless a token of that second was counted before it
    began. A second far in the future is that of a clock that was set back since.
    """
    counters, here = tables.counters, EPOCH + timedelta(seconds=second)
    future = (_present(connection, here) + SKEW).timestamp()
    raised = update(counters).where(
        counters.c.name == "issued",
        or_(counters.c.value < second, counters.c.value > future),
    )
    connection.execute(raised.values(value=second))
    return counter(connection, "revision")


def next_revision(connection: Connection) -> int:
    """Raise the revision by one and tell everybody when the transaction commits."""
    counters = tables.counters
    raised = update(counters).where(counters.c.name == "revision")
    revision = int(
        connection.execute(
            raised.values(value=counters.c.value + 1).returning(counters.c.value)
        ).scalar_one()
    )
    if connection.dialect.name == "postgresql":
        notify = text("SELECT pg_notify(:channel, :revision)")
        connection.execute(notify, {"channel": CHANNEL, "revision": str(revision)})
    return revision


def server(connection: Connection) -> str:
    """What tells this server, or file, from one that took its place."""
    if connection.dialect.name == "sqlite":
        return str(connection.info.get("file"))
    return str(connection.scalar(select(func.pg_postmaster_start_time())))


def read_position(connection: Connection) -> Position:
    """The present revision, and whose it is."""
    return Position(counter(connection, "revision"), server(connection))


def next_seq(connection: Connection, many: int) -> int:
    """The first of so many places in the order of creation."""
    counters = tables.counters
    raised = update(counters).where(counters.c.name == "seq")
    last = connection.execute(
        raised.values(value=counters.c.value + many).returning(counters.c.value)
    ).scalar_one()
    return int(last) - many + 1


def read_object(connection: Connection, kind: Kind, id: str) -> Object | None:
    """One object, if it exists."""
    objects = tables.objects
    row = connection.execute(
        select(objects).where(objects.c.kind == kind, objects.c.id == id)
    ).one_or_none()
    return None if row is None else _object(row)


def read_objects(connection: Connection, kind: Kind) -> tuple[Object, ...]:
    """All objects of a kind in order of creation."""
    objects = tables.objects
    query = select(objects).where(objects.c.kind == kind).order_by(objects.c.seq)
    return tuple(_object(row) for row in connection.execute(query))


def read_holding(connection: Connection, kind: Kind, words: str) -> tuple[Object, ...]:
    """At least those objects of a kind in whose body that text stands, in order of creation."""
    objects, written = tables.objects, json.dumps(words)[1:-1]
    holds = type_coerce(objects.c.body, Text).contains(written, autoescape=True)
    query = select(objects).where(objects.c.kind == kind, holds).order_by(objects.c.seq)
    return tuple(_object(row) for row in connection.execute(query))


def read_listed(connection: Connection, kind: Kind) -> tuple[Object, ...]:
    """The objects of a kind that are listed by themselves, in order of creation."""
    query = select(tables.objects).where(_listed(kind)).order_by(tables.objects.c.seq)
    return tuple(_object(row) for row in connection.execute(query))


def read_page(connection: Connection, kind: Kind, limit: int, offset: int) -> Page[Object]:
    """Some of those that are listed by themselves, and how many there are."""
    objects = tables.objects
    total = connection.execute(select(func.count()).select_from(objects).where(_listed(kind)))
    query = select(objects).where(_listed(kind)).order_by(objects.c.seq).limit(limit).offset(offset)
    found = tuple(_object(row) for row in connection.execute(query))
    return Page(found, int(total.scalar_one()))


def _listed(kind: Kind) -> ColumnElement[bool]:
    return and_(tables.objects.c.kind == kind, tables.objects.c.owned.is_(False))


def read_some(connection: Connection, kind: Kind, ids: Collection[str]) -> Iterator[Object]:
    """Those of the ids that exist."""
    objects, wanted = tables.objects, list(dict.fromkeys(ids))
    for start in range(0, len(wanted), _BATCH):
        some = objects.c.id.in_(wanted[start : start + _BATCH])
        for row in connection.execute(select(objects).where(objects.c.kind == kind, some)):
            yield _object(row)


def read_changes(
    connection: Connection,
    master: MasterKey,
    start: Position,
    visit: Callable[[Object], None],
) -> Changes:
    """Everything after a position, objects handed to `visit` one by one."""
    here = read_position(connection)
    floor = max(1, counter(connection, "floor"))
    complete = start.server != here.server or not floor <= start.revision <= here.revision
    since = 0 if complete else start.revision
    if since == here.revision and not complete:
        return Changes(*astuple(here))
    objects = tables.objects
    query: Select[Any] = select(objects).order_by(objects.c.seq)
    query = query if complete else query.where(objects.c.revision > since)
    with connection.execute(query.execution_options(yield_per=_BATCH)) as rows:
        for row in rows:
            visit(_object(row))
    return Changes(
        revision=here.revision,
        server=here.server,
        deleted=() if complete else _deleted(connection, since),
        revocations=_revocations(connection, since),
        keyring=_keyring(connection, master, since),
        complete=complete,
    )


def _deleted(connection: Connection, since: int) -> tuple[ObjectKey, ...]:
    dead = tables.tombstones
    query = select(dead.c.kind, dead.c.id).where(dead.c.revision > since)
    return tuple((Kind(row.kind), row.id) for row in connection.execute(query))


def _revocations(connection: Connection, since: int) -> tuple[Revocation, ...]:
    table = tables.revocations
    query = select(table).where(table.c.revision > since)
    return tuple(revocation(row) for row in connection.execute(query))


def revocation(row: Row[Any]) -> Revocation:
    """A row of `revocations` as a value."""
    return Revocation(RevocationKind(row.kind), row.key, row.not_before, row.expires_at)


def _keyring(connection: Connection, master: MasterKey, since: int) -> Keyring | None:
    keys = tables.keys
    moved = connection.execute(select(keys.c.id).where(keys.c.revision > since).limit(1)).first()
    return None if moved is None and since > 0 else read_keyring(connection, master)


def _object(row: Row[Any]) -> Object:
    return Object(
        kind=_kind(row.kind),
        id=row.id,
        body=row.body,
        created_at=row.created_at,
        updated_at=row.updated_at,
        rules_changed_at=row.rules_changed_at,
        revision=row.revision,
        source=Source(row.source),
        seq=row.seq,
        created_by=row.created_by,
        updated_by=row.updated_by,
        owned=row.owned,
    )


def _kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError as error:
        raise StoreTooNew(
            f"the store holds a `{text}`, which this version does not know",
            "run the newer version that wrote it",
        ) from error
