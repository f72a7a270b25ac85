"""`lychgate migrate`: bring the store's tables up to this version before anything is served."""

import typer

from lychgate.cli.options import DEFAULT, Config


def migrate(config: Config = DEFAULT) -> None:
    """Bring the tables of the store up to this version.

    `serve` does the same by itself, if its role in the database may change tables.
    """
    from lychgate.config import load
    from lychgate.store.database import Database
    from lychgate.store.migrations import HEAD, version_of
    from lychgate.store.migrations import migrate as bring_up

    database = Database(load(config).settings.store)
    try:
        with database.read() as connection:
            before = version_of(connection)
        bring_up(database)
    finally:
        database.close()
    typer.echo(f"the tables are at {HEAD}" if before == HEAD else f"brought the tables to {HEAD}")
