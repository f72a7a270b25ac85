"""Drops what expired, and retires keys whose successors sign."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, delete, func, or_, select, update

from lychgate.core.model import EPOCH
from lychgate.store import tables
from lychgate.store.base import Kind
from lychgate.store.keyrows import retire
from lychgate.store.objects import clock_of, lock_revision, next_revision
from lychgate.store.onetime import COUNTED

_SKEW = timedelta(minutes=5)
"""How far the clocks of two machines may be apart."""
_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


def prune(connection: Connection, now: datetime) -> int:
    """Drop every row whose time is over by the database's clock too; how many they were."""
    lock_revision(connection)
    now = min(now, clock_of(connection) or now)
    dropped = sum(
        connection.execute(delete(table).where(condition)).rowcount
        for table, condition in _expired(now)
    )
    purposes, sessions = tables.purposes, tables.sessions
    orphaned = delete(purposes).where(purposes.c.session.not_in(select(sessions.c.nonce)))
    dropped += connection.execute(orphaned).rowcount
    uses, objects = tables.token_uses, tables.objects
    tokens = select(objects.c.id).where(objects.c.kind == Kind.SERVICE_TOKEN)
    dropped += connection.execute(delete(uses).where(uses.c.token.not_in(tokens))).rowcount
    providers = select(objects.c.id).where(objects.c.kind == Kind.IDP)
    unknown = tables.issuers.c.idp.not_in(providers)
    dropped += connection.execute(delete(tables.issuers).where(unknown)).rowcount
    dropped += _bury(connection, now - _WEEK)
    return dropped + retire(connection, now, lambda: next_revision(connection))


def take_turn(connection: Connection, every: timedelta, now: datetime) -> bool:
    """Whether nobody began the chores so long; a time in the future is a clock's mistake."""
    counters, micros = tables.counters.c, timedelta(microseconds=1)
    present, due = (now - EPOCH) // micros, (now - every - EPOCH) // micros
    taken = update(tables.counters).where(
        counters.name == "tidied", ~counters.value.between(due + 1, present)
    )
    return connection.execute(taken.values(value=present)).rowcount > 0


def _expired(now: datetime) -> tuple[tuple[Table, ColumnElement[bool]], ...]:
    pins, approvals = tables.pins.c, tables.approvals.c
    return (
        (tables.one_time, tables.one_time.c.expires_at < now - _SKEW),
        (tables.pins, (pins.expires_at < now) & (pins.created_at < now - COUNTED)),
        (tables.revocations, tables.revocations.c.expires_at < now - _SKEW),
        (tables.oauth_clients, tables.oauth_clients.c.expires_at < now - _SKEW),
        (tables.oauth_grants, tables.oauth_grants.c.expires_at < now - _DAY),
        (tables.oauth_codes, tables.oauth_codes.c.expires_at < now - _DAY),
        (tables.oauth_consents, tables.oauth_consents.c.expires_at < now - _SKEW),
        (tables.oauth_devices, tables.oauth_devices.c.expires_at < now - _HOUR),
        (tables.transfers, tables.transfers.c.expires_at < now - _SKEW),
        (tables.visits, tables.visits.c.expires_at < now - _SKEW),
        (tables.results, tables.results.c.expires_at < now - _SKEW),
        (tables.sessions, _over(now - _WEEK)),
        (
            tables.approvals,
            (approvals.expires_at < now - _DAY)
            & or_(approvals.granted_until.is_(None), approvals.granted_until < now - _DAY),
        ),
    )


def _over(before: datetime) -> ColumnElement[bool]:
    """Logins that nothing goes back to any more: a grant keeps the identity it is judged by."""
    sessions, grants = tables.sessions.c, tables.oauth_grants.c
    return (sessions.expires_at < before) & sessions.nonce.not_in(select(grants.session))


def _bury(connection: Connection, before: datetime) -> int:
    """Drop old tombstones and raise the floor: who is behind it reads everything."""
    dead, counters = tables.tombstones, tables.counters
    newest = connection.scalar(select(func.max(dead.c.revision)).where(dead.c.deleted_at < before))
    if newest is None:
        return 0
    connection.execute(
        update(counters)
        .where(counters.c.name == "floor", counters.c.value < newest)
        .values(value=newest)
    )
    return connection.execute(delete(dead).where(dead.c.deleted_at < before)).rowcount
