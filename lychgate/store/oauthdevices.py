"""Keeps the requests of machines without a browser, from their start to the one redemption."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, select, update

from lychgate.core.model import AppId
from lychgate.store import tables
from lychgate.store.database import Database, insert
from lychgate.store.oauthbase import DeviceRequest, DeviceState, Grant, Polled
from lychgate.store.oauthgrants import grant_from_json, grant_to_json, keep_grant
from lychgate.store.onetime import refuse_when_full

MOST_WAITING = 10_000
_SLOWER = 5
"""Seconds that RFC 8628 3.5 adds to the interval for a poll too soon."""


@dataclass(frozen=True, slots=True)
class SqlDevices:
    """Device requests in their table."""

    database: Database
    most: int = MOST_WAITING

    def begin(self, device: bytes, user: bytes, request: DeviceRequest) -> bool:
        """Keep a new request; False when that user code is in use."""
        table = tables.oauth_devices
        row = {
            "device": device,
            "user": user,
            "client": request.client,
            "app": request.app,
            "resource": request.resource,
            "scope": request.scope,
            "created_at": request.created_at,
            "expires_at": request.expires_at,
            "interval": request.interval,
            "state": request.state.value,
            "grant": None,
        }
        with self.database.write() as connection:
            refuse_when_full(connection, table, self.most, "device requests")
            fresh = insert(connection, table).values(row).on_conflict_do_nothing()
            return connection.execute(fresh.returning(table.c.device)).first() is not None

    def by_user_code(self, user: bytes, now: datetime) -> DeviceRequest | None:
        """A request that waits for a person."""
        columns = tables.oauth_devices.c
        waiting = columns.state == DeviceState.WAITING.value, columns.expires_at > now
        return self._one(columns.user == user, *waiting)

    def by_device_code(self, device: bytes) -> DeviceRequest | None:
        """A request, over or not."""
        return self._one(tables.oauth_devices.c.device == device)

    def _one(self, *which: ColumnElement[bool]) -> DeviceRequest | None:
        with self.database.read() as connection:
            row = connection.execute(select(tables.oauth_devices).where(*which)).one_or_none()
        return None if row is None else _request(row)

    def poll(self, device: bytes, now: datetime) -> Polled:
        """Count one poll; too soon makes the interval five seconds longer."""
        table = tables.oauth_devices
        query = select(table).where(table.c.device == device).with_for_update()
        with self.database.write() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return Polled.ANSWERED
            last = row.polled_at
            soon = last is not None and now < last + timedelta(seconds=row.interval)
            interval = row.interval + (_SLOWER if soon else 0)
            counted = update(table).where(table.c.device == device)
            connection.execute(counted.values(polled_at=now, interval=interval))
        return Polled.TOO_SOON if soon else Polled.ANSWERED

    def answer(self, user: bytes, grant: Grant | None, now: datetime) -> bool:
        """The person's answer, None for a no; True for exactly one answer."""
        table = tables.oauth_devices
        state = DeviceState.REFUSED if grant is None else DeviceState.ALLOWED
        waiting = (
            table.c.user == user,
            table.c.state == DeviceState.WAITING.value,
            table.c.expires_at > now,
        )
        stored = None if grant is None else grant_to_json(grant)
        answered = update(table).where(*waiting).values(state=state.value, grant=stored)
        with self.database.write() as connection:
            return bool(connection.execute(answered).rowcount)

    def redeem(self, device: bytes, grant: Grant, now: datetime) -> bool:
        """Use an allowed request up and keep its grant: True for exactly one caller."""
        table = tables.oauth_devices
        allowed = (
            table.c.device == device,
            table.c.state == DeviceState.ALLOWED.value,
            table.c.expires_at > now,
        )
        used = update(table).where(*allowed).values(state=DeviceState.USED.value)
        with self.database.write() as connection:
            won = connection.execute(used).rowcount
            if won:
                keep_grant(connection, grant)
        return bool(won)


def _request(row: Row[Any]) -> DeviceRequest:
    return DeviceRequest(
        client=row.client,
        app=AppId(row.app),
        resource=row.resource,
        scope=row.scope,
        created_at=row.created_at,
        expires_at=row.expires_at,
        interval=row.interval,
        state=DeviceState(row.state),
        grant=None if row.grant is None else grant_from_json(row.grant),
    )
