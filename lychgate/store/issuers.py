"""Keeps which issuer each identity provider named in its first good login."""

from dataclasses import dataclass

from sqlalchemy import select

from lychgate.core.model import IdpId
from lychgate.store import tables
from lychgate.store.database import Database, insert


@dataclass(frozen=True, slots=True)
class SqlIssuers:
    """Issuers in their table; a provider whose settings changed begins anew."""

    database: Database

    def of(self, idp: IdpId, settings: str) -> str:
        """The issuer of a provider with these settings; empty before the first login."""
        table = tables.issuers
        query = select(table.c.issuer).where(table.c.idp == idp, table.c.settings == settings)
        with self.database.read() as connection:
            return connection.scalar(query) or ""

    def note(self, idp: IdpId, settings: str, issuer: str) -> None:
        """Keep the issuer of a good login; for the same settings the first one stays."""
        if not issuer or self.of(idp, settings):
            return
        table, values = tables.issuers, {"settings": settings, "issuer": issuer}
        with self.database.write() as connection:
            first = insert(connection, table).values({"idp": idp, **values})
            anew = table.c.settings != settings
            connection.execute(
                first.on_conflict_do_update(index_elements=["idp"], set_=values, where=anew)
            )
