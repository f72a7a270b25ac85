"""Keeps what a call found out until it is asked for, on whichever node."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select

from lychgate.store import tables
from lychgate.store.database import Database

LIFE = timedelta(hours=1)
MOST = 100
"""Results kept at a time; the oldest go first."""


@dataclass(frozen=True, slots=True)
class SqlResults:
    """Results in their table."""

    database: Database
    most: int = MOST

    def keep(self, id: str, content: Any, now: datetime) -> None:
        """Keep a result for an hour, and forget the oldest of too many."""
        table = tables.results
        newest = select(table.c.id).order_by(table.c.expires_at.desc()).limit(self.most)
        with self.database.write() as connection:
            row = {"id": id, "content": content, "expires_at": now + LIFE}
            connection.execute(insert(table), row)
            connection.execute(delete(table).where(table.c.id.not_in(newest)))

    def find(self, id: str, now: datetime) -> Any:
        """A result that is still kept, or None."""
        table = tables.results
        query = select(table.c.content).where(table.c.id == id, table.c.expires_at > now)
        with self.database.read() as connection:
            return connection.scalar(query)
