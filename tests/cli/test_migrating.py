"""`lychgate migrate`: the tables before anything is served."""

from pathlib import Path

from sqlalchemy import text

from lychgate.store.database import Database
from lychgate.store.migrations import HEAD, version_of
from tests.cli.conftest import Lychgate


def test_tables_are_made_and_then_left_alone(lychgate: Lychgate, folder: Path) -> None:
    lychgate("init")
    first = lychgate("migrate")
    assert (first.status, first.out) == (0, f"brought the tables to {HEAD}\n")
    again = lychgate("migrate")
    assert (again.status, again.out) == (0, f"the tables are at {HEAD}\n")
    database = Database(f"sqlite:///{folder / 'lychgate.db'}")
    with database.read() as connection:
        assert version_of(connection) == HEAD
    database.close()


def test_tables_of_a_later_version_are_a_line_not_a_traceback(
    lychgate: Lychgate, folder: Path
) -> None:
    lychgate("init")
    lychgate("migrate")
    database = Database(f"sqlite:///{folder / 'lychgate.db'}")
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("UPDATE counters SET value = 9999 WHERE name = 'serves'"))
    database.close()
    said = lychgate("migrate")
    assert said.status == 1 and "the store is at `9999`" in said.err
