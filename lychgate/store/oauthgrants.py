"""Keeps authorization codes and grants: each code used once, each refresh token followed by one."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, update
from sqlalchemy import insert as plain_insert

from lychgate.core.model import EPOCH, AppId, Revocation, RevocationKind
from lychgate.store import tables
from lychgate.store.database import Database, insert
from lychgate.store.listening import Bell
from lychgate.store.oauthbase import Code, Grant, GrantKind
from lychgate.store.objects import lock_revision, next_revision

_MOST_LISTED = 10_000


def keep_grant(connection: Connection, grant: Grant) -> None:
    """Write a new grant."""
    row = asdict(grant) | {"kind": grant.kind.value, "details": dict(grant.details)}
    connection.execute(plain_insert(tables.oauth_grants), row)


def end_grants(connection: Connection, which: ColumnElement[bool], now: datetime) -> int:
    """End grants inside a transaction and revoke their tokens; how many they were."""
    table = tables.oauth_grants
    live = select(table.c.id, table.c.expires_at).where(
        which, table.c.revoked_at.is_(None), table.c.expires_at > now
    )
    found = connection.execute(live).all()
    if not found:
        return 0
    lock_revision(connection)
    revision = next_revision(connection)
    for row in found:
        ended = Revocation(RevocationKind.GRANT, row.id, now, row.expires_at)
        _revoke(connection, ended, revision)
    ids = [row.id for row in found]
    connection.execute(update(table).where(table.c.id.in_(ids)).values(revoked_at=now))
    return len(found)


def _revoke(connection: Connection, ended: Revocation, revision: int) -> None:
    table = tables.revocations
    row = {
        "kind": ended.kind.value,
        "key": ended.key,
        # Every token of a grant dies with it, one that a slow refresh is just making included.
        "not_before": ended.expires_at,
        "expires_at": ended.expires_at,
        "revision": revision,
    }
    changed = {name: row[name] for name in ("not_before", "expires_at", "revision")}
    connection.execute(
        insert(connection, table)
        .values(row)
        .on_conflict_do_update(index_elements=["kind", "key"], set_=changed)
    )


@dataclass(frozen=True, slots=True)
class SqlCodes:
    """Authorization codes in their table."""

    database: Database

    def issue(self, digest: bytes, code: Code) -> None:
        """Keep a new code."""
        row = {
            "digest": digest,
            "grant": grant_to_json(code.grant),
            "redirect_uri": code.redirect_uri,
            "challenge": code.challenge,
            "expires_at": code.expires_at,
        }
        with self.database.write() as connection:
            connection.execute(plain_insert(tables.oauth_codes), row)

    def get(self, digest: bytes) -> Code | None:
        """A code, used or over as it may be."""
        table = tables.oauth_codes
        with self.database.read() as connection:
            row = connection.execute(select(table).where(table.c.digest == digest)).one_or_none()
        if row is None:
            return None
        grant = grant_from_json(row.grant)
        return Code(grant, row.redirect_uri, row.challenge, row.expires_at, row.used_at)

    def redeem(self, digest: bytes, grant: Grant, now: datetime) -> bool:
        """Use a code up and keep its grant: True for exactly one caller, before its end."""
        table = tables.oauth_codes
        unused = table.c.digest == digest, table.c.used_at.is_(None), table.c.expires_at > now
        with self.database.write() as connection:
            won = connection.execute(update(table).where(*unused).values(used_at=now)).rowcount
            if won:
                keep_grant(connection, grant)
        return bool(won)


@dataclass(frozen=True, slots=True)
class SqlGrants:
    """Grants in their table."""

    database: Database
    bell: Bell

    def get(self, id: str) -> Grant | None:
        """One grant, ended or not."""
        table = tables.oauth_grants
        with self.database.read() as connection:
            row = connection.execute(select(table).where(table.c.id == id)).one_or_none()
        return None if row is None else _grant(row)

    def list(
        self, now: datetime, email: str = "", client: str = "", limit: int = 1000
    ) -> tuple[Grant, ...]:
        """Grants that are still good, newest first."""
        columns = tables.oauth_grants.c
        query = select(tables.oauth_grants).where(
            columns.revoked_at.is_(None), columns.expires_at > now
        )
        if email:
            query = query.where(columns.email == email)
        if client:
            query = query.where(columns.client == client)
        query = query.order_by(columns.created_at.desc()).limit(min(limit, _MOST_LISTED))
        with self.database.read() as connection:
            return tuple(_grant(row) for row in connection.execute(query))

    def rotate(self, id: str, generation: int, now: datetime, grace: timedelta) -> Grant | None:
        """Move on from the refresh token of a generation; see `oauthbase.Grants`."""
        table = tables.oauth_grants
        query = select(table).where(table.c.id == id).with_for_update()
        with self.database.write() as connection:
            row = connection.execute(query).one_or_none()
            if row is None or row.revoked_at is not None or now >= row.expires_at:
                return None
            if row.generation == generation:
                moved = {"generation": generation + 1, "rotated_at": now}
                connection.execute(update(table).where(table.c.id == id).values(moved))
                row = connection.execute(query).one()
            elif not _repeats(row, generation, now, grace):
                return None
        return _grant(row)

    def revoke(self, id: str, now: datetime) -> bool:
        """End a grant and its tokens; False when there is none to end."""
        with self.database.write() as connection:
            ended = end_grants(connection, tables.oauth_grants.c.id == id, now)
        self.bell.ring()
        return bool(ended)


def _repeats(row: Row[Any], generation: int, now: datetime, grace: timedelta) -> bool:
    late = row.rotated_at is None or now > row.rotated_at + grace
    return bool(row.generation == generation + 1) and not late


def _grant(row: Row[Any]) -> Grant:
    members = {**row._mapping, "kind": GrantKind(row.kind), "app": AppId(row.app)}
    return Grant(**members)


def grant_to_json(grant: Grant) -> Mapping[str, Any]:
    """A grant that does not exist yet, as a code keeps it."""
    return asdict(grant) | {
        "kind": grant.kind.value,
        "created_at": _micros(grant.created_at),
        "expires_at": _micros(grant.expires_at),
        "details": dict(grant.details),
    }


def grant_from_json(stored: Mapping[str, Any]) -> Grant:
    """The grant that `grant_to_json` wrote."""
    times = {name: _moment(stored[name]) for name in ("created_at", "expires_at")}
    return Grant(**{**stored, **times, "kind": GrantKind(stored["kind"])})


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)
