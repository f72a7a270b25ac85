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
        if version_of(connection) == HEAD:
            return
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        version = version_of(connection)
        if version != HEAD:
            upgrade(connection, version)


def configuration(connection: Connection) -> "Config":
    """Alembic's configuration for this history on one connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def version_of(connection: Connection) -> str | None:
    """The revision of the tables; None when there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def upgrade(connection: Connection, version: str | None, target: str = HEAD) -> None:
    """Bring tables of one revision to a later one; None: there are none yet."""
    # Alembic is slow to import, and nearly every start finds the tables as they should be.
    from alembic import command

    config = configuration(connection)
    for wanted in (version, target):
        if wanted is not None:
            _must_know(config, wanted)
    command.upgrade(config, target)


def must_know(connection: Connection, revision: str) -> None:
    """Raise `StoreTooNew` for a revision of the tables that is not in this history."""
    if revision != HEAD:
        _must_know(configuration(connection), revision)


def _must_know(config: "Config", revision: str) -> None:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(config).walk_revisions()
    if revision not in {script.revision for script in scripts}:
        raise StoreTooNew(
            f"the store is at `{revision}`, which this version does not know",
            "run the newer version that wrote it",
        )
