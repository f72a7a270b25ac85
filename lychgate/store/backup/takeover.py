"""Copies a proven database over a store, in one transaction that everybody then hears of."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from itertools import batched
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, text, update

from lychgate.store import tables
from lychgate.store.auditlog import append
from lychgate.store.backup.archive import Header
from lychgate.store.backup.carrying import carry_endings
from lychgate.store.backup.dump import reflected
from lychgate.store.backup.ending import Kept
from lychgate.store.base import AuditEvent, StoreTooNew
from lychgate.store.database import Database
from lychgate.store.migrations import HEAD, version_of
from lychgate.store.objects import counter, lock_revision, next_revision

_BATCH = 1000
_LEAP = 1_000_000
"""More changes than anybody makes between a backup and the loss of its store: no process that
still runs may take the restored state for one that it knows."""


def take_over(
    target: Database,
    scratch: Database,
    header: Header,
    kept: Collection[Kept],
    now: datetime,
    admit: Callable[[Connection], None],
) -> int:
    """Replace everything; how many rows of the audit log that was there were carried over.

    `admit` raises what forbids it, once nobody else can write any more.
    """
    with target.write() as connection:
        _refuse_later(connection)
        theirs = reflected(connection)
        _lock(connection, theirs)
        admit(connection)
        with scratch.write() as proven:
            carry_endings(connection, proven, kept, now)
            carried = _carry_audit(connection, proven)
            append(proven, [_event(header, now)])
            newest = max(counter(connection, "revision"), counter(proven, "revision"))
            _set(proven, "revision", newest + _LEAP)
        with scratch.read() as proven:
            for name, table in reflected(proven).items():
                connection.execute(delete(theirs[name]))
                _copy(proven, table, connection, theirs[name])
        _go_on_counting(connection)
        # Whoever knows an older revision than this reads everything.
        _set(connection, "floor", next_revision(connection))
    return carried


def _refuse_later(connection: Connection) -> None:
    """Never leave tables of a later version behind with an earlier one's rows in them."""
    version = version_of(connection)
    if version != HEAD:
        raise StoreTooNew(
            f"the store is at `{version}`, which is later than this version",
            "restore with the newer version, or into an empty database",
        )


def _lock(connection: Connection, found: Mapping[str, Table]) -> None:
    """Keep everybody out until the end; SQLite has one writer anyway."""
    lock_revision(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {', '.join(found)} IN ACCESS EXCLUSIVE MODE"))


def _carry_audit(old: Connection, proven: Connection) -> int:
    """Keep the audit log of the store: how many rows are not in the backup."""
    audit, carried = tables.audit, 0
    for some in _batches(old, select(audit).order_by(audit.c.id)):
        ids = [row["id"] for row in some]
        known = {_same(dict(row._mapping)) for row in proven.execute(_those(ids))}
        news = [row for row in some if _same(row) not in known]
        for row in news:
            del row["id"]
        if news:
            proven.execute(insert(audit), news)
        carried += len(news)
    return carried


def _those(ids: list[int]) -> Any:
    return select(tables.audit).where(tables.audit.c.id.in_(ids))


def _same(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """By what a row of the audit log is known again: its place in the same log."""
    return row["id"], row["at"], row["action"], row["request_id"]


def _copy(proven: Connection, source: Table, connection: Connection, table: Table) -> None:
    for some in _batches(proven, select(source)):
        connection.execute(insert(table), some)


def _batches(connection: Connection, query: Any) -> Iterator[list[dict[str, Any]]]:
    with connection.execute(query.execution_options(yield_per=_BATCH)) as rows:
        for some in batched(rows, _BATCH, strict=False):
            yield [dict(row._mapping) for row in some]


def _go_on_counting(connection: Connection) -> None:
    """Let PostgreSQL's sequences go on after the ids that were copied."""
    if connection.dialect.name != "postgresql":
        return
    for table in (tables.audit, tables.pins):
        sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
        newest = f"(SELECT coalesce(max(id), 0) + 1 FROM {table.name})"
        connection.execute(text(f"SELECT setval({sequence}, {newest}, false)"))


def _set(connection: Connection, name: str, value: int) -> None:
    counters = tables.counters
    connection.execute(update(counters).where(counters.c.name == name).values(value=value))


def _event(header: Header, now: datetime) -> AuditEvent:
    made_at = header.made_at.isoformat(timespec="seconds")
    details = {"made_at": made_at, "version": header.version, "revision": header.revision}
    return AuditEvent(now, "restore", actor="lychgate restore", actor_kind="cli", details=details)
