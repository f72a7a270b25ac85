"""Keeps the audit log: appends, answers questions, forgets."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select

from lychgate.store import tables
from lychgate.store.base import AuditEvent, AuditFilter
from lychgate.store.database import Database

_MOST = 10_000
"""Most lines one question is answered with."""


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
        """Lines that fit, newest first."""
        audit = tables.audit
        query = select(audit).where(*_conditions(filter)).order_by(audit.c.id.desc())
        with self.database.read() as connection:
            rows = connection.execute(query.limit(min(filter.limit, _MOST))).all()
        return tuple(_event(row) for row in rows)

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
    if filter.before_id is not None:
        conditions.append(columns.id < filter.before_id)
    return conditions


def _row(event: AuditEvent) -> dict[str, Any]:
    row = asdict(event)
    del row["id"]
    return row


def _event(row: Row[Any]) -> AuditEvent:
    return AuditEvent(**row._mapping)
