"""All that OAuth keeps, over one database."""

from dataclasses import dataclass

from lychgate.store.database import Database
from lychgate.store.listening import Bell
from lychgate.store.oauthclients import SqlClients, SqlConsents
from lychgate.store.oauthdevices import SqlDevices
from lychgate.store.oauthgrants import SqlCodes, SqlGrants


@dataclass(frozen=True, slots=True)
class SqlOAuth:
    """The tables of OAuth; see `oauthbase.OAuthStore`."""

    clients: SqlClients
    codes: SqlCodes
    grants: SqlGrants
    consents: SqlConsents
    devices: SqlDevices

    @staticmethod
    def over(database: Database, bell: Bell) -> "SqlOAuth":
        """Those of a database."""
        return SqlOAuth(
            SqlClients(database, bell),
            SqlCodes(database),
            SqlGrants(database, bell),
            SqlConsents(database),
            SqlDevices(database),
        )
