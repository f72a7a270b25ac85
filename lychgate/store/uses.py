"""Keeps when each service token was last used."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from lychgate.core.model import TokenId
from lychgate.store import tables
from lychgate.store.database import Database, insert


@dataclass(frozen=True, slots=True)
class SqlTokenUses:
    """Last uses in their table."""

    database: Database

    def note(self, seen: Mapping[TokenId, datetime]) -> None:
        """Remember uses; an earlier one never replaces a later."""
        uses = tables.token_uses
        rows = [{"token": token, "last_used_at": at} for token, at in sorted(seen.items())]
        if not rows:
            return
        with self.database.write() as connection:
            put = insert(connection, uses)
            fresh = put.excluded.last_used_at
            connection.execute(
                put.on_conflict_do_update(
                    index_elements=[uses.c.token],
                    set_={"last_used_at": fresh},
                    where=fresh > uses.c.last_used_at,
                ),
                rows,
            )

    def last(self) -> Mapping[TokenId, datetime]:
        """The last use of every token that was ever used."""
        uses = tables.token_uses
        with self.database.read() as connection:
            rows = connection.execute(select(uses)).all()
        return {TokenId(row.token): row.last_used_at for row in rows}
