"""Keeps registered OAuth clients, and what people allowed them before."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, select, update
from sqlalchemy import insert as plain_insert

from lychgate.store import tables
from lychgate.store.database import Database, insert
from lychgate.store.listening import Bell
from lychgate.store.oauthbase import Client, Consent
from lychgate.store.oauthgrants import end_grants
from lychgate.store.onetime import refuse_when_full

MOST_UNUSED = 20_000
"""Registrations that may wait for their first use."""


@dataclass(frozen=True, slots=True)
class SqlClients:
    """Registered clients in their table."""

    database: Database
    bell: Bell
    most: int = MOST_UNUSED

    def register(self, client: Client) -> None:
        """Keep a new client; `StoreFull` when too many wait to be used."""
        table = tables.oauth_clients
        row = {
            "id": client.id,
            "secret_hash": client.secret_hash,
            "metadata": dict(client.metadata),
            "created_at": client.created_at,
            "expires_at": client.expires_at,
        }
        with self.database.write() as connection:
            waiting = table.c.last_used_at.is_(None)
            refuse_when_full(connection, table, self.most, "registrations", waiting)
            connection.execute(plain_insert(table), row)

    def get(self, id: str, now: datetime) -> Client | None:
        """A client that is not over."""
        table = tables.oauth_clients
        query = select(table).where(table.c.id == id, table.c.expires_at > now)
        with self.database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _client(row)

    def list(self, now: datetime, limit: int = 1000) -> tuple[Client, ...]:
        """Clients that are not over, newest first."""
        table = tables.oauth_clients
        query = select(table).where(table.c.expires_at > now).order_by(table.c.created_at.desc())
        with self.database.read() as connection:
            return tuple(_client(row) for row in connection.execute(query.limit(limit)))

    def used(self, id: str, now: datetime, expires_at: datetime) -> None:
        """Note a use, which moves the end of the registration."""
        table = tables.oauth_clients
        noted = update(table).where(table.c.id == id)
        with self.database.write() as connection:
            connection.execute(noted.values(last_used_at=now, expires_at=expires_at))

    def remove(self, id: str, now: datetime) -> bool:
        """Forget a client and end its grants; False when there was nothing."""
        table, consents = tables.oauth_clients, tables.oauth_consents
        with self.database.write() as connection:
            gone = connection.execute(delete(table).where(table.c.id == id)).rowcount
            connection.execute(delete(consents).where(consents.c.client == id))
            ended = end_grants(connection, tables.oauth_grants.c.client == id, now)
        self.bell.ring()
        return bool(gone or ended)


def _client(row: Row[Any]) -> Client:
    return Client(
        id=row.id,
        secret_hash=None if row.secret_hash is None else bytes(row.secret_hash),
        metadata=row.metadata,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )


@dataclass(frozen=True, slots=True)
class SqlConsents:
    """What people allowed before, in its table."""

    database: Database

    def record(self, consent: Consent, now: datetime, expires_at: datetime) -> None:
        """Remember a yes."""
        table = tables.oauth_consents
        named = {
            "subject": consent.subject,
            "client": consent.client,
            "app": consent.app,
            "redirect_host": consent.redirect_host,
        }
        times = {"given_at": now, "expires_at": expires_at}
        with self.database.write() as connection:
            connection.execute(
                insert(connection, table)
                .values(named | times)
                .on_conflict_do_update(index_elements=list(named), set_=times)
            )

    def given(self, consent: Consent, now: datetime) -> bool:
        """Whether exactly this was allowed and is remembered."""
        table = tables.oauth_consents
        query = select(table.c.given_at).where(*_this(consent), table.c.expires_at > now)
        with self.database.read() as connection:
            return connection.execute(query).first() is not None


def _this(consent: Consent) -> tuple[ColumnElement[bool], ...]:
    columns = tables.oauth_consents.c
    return (
        columns.subject == consent.subject,
        columns.client == consent.client,
        columns.app == consent.app,
        columns.redirect_host == consent.redirect_host,
    )
