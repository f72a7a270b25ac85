"""The history of the tables, one for both databases, applied when a store is opened."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from lychgate.store.base import StoreTooNew
from lychgate.store.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0006"
"""The newest revision of the history."""
_LOCK = 0x6C796368
"""Number of the PostgreSQL advisory lock that lets one process migrate at a time."""


def migrate(database: Database) -> None:
    """Bring the tables to `HEAD`, exactly once when several processes start together."""
    with database.read() as connection:
        if _version(connection) == HEAD:
            return
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        version = _version(connection)
        if version != HEAD:
            _upgrade(connection, version)


def configuration(connection: Connection) -> "Config":
    """Alembic's configuration for this history on one connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def _upgrade(connection: Connection, version: str | None) -> None:
    # Alembic is slow to import, and nearly every start finds the tables as they should be.
    from alembic import command
    from alembic.script import ScriptDirectory

    config = configuration(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise StoreTooNew(
            f"the store is at `{version}`, which this version does not know",
            "run the newer version that wrote it",
        )
    command.upgrade(config, "head")
