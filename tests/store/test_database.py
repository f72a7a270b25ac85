"""The database: addresses it knows, migrations that agree with the tables, failures in words."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from queue import Queue
from threading import Event, Thread

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from lychgate.store.base import Kind, StoreError, StoreTooNew, StoreUnavailable
from lychgate.store.database import Database
from lychgate.store.migrations import HEAD, configuration, migrate
from lychgate.store.tables import metadata
from tests.store.parts import MASTER_KEY, FixedClock, Place

PASSWORD = "hunter2"


@pytest.mark.parametrize(
    "url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", f"mysql://u:{PASSWORD}@h/d"]
)
def test_an_unknown_address_is_refused_in_words(url: str) -> None:
    with pytest.raises(StoreError, match="not one this program knows") as refused:
        Database(url)
    assert PASSWORD not in str(refused.value) + refused.value.hint


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be opened: No such file"):
        Database(f"sqlite:///{tmp_path}/nowhere/lychgate.db")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lychgate.db").write_text("this is not a database at all" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        Place(f"sqlite:///{tmp_path}/lychgate.db", {}).open(FixedClock())


def test_a_server_that_is_not_there_is_unavailable() -> None:
    url = f"postgresql://user:{PASSWORD}@127.0.0.1:1/db"
    with pytest.raises(StoreUnavailable, match="the database failed") as refused:
        Place(url, {"LYCHGATE_MASTER_KEY": MASTER_KEY}).open(FixedClock())
    assert PASSWORD not in str(refused.value)


def test_the_history_makes_exactly_the_tables(place: Place) -> None:
    database = Database(place.url)
    migrate(database)
    migrate(database)
    with database.write() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        history = ScriptDirectory.from_config(configuration(connection))
        assert history.get_current_head() == HEAD
    database.close()


def test_older_policies_of_single_applications_are_not_listed(place: Place) -> None:
    database = Database(place.url)
    rows = {"own": '{"name":"own","reusable":false}', "shared": '{"name":"shared"}'}
    with database.write() as connection:
        command.upgrade(configuration(connection), "0005")
        for seq, (id, body) in enumerate(rows.items()):
            values = {"id": id, "body": body, "seq": seq}
            row = text("INSERT INTO objects VALUES ('policy', :id, :body, 0, 0, 0, 1, 'api', :seq)")
            connection.execute(row, values)
    database.close()
    store = place.open(FixedClock())
    assert [one.id for one in store.listed(Kind.POLICY)] == ["shared"]
    store.close()


def test_an_object_of_a_later_version_is_named(place: Place) -> None:
    store = place.open(FixedClock())
    database = Database(place.url)
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO objects (kind, id, body, created_at, updated_at, rules_changed_at, "
                "revision, source, seq) VALUES ('spaceship', 'x', '{}', 0, 0, 0, 1, 'api', 1)"
            )
        )
    with pytest.raises(StoreTooNew, match="spaceship"):
        store.changes(0)
    database.close()
    store.close()


def test_sqlite_runs_in_wal_with_full_syncs(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/lychgate.db")
    with database.read() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 10_000}
    database.close()


def test_a_database_file_that_is_removed_or_replaced_is_noticed(tmp_path: Path) -> None:
    folder, away = tmp_path / "store", tmp_path / "away"
    folder.mkdir()
    database = Database(f"sqlite:///{folder / 'lychgate.db'}")

    def said() -> str:
        with database.read() as connection:
            return str(connection.scalar(text("SELECT word FROM notes")))

    def note(word: str) -> None:
        with database.write() as connection:
            connection.execute(text("CREATE TABLE notes (word TEXT)"))
            connection.execute(text("INSERT INTO notes VALUES (:word)"), {"word": word})

    note("first")
    folder.rename(away)
    folder.mkdir()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="not there"):
            said()
    assert list(folder.iterdir()) == [], "an empty one in its place would be another store"
    (folder / "lychgate.db").touch()
    note("second")
    assert said() == "second"
    folder.rename(tmp_path / "second")
    away.rename(folder)
    assert said() == "first"
    database.close()


def test_opening_a_file_again_takes_no_lock_from_those_who_have_it_open(tmp_path: Path) -> None:
    """Closing any handle of a file ends all locks of its process (POSIX): SQLite's too."""
    file = tmp_path / "s.db"
    script = f"import sqlite3; c = sqlite3.connect({str(file)!r}); c.execute('%s'); c.commit()"
    first = Database(f"sqlite:///{file}")
    try:
        with first.write() as connection:
            connection.execute(text("create table t (n integer)"))
        for number in range(1, 4):
            Database(f"sqlite:///{file}").close()
            statement = f"insert into t values ({number})"
            subprocess.run([sys.executable, "-c", script % statement], check=True, timeout=60)
            with first.read() as connection:
                assert connection.execute(text("select max(n) from t")).scalar_one() == number
    finally:
        first.close()


ENDLESS = """
with recursive n (n) as (select 1 union all select n + 1 from n where n < 10000000000)
select count(*) from n
"""


def test_closing_ends_what_others_are_reading(place: Place) -> None:
    database, failed = Database(place.url), Queue[Exception]()
    lengthy = ENDLESS if database.sqlite else "select pg_sleep(20)"

    def read() -> None:
        try:
            with database.read() as connection:
                connection.execute(text(lengthy))
        except StoreError as error:
            failed.put(error)

    readers = [Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    time.sleep(0.3)
    started = time.monotonic()
    database.close()
    assert time.monotonic() - started < 3
    assert all(isinstance(failed.get(timeout=1), StoreUnavailable) for _ in readers)
    for reader in readers:
        reader.join()
    with pytest.raises(StoreUnavailable, match="closed"), database.read():
        pass


@pytest.mark.parametrize("statement", [ENDLESS, "select 1"], ids=["one-statement", "many"])
def test_closing_under_readers_leaves_the_interpreter_whole(statement: str, tmp_path: Path) -> None:
    script = f"""
import sys, threading, time
from sqlalchemy import text
from lychgate.store.database import Database
from lychgate.store.base import StoreUnavailable
database = Database("sqlite:///{tmp_path}/s.db")
def read():
    try:
        while True:
            with database.read() as connection:
                connection.execute(text({statement!r})).all()
    except StoreUnavailable:
        pass
readers = [threading.Thread(target=read) for _ in range(8)]
for reader in readers:
    reader.start()
time.sleep(0.2)
database.close()
for reader in readers:
    reader.join()
"""
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_one_who_comes_back_late_closes_the_connection(tmp_path: Path) -> None:
    """It ran no statement that could have been interrupted, and took longer than is waited."""
    database = Database(f"sqlite:///{tmp_path}/s.db")
    late = Event()

    def read() -> None:
        with database.read():
            late.wait()

    reader = Thread(target=read)
    reader.start()
    time.sleep(0.1)
    database.close()
    late.set()
    reader.join()
    with closing(sqlite3.connect(tmp_path / "s.db")) as other:
        # Only who is alone can leave WAL.
        assert other.execute("pragma journal_mode=delete").fetchone() == ("delete",)
