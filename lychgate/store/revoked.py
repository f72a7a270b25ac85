"""Keeps revocations: what ends tokens before their time, and for how long that matters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select, update

from lychgate.core.model import AppId, Revocation, RevocationKind
from lychgate.core.urls import canonical_email
from lychgate.store import tables
from lychgate.store.base import LONGEST_LIFE, NotFound
from lychgate.store.database import Database, insert
from lychgate.store.listening import Bell
from lychgate.store.objects import after_tokens, lock_revision, next_revision, revocation


def revoke(
    connection: Connection,
    kind: RevocationKind,
    keys: Sequence[str],
    now: datetime,
    lasting: timedelta,
) -> int:
    """Revoke inside a transaction; a later revocation of a key never shortens an earlier one."""
    table = tables.revocations
    lock_revision(connection)
    now = after_tokens(connection, now)
    revision = next_revision(connection)
    for key in keys:
        which = table.c.kind == kind, table.c.key == key
        held = connection.execute(select(table).where(*which)).one_or_none()
        not_before, expires_at = now, now + lasting
        if held is not None:
            not_before = max(not_before, held.not_before)
            expires_at = max(expires_at, held.expires_at)
        values = {"not_before": not_before, "expires_at": expires_at, "revision": revision}
        row = values | {"kind": kind.value, "key": key}
        connection.execute(
            insert(connection, table)
            .values(row)
            .on_conflict_do_update(index_elements=["kind", "key"], set_=values)
        )
    _end_sessions(connection, kind, keys, now)
    _end_grants(connection, kind, keys, now)
    return revision


def _end_sessions(
    connection: Connection, kind: RevocationKind, keys: Sequence[str], now: datetime
) -> None:
    sessions = tables.sessions
    match kind:
        case RevocationKind.USER:
            which = sessions.c.subject.in_(keys)
        case RevocationKind.SESSION:
            which = sessions.c.nonce.in_(keys)
        case _:
            return
    ended = update(sessions).where(which, sessions.c.ended_at.is_(None))
    connection.execute(ended.values(ended_at=now))


def _end_grants(
    connection: Connection, kind: RevocationKind, keys: Sequence[str], now: datetime
) -> None:
    # Their tokens are dead by this revocation itself; this keeps refreshes from making new ones.
    grants = tables.oauth_grants.c
    column = {
        RevocationKind.USER: grants.subject,
        RevocationKind.SESSION: grants.session,
        RevocationKind.APP: grants.app,
        RevocationKind.GRANT: grants.id,
    }[kind]
    ended = update(tables.oauth_grants).where(column.in_(keys), grants.revoked_at.is_(None))
    connection.execute(ended.values(revoked_at=now))


@dataclass(frozen=True, slots=True)
class SqlRevocations:
    """Revocations in their table."""

    database: Database
    bell: Bell

    def revoke_user(self, person: str, now: datetime, lasting: timedelta = LONGEST_LIFE) -> int:
        """End everything a person has, named by subject or email; `NotFound` if unknown."""
        users = tables.users
        address = canonical_email(person.strip())
        query = select(users.c.id).where(or_(users.c.id == person, users.c.email == address))
        with self.database.write() as connection:
            subjects = connection.scalars(query).all()
            if not subjects:
                raise NotFound("there is no such person", "give an email address or a user id")
            revision = revoke(connection, RevocationKind.USER, subjects, now, lasting)
        self.bell.ring()
        return revision

    def revoke_session(self, nonce: str, now: datetime, lasting: timedelta = LONGEST_LIFE) -> int:
        """End one login."""
        return self._revoke(RevocationKind.SESSION, nonce, now, lasting)

    def revoke_app(self, app: AppId, now: datetime, lasting: timedelta = LONGEST_LIFE) -> int:
        """End all tokens of an application."""
        return self._revoke(RevocationKind.APP, app, now, lasting)

    def revoke_grant(self, grant: str, now: datetime, lasting: timedelta = LONGEST_LIFE) -> int:
        """End one OAuth grant."""
        return self._revoke(RevocationKind.GRANT, grant, now, lasting)

    def live(self, now: datetime) -> tuple[Revocation, ...]:
        """Every revocation that still matters."""
        table = tables.revocations
        query = select(table).where(table.c.expires_at > now).order_by(table.c.not_before)
        with self.database.read() as connection:
            return tuple(revocation(row) for row in connection.execute(query))

    def _revoke(self, kind: RevocationKind, key: str, now: datetime, lasting: timedelta) -> int:
        with self.database.write() as connection:
            revision = revoke(connection, kind, (key,), now, lasting)
        self.bell.ring()
        return revision
