"""Keeps the credentials of the admin API."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update

from lychgate.store import tables
from lychgate.store.base import ApiToken
from lychgate.store.database import Database

_SEEN_EVERY = timedelta(minutes=1)
"""A token's last use is noted at most this often."""


@dataclass(frozen=True, slots=True)
class SqlApiTokens:
    """API tokens in their table."""

    database: Database

    def create(self, token: ApiToken, digest: bytes) -> None:
        """Keep a new token under the hash of its secret."""
        with self.database.write() as connection:
            connection.execute(insert(tables.api_tokens), asdict(token) | {"digest": digest})

    def by_digest(self, digest: bytes) -> ApiToken | None:
        """The token with that hash, also when it is over."""
        table = tables.api_tokens
        with self.database.read() as connection:
            row = connection.execute(select(table).where(table.c.digest == digest)).one_or_none()
        return None if row is None else _token(row)

    def list(self) -> tuple[ApiToken, ...]:
        """All tokens, oldest first."""
        table = tables.api_tokens
        query = select(table).order_by(table.c.created_at, table.c.id)
        with self.database.read() as connection:
            return tuple(_token(row) for row in connection.execute(query))

    def revoke(self, id: str, now: datetime) -> bool:
        """End a token; False when there is none that is not ended."""
        table = tables.api_tokens
        ended = update(table).where(table.c.id == id, table.c.revoked_at.is_(None))
        with self.database.write() as connection:
            return connection.execute(ended.values(revoked_at=now)).rowcount > 0

    def touch(self, id: str, now: datetime) -> None:
        """Note a use, at most once a minute."""
        table = tables.api_tokens
        with self.database.read() as connection:
            last = connection.scalar(select(table.c.last_used_at).where(table.c.id == id))
        if last is not None and now < last + _SEEN_EVERY:
            return
        with self.database.write() as connection:
            connection.execute(update(table).where(table.c.id == id).values(last_used_at=now))


def _token(row: Row[Any]) -> ApiToken:
    members = dict(row._mapping)
    del members["digest"]
    return ApiToken(**members | {"scopes": tuple(members["scopes"])})
