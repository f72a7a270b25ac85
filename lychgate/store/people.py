"""Keeps people and their logins."""

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, or_, select, update
from sqlalchemy import insert as plain_insert

from lychgate.core.identity import Identity
from lychgate.core.model import EPOCH, IdpId, RevocationKind
from lychgate.core.urls import canonical_email
from lychgate.store import tables
from lychgate.store.base import (
    LONGEST_LIFE,
    Clock,
    InvalidAddress,
    Page,
    Session,
    User,
    UserFilter,
)
from lychgate.store.database import Database, insert
from lychgate.store.listening import Bell
from lychgate.store.revoked import revoke

_SEEN_EVERY = timedelta(minutes=1)
"""A session's last use is noted at most this often."""


def canonical(email: str) -> str:
    """The canonical form of an address, blanks around it dropped; `InvalidAddress` for none."""
    address = canonical_email(email.strip())
    if address is None:
        raise InvalidAddress("this is not an email address")
    return address


@dataclass(frozen=True, slots=True)
class SqlSessions:
    """Logins in their table."""

    database: Database
    clock: Clock

    def create(self, session: Session) -> None:
        """Keep a new login."""
        row = asdict(session) | {"identity": _to_json(session.identity)}
        with self.database.write() as connection:
            connection.execute(plain_insert(tables.sessions), row)

    def get(self, nonce: str) -> Session | None:
        """A login that is neither ended nor over."""
        found = self._good(tables.sessions.c.nonce == nonce, 1)
        return found[0] if found else None

    def not_ended(self, nonce: str) -> Session | None:
        """A login that was not ended, even when its time is over: a grant may outlast it."""
        sessions = tables.sessions
        query = select(sessions).where(sessions.c.nonce == nonce, sessions.c.ended_at.is_(None))
        with self.database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _session(row)

    def by_email(self, email: str) -> tuple[Session, ...]:
        """Logins of an address that are still good, newest first."""
        return self._good(tables.sessions.c.email == canonical(email), None)

    def newest(self, subject: str) -> Session | None:
        """The last login of a person that is remembered, also when it was ended or is over."""
        sessions = tables.sessions
        query = select(sessions).where(sessions.c.subject == subject)
        with self.database.read() as connection:
            row = connection.execute(query.order_by(sessions.c.created_at.desc()).limit(1)).first()
        return None if row is None else _session(row)

    def live(self, limit: int = 1000) -> tuple[Session, ...]:
        """Logins of everybody that are still good, newest first."""
        return self._good(tables.sessions.c.nonce.is_not(None), limit)

    def touch(self, nonce: str, now: datetime) -> None:
        """Note that a login was used, at most once a minute."""
        sessions = tables.sessions
        seen = sessions.c.last_seen_at
        with self.database.read() as connection:
            last = connection.scalar(select(seen).where(sessions.c.nonce == nonce))
        if last is not None and now < last + _SEEN_EVERY:
            return
        with self.database.write() as connection:
            touched = update(sessions).where(sessions.c.nonce == nonce)
            connection.execute(touched.values(last_seen_at=now))

    def _good(self, which: ColumnElement[bool], limit: int | None) -> tuple[Session, ...]:
        sessions = tables.sessions
        query = (
            select(sessions)
            .where(which, sessions.c.ended_at.is_(None), sessions.c.expires_at > self.clock())
            .order_by(sessions.c.created_at.desc())
        )
        with self.database.read() as connection:
            return tuple(_session(row) for row in connection.execute(query.limit(limit)))


