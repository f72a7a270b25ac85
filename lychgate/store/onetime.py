"""Keeps what counts once: consumed values and one-time PINs."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, func, select, update
from sqlalchemy import insert as plain_insert

from lychgate.store import tables
from lychgate.store.base import Clock, PinResult, PinStatus, StoreFull
from lychgate.store.database import Database, insert, one_at_a_time
from lychgate.store.people import canonical

TRIES = 5
"""Wrong attempts that kill a PIN."""
COUNTED = timedelta(hours=1)
"""The span in which the PINs of one address are counted."""
MOST_ONE_TIME = 100_000
MOST_PINS = 50_000


def _digest(*parts: str) -> bytes:
    text = "\0".join(parts)
    return hashlib.sha256(text.encode(errors="backslashreplace")).digest()


def refuse_when_full(
    connection: Connection,
    table: Table,
    most: int,
    what: str,
    counted: ColumnElement[bool] | None = None,
) -> None:
    """Raise `StoreFull` when a table holds its most; `counted` says which rows do count."""
    rows = select(1).select_from(table)
    some = (rows if counted is None else rows.where(counted)).limit(most).subquery()
    if (connection.scalar(select(func.count()).select_from(some)) or 0) >= most:
        raise StoreFull(f"too many {what} are waiting to expire", "try again in a few minutes")


@dataclass(frozen=True, slots=True)
class SqlOneTime:
    """Consumed values in their table, as digests."""

    database: Database
    clock: Clock
    most: int = MOST_ONE_TIME

    def consume(self, kind: str, id: str, expires_at: datetime) -> bool:
        """True for exactly one caller, ever; a value past its expiry is nobody's."""
        if expires_at <= self.clock():
            return False
        row = {"digest": _digest(kind, id), "expires_at": expires_at}
        with self.database.write() as connection:
            refuse_when_full(connection, tables.one_time, self.most, "logins")
            fresh = insert(connection, tables.one_time).values(row).on_conflict_do_nothing()
            written = connection.execute(fresh.returning(tables.one_time.c.digest))
            return written.first() is not None


@dataclass(frozen=True, slots=True)
class SqlPins:
    """One-time PINs in their table."""

    database: Database
    most: int = MOST_PINS

    def issue(
        self,
        transaction: str,
        email: str,
        code_hash: bytes,
        expires_at: datetime,
        now: datetime,
        per_hour: int | None = None,
    ) -> bool:
        """Keep a code, unless its address had its share; see `base.Pins`."""
        address = canonical(email)
        row = {
            "transaction": _digest("pin", transaction),
            "email": address,
            "code_hash": code_hash,
            "tries": 0,
            "created_at": now,
            "expires_at": expires_at,
        }
        with self.database.write() as connection:
            if per_hour is not None and _issued(connection, address, now) >= per_hour:
                return False
            refuse_when_full(connection, tables.pins, self.most, "codes")
            connection.execute(plain_insert(tables.pins), row)
        return True

    def attempt(self, transaction: str, code_hash: bytes, now: datetime) -> PinResult:
        """Judge one try; five wrong ones kill the code, a right one uses it up."""
        pins = tables.pins
        newest = (
            select(pins)
            .where(pins.c.transaction == _digest("pin", transaction))
            .order_by(pins.c.id.desc())
            .limit(1)
            .with_for_update()
        )
        with self.database.write() as connection:
            row = connection.execute(newest).one_or_none()
            if row is None:
                return PinResult(PinStatus.NONE)
            status = _judge(row, code_hash, now)
            if status is PinStatus.OK:
                used = update(pins).where(pins.c.id == row.id)
                connection.execute(used.values(used_at=now))
                return PinResult(status, row.email)
            if status is PinStatus.WRONG:
                counted = update(pins).where(pins.c.id == row.id)
                connection.execute(counted.values(tries=row.tries + 1))
                status = PinStatus.DEAD if row.tries + 1 >= TRIES else status
            return PinResult(status)


def _issued(connection: Connection, address: str, now: datetime) -> int:
    one_at_a_time(connection, address)
    pins = tables.pins
    query = select(func.count()).where(pins.c.email == address, pins.c.created_at > now - COUNTED)
    return connection.scalar(query) or 0


def _judge(row: Row[Any], code_hash: bytes, now: datetime) -> PinStatus:
    if row.used_at is not None:
        return PinStatus.USED
    if now >= row.expires_at:
        return PinStatus.EXPIRED
    if row.tries >= TRIES:
        return PinStatus.DEAD
    same = hmac.compare_digest(bytes(row.code_hash), code_hash)
    return PinStatus.OK if same else PinStatus.WRONG
