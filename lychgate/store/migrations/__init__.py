"""The history of the tables, one for both databases, applied when a store is opened.

Nodes of two releases work on the same tables while an installation is upgraded. So a step only
adds what the release before it can leave alone: tables, indexes, and columns that may be empty or
have a default. What is not needed any more is taken away one release after the last program that
used it. Each step says in `serves` from which revision on programs can work with its tables.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, select, text

from lychgate.store import tables
from lychgate.store.base import StoreTooNew, StoreTooOld
from lychgate.store.database import Database, insert

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

HEAD = "0007"
"""The newest revision of the history; revisions count up."""
_LOCK = 0x6C796368
"""Number of the PostgreSQL advisory lock that lets one process migrate at a time."""
_SERVES = "serves"
log = logging.getLogger("lychgate.store")


def migrate(database: Database) -> None:
    """Bring the tables to `HEAD`, exactly once when several processes start together.

    Tables of a later version stay as they are, if this one can work with them.
    """
    with database.read() as connection:
        if version_of(connection) == HEAD:
            return
    with database.write_at_length() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        version = version_of(connection)
        if version is not None and version > HEAD:
            _go_on(connection, version)
        elif version != HEAD:
            _refuse_without_right(connection, version)
            upgrade(connection, version)


def configuration(connection: Connection) -> "Config":
    """Alembic's configuration for this history on one connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def history(connection: Connection) -> "ScriptDirectory":
    """The steps, as Alembic reads them."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(configuration(connection))


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

    for wanted in (version, target):
        if wanted is not None:
            must_know(connection, wanted)
    command.upgrade(configuration(connection), target)
    oldest = getattr(history(connection).get_revision(target).module, _SERVES, None)
    if oldest is not None:
        counter = insert(connection, tables.counters).values(name=_SERVES, value=int(oldest))
        known = {"value": int(oldest)}
        connection.execute(counter.on_conflict_do_update(index_elements=["name"], set_=known))


def must_know(connection: Connection, revision: str) -> None:
    """Raise `StoreTooNew` for a revision of the tables that is not in this history."""
    if revision == HEAD:
        return
    if revision not in {step.revision for step in history(connection).walk_revisions()}:
        raise _too_new(revision)


def _go_on(connection: Connection, version: str) -> None:
    """Work with the tables of a later version, if that version says we can."""
    counters = tables.counters.c
    serves = connection.scalar(select(counters.value).where(counters.name == _SERVES))
    if serves is None or int(HEAD) < serves:
        raise _too_new(version)
    log.warning("the store is at %s, this version is made for %s: upgrade it too", version, HEAD)


def _too_new(version: str) -> StoreTooNew:
    return StoreTooNew(
        f"the store is at `{version}`, which this version does not know",
        "run the newer version that wrote it",
    )


def _refuse_without_right(connection: Connection, version: str | None) -> None:
    right = text("SELECT has_schema_privilege(current_schema(), 'CREATE')")
    if connection.dialect.name == "postgresql" and not connection.scalar(right):
        state = "has no tables yet" if version is None else f"is at `{version}`"
        raise StoreTooOld(
            f"the store {state}, and this role of the database may not bring it to `{HEAD}`",
            "run `lychgate migrate` as a role that may make tables",
        )