@dataclass(frozen=True, slots=True)
class SqlUsers:
    """People in their table."""

    database: Database
    bell: Bell

    def find_or_create(self, email: str, name: str, now: datetime) -> User:
        """The person of an address, made when there is none; a new name replaces the old."""
        users, address = tables.users, canonical(email)
        new = {
            "id": str(uuid.uuid4()),
            "email": address,
            "name": name,
            "created_at": now,
            "updated_at": now,
            "last_idp": "",
        }
        with self.database.write() as connection:
            connection.execute(insert(connection, users).values(new).on_conflict_do_nothing())
            if name:
                renamed = update(users).where(users.c.email == address, users.c.name != name)
                connection.execute(renamed.values(name=name, updated_at=now))
            return _user(connection.execute(select(users).where(users.c.email == address)).one())

    def get(self, id: str) -> User | None:
        """The person of a subject."""
        return self._one(tables.users.c.id == id)

    def by_email(self, email: str) -> User | None:
        """The person of an address."""
        return self._one(tables.users.c.email == canonical(email))

    def list(self, search: str = "", limit: int = 1000, offset: int = 0) -> tuple[User, ...]:
        """People whose address or name contains the text, by address."""
        users = tables.users
        text = search.lower()
        fits = or_(
            users.c.email.contains(text, autoescape=True),
            func.lower(users.c.name).contains(text, autoescape=True),
        )
        query = select(users).where(fits).order_by(users.c.email).limit(limit).offset(offset)
        with self.database.read() as connection:
            return tuple(_user(row) for row in connection.execute(query))

    def page(self, filter: UserFilter, limit: int, offset: int) -> Page[User]:
        """Some of the people who fit, oldest first, and how many there are."""
        users, search = tables.users, filter.search.lower()
        fits: list[ColumnElement[bool]] = []
        if filter.email:
            fits.append(users.c.email == filter.email.lower())
        if filter.name:
            fits.append(users.c.name == filter.name)
        if search:
            in_email = users.c.email.contains(search, autoescape=True)
            in_name = func.lower(users.c.name).contains(search, autoescape=True)
            fits.append(or_(in_email, in_name))
        query = select(users).where(*fits).order_by(users.c.created_at, users.c.id)
        with self.database.read() as connection:
            total = connection.scalar(select(func.count()).select_from(users).where(*fits))
            rows = connection.execute(query.limit(limit).offset(offset))
            return Page(tuple(_user(row) for row in rows), int(total or 0))

    def update(self, id: str, email: str, name: str, now: datetime) -> User | None:
        """Give a person another address and name; `Conflict` when the address is taken."""
        changed = update(tables.users).where(tables.users.c.id == id)
        values = {"email": canonical(email), "name": name, "updated_at": now}
        with self.database.write() as connection:
            connection.execute(changed.values(values))
        return self.get(id)

    def delete(self, id: str, now: datetime) -> bool:
        """Forget a person and revoke their tokens; coming back they get a new id."""
        with self.database.write() as connection:
            gone = connection.execute(delete(tables.users).where(tables.users.c.id == id)).rowcount
            if gone:
                revoke(connection, RevocationKind.USER, (id,), now, LONGEST_LIFE)
        self.bell.ring()
        return bool(gone)

    def record_login(self, id: str, idp: str, now: datetime) -> None:
        """Note a login that succeeded."""
        with self.database.write() as connection:
            noted = update(tables.users).where(tables.users.c.id == id)
            connection.execute(noted.values(last_login_at=now, last_idp=idp))

    def _one(self, which: ColumnElement[bool]) -> User | None:
        with self.database.read() as connection:
            row = connection.execute(select(tables.users).where(which)).one_or_none()
        return None if row is None else _user(row)


def _user(row: Row[Any]) -> User:
    return User(**row._mapping)


def _session(row: Row[Any]) -> Session:
    return Session(**(dict(row._mapping) | {"identity": _from_json(row.identity)}))


def _to_json(identity: Identity) -> dict[str, Any]:
    micros = (identity.auth_time - EPOCH) // timedelta(microseconds=1)
    return asdict(identity) | {"auth_time": micros}


def _from_json(body: dict[str, Any]) -> Identity:
    return Identity(
        **(
            body
            | {
                "auth_time": EPOCH + timedelta(microseconds=body["auth_time"]),
                "idp_id": IdpId(body["idp_id"]),
                "groups": tuple(body["groups"]),
                "amr": tuple(body["amr"]),
            }
        )
    )
