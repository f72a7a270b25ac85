"""Keeps the audit log: appends, answers questions, forgets."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select

from lychgate.store import tables
from lychgate.store.base import AuditEvent, AuditFilter
from lychgate.store.database import Database

_MOST = 10_000
"""Most lines one question is answered with."""
_AT_A_TIME = 1000


def append(connection: Connection, events: Iterable[AuditEvent]) -> None:
    """Write lines inside a transaction."""
    rows = [_row(event) for event in events]
    if rows:
        connection.execute(insert(tables.audit), rows)


@dataclass(frozen=True, slots=True)
class SqlAuditLog:
    """The audit log in its table."""

    database: Database

    def write(self, events: Iterable[AuditEvent]) -> None:
        """Append lines, all or none."""
        with self.database.write() as connection:
            append(connection, events)

    def query(self, filter: AuditFilter) -> tuple[AuditEvent, ...]:
        """Lines that fit."""
        return self._some(filter, min(filter.limit, _MOST), None)

    def walk(self, filter: AuditFilter) -> Iterator[AuditEvent]:
        """Every line that fits, however many; they are read some at a time."""
        some = self._some(filter, _AT_A_TIME, None)
        while some:
            yield from some
            some = self._some(filter, _AT_A_TIME, some[-1].id)

    def _some(self, filter: AuditFilter, limit: int, last: int | None) -> tuple[AuditEvent, ...]:
        """So many lines that fit; only those behind the `last` one, where it is given."""
        audit, id = tables.audit, tables.audit.c.id
        query = select(audit).where(*_conditions(filter)).limit(limit)
        if last is not None:
            query = query.where(id > last if filter.oldest_first else id < last)
        query = query.order_by(id if filter.oldest_first else id.desc())
        with self.database.read() as connection:
            return tuple(_event(row) for row in connection.execute(query))

    def prune(self, before: datetime) -> int:
        """Forget older lines; how many they were."""
        with self.database.write() as connection:
            return connection.execute(
                delete(tables.audit).where(tables.audit.c.at < before)
            ).rowcount


def _conditions(filter: AuditFilter) -> list[ColumnElement[bool]]:
    columns = tables.audit.c
    equal: dict[str, object] = {
        "email": filter.email,
        "app": filter.app,
        "target": filter.target,
        "request_id": filter.request_id,
        "allowed": filter.allowed,
    }
    conditions = [columns[name] == value for name, value in equal.items() if value is not None]
    if filter.since is not None:
        conditions.append(columns.at >= filter.since)
    if filter.until is not None:
        conditions.append(columns.at <= filter.until)
    if filter.actions:
        conditions.append(columns.action.in_(filter.actions))
    return conditions


def _row(event: AuditEvent) -> dict[str, Any]:
    row = asdict(event)
    del row["id"]
    return row


def _event(row: Row[Any]) -> AuditEvent:
    return AuditEvent(**row._mapping)
