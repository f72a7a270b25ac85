"""Keeps what a browser left for a waiting command line, until it is collected, once."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from lychgate.store import tables
from lychgate.store.base import Transfer
from lychgate.store.database import Database, insert


def _digest(receiver: str) -> bytes:
    return hashlib.sha256(receiver.encode(errors="backslashreplace")).digest()


@dataclass(frozen=True, slots=True)
class SqlTransfers:
    """Transfers in their table, found by the digest of the public key they are sealed to."""

    database: Database

    def put(self, receiver: str, transfer: Transfer) -> None:
        """Leave something; it takes the place of what was left for the same receiver before."""
        row = {
            "receiver": _digest(receiver),
            "sender": transfer.sender,
            "content": transfer.content,
            "expires_at": transfer.expires_at,
        }
        left = tables.transfers
        with self.database.write() as connection:
            fresh = insert(connection, left).values(row)
            changed = {name: row[name] for name in ("sender", "content", "expires_at")}
            connection.execute(
                fresh.on_conflict_do_update(index_elements=[left.c.receiver], set_=changed)
            )

    def waits(self, receiver: str, now: datetime) -> bool:
        """Whether something was left; asked often, so it must not hold up those who write."""
        left = tables.transfers
        found = select(left.c.expires_at).where(left.c.receiver == _digest(receiver))
        with self.database.read() as connection:
            expires_at = connection.scalar(found)
        return expires_at is not None and expires_at > now

    def take(self, receiver: str, now: datetime) -> Transfer | None:
        """What was left, for exactly one caller; it is forgotten with that."""
        left = tables.transfers
        taken = delete(left).where(left.c.receiver == _digest(receiver))
        with self.database.write() as connection:
            row = connection.execute(taken.returning(*left.c)).one_or_none()
        if row is None or row.expires_at <= now:
            return None
        return Transfer(row.sender, row.content, row.expires_at)
