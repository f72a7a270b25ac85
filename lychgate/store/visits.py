"""Counts what visitors may do only so often, for all nodes together."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from lychgate.core.model import EPOCH
from lychgate.store import tables
from lychgate.store.database import Database, one_at_a_time
from lychgate.store.onetime import refuse_when_full

MOST_COUNTED = 100_000
"""Counts kept at a time."""


@dataclass(frozen=True, slots=True)
class SqlVisits:
    """Counts in their table: one for each visitor and span of time.

    The last span weighs as much as of it would still lie in a window that slides with time.
    """

    database: Database
    most: int = MOST_COUNTED

    def count(self, who: str, most: int, span: timedelta, now: datetime) -> timedelta | None:
        """Count one more, unless there were so many; see `base.Visits`."""
        digest = hashlib.sha256(who.encode(errors="backslashreplace")).digest()
        number, into = divmod(now - EPOCH, span)
        with self.database.write() as connection:
            one_at_a_time(connection, digest.hex())
            found = _found(connection, digest, number)
            before, so_far = found.get(number - 1, 0), found.get(number, 0)
            if before * (1 - into / span) + so_far + 1 > most:
                return span - into
            if number in found:
                self._raise(connection, digest, number)
            else:
                self._begin(connection, digest, number, now - into + 2 * span)
        return None

    def _raise(self, connection: Connection, digest: bytes, number: int) -> None:
        table = tables.visits
        this = table.c.who == digest, table.c.span == number
        connection.execute(update(table).where(*this).values(count=table.c.count + 1))

    def _begin(
        self, connection: Connection, digest: bytes, number: int, expires_at: datetime
    ) -> None:
        refuse_when_full(connection, tables.visits, self.most, "visits")
        row = {"who": digest, "span": number, "count": 1, "expires_at": expires_at}
        connection.execute(insert(tables.visits), row)


def _found(connection: Connection, digest: bytes, number: int) -> dict[int, int]:
    table = tables.visits
    query = select(table.c.span, table.c["count"]).where(
        table.c.who == digest, table.c.span.in_((number - 1, number))
    )
    return {row[0]: row[1] for row in connection.execute(query)}
