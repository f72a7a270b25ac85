"""How the store talks to SQLite and PostgreSQL: connections, transactions, and their failures."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lychgate.store.base import Conflict, StoreDamaged, StoreError, StoreUnavailable
from lychgate.store.counts import StoreCounts
from lychgate.store.users import Users

CONNECTIONS = 32
"""Most connections of one process, unless it is told otherwise."""
PROMPT = 5.0
"""Seconds a silent server gets where others wait for the answer."""
UNHURRIED = 900.0
"""The same where a statement may take minutes."""
_BUSY = 10
"""Seconds to wait for another writer."""
_WRITES = "lychgate_writes"
_DAMAGED = ("disk image is malformed", "file is not a database")
_MEND = (
    "stop everything, move the file and those beside it (`-wal`, `-shm`) away, "
    "and bring the newest backup in with `lychgate restore`"
)


class Database:
    """One database of either kind.

    A read sees one consistent state. A write on SQLite takes the write lock when it begins, so
    that what it read is still true when it commits.
    """

    def __init__(
        self, url: str, counts: StoreCounts | None = None, connections: int = CONNECTIONS
    ) -> None:
        self.url = url
        self.counts = counts or StoreCounts()
        self.file = _sqlite_file(url)
        """Where it lies; None for PostgreSQL."""
        self.sqlite = self.file is not None
        if self.file is not None:
            engine = _sqlite_engine(self.file, connections)
        else:
            engine = _postgres_engine(url, connections)
        self._engine = engine
        self._users = Users(engine.dispose)
        self._opened: set[Any] = set()
        event.listen(engine, "connect", lambda connection, _: self._opened.add(connection))
        event.listen(engine, "close", lambda connection, _: self._opened.discard(connection))
        self._reads = engine if self.sqlite else _snapshots(engine)
        self._writes = engine.execution_options(**{_WRITES: True})

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        failed = self.counts.read_failed
        with self._users.one(), _translated(failed), self._reads.connect() as connection:
            yield connection

    @contextmanager
    def read_promptly(self) -> Iterator[Connection]:
        """A read that gives up a silent server within seconds: others wait for its answer."""
        with self.read() as connection:
            self._be_patient(connection, PROMPT)
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block, or leaves no trace."""
        failed = self.counts.write_failed
        with self._users.one(), _translated(failed), self._writes.begin() as connection:
            yield connection

    @contextmanager
    def write_at_length(self) -> Iterator[Connection]:
        """A write whose statements may take minutes."""
        with self.write() as connection:
            self._be_patient(connection, UNHURRIED)
            if not self.sqlite:
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            yield connection

    def prove_whole(self) -> None:
        """Read a SQLite file to its end; raises StoreDamaged when it is a mixture or cut off."""
        if not self.sqlite:
            return
        with self.read() as connection:
            said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if said != "ok":
            first = str(said).splitlines()[0]
            raise StoreDamaged(f"the database file is damaged: {first}", _MEND)

    def _be_patient(self, connection: Connection, seconds: float) -> None:
        """Until this transaction is over; the pool sets it back."""
        if not self.sqlite:
            raw: Any = connection.connection.driver_connection
            raw.patience = seconds

    def close(self) -> None:
        """Close every connection; what some other thread is still doing in one fails there first.

        Never under a running statement, which SQLite and the interpreter would not survive.
        """
        self._users.end(self._interrupt)

    def _interrupt(self) -> None:
        for connection in list(self._opened):
            # One that was closed in the meantime, by the thread that had it.
            with suppress(sqlite3.ProgrammingError):
                connection.interrupt()


def insert(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT that can say what happens on a conflict, in the database's dialect."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def one_at_a_time(connection: Connection, name: str) -> None:
    """Until it ends, be the only transaction for a name; on SQLite every write is that already."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))


@contextmanager
def _translated(failed: Callable[[], None]) -> Iterator[None]:
    # Only the driver's own words: the statement and its parameters may hold what must not be
    # logged, so neither the message nor the cause carries them on.
    failure: StoreError
    try:
        yield
    except IntegrityError:
        failure = Conflict("it exists already")
    except DBAPIError as error:
        failure = _failure(_first_line(error.orig))
    except PoolTimeout:
        failure = StoreUnavailable("the database is too busy")
    except SQLAlchemyError as error:
        failure = StoreUnavailable(f"the database failed: {type(error).__name__}")
    else:
        return
    if isinstance(failure, StoreUnavailable):
        failed()
    raise failure from None


def _failure(said: str) -> StoreUnavailable:
    if any(words in said for words in _DAMAGED):
        return StoreDamaged(f"the database file is damaged: {said}", _MEND)
    return StoreUnavailable(f"the database failed: {said}")


def _first_line(error: object) -> str:
    lines = str(error).splitlines()
    return lines[0].lower() if lines else "no reason given"


def _sqlite_file(url: str) -> Path | None:
    """The file of a SQLite address; None for an address of PostgreSQL."""
    if url.startswith(("postgresql://", "postgres://")):
        return None
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise _unknown() from error
    if parsed.drivername != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise _unknown()
    return Path(parsed.database or "")


def _unknown() -> StoreError:
    return StoreError(
        "the store's address is not one this program knows",
        "use `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/DATABASE`",
    )


def _sqlite_engine(path: Path, connections: int) -> Engine:
    _make_private(path)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": _BUSY, "isolation_level": None},
        pool_size=min(8, connections),
        max_overflow=connections - min(8, connections),
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: object) -> None:
        # FULL: a revocation that was answered must survive a power cut.
        for pragma in (
            "journal_mode=WAL",
            f"busy_timeout={_BUSY * 1000}",
            "synchronous=FULL",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    _follow_file(engine, path)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _follow_file(engine: Engine, path: Path) -> None:
    """Use the file that has the name now: never one that was moved away, never a new empty one.

    SQLite itself would go on with a file that was removed or replaced by a backup, where nobody
    else writes any more, and would not hear of another revocation.
    """

    @event.listens_for(engine, "do_connect")
    def only_existing(*_: object) -> None:
        if _identity(path) is None:
            raise sqlite3.OperationalError("the database file is not there")

    @event.listens_for(engine, "connect")
    def remember(_connection: object, record: Any) -> None:
        record.info["file"] = _identity(path)

    @event.listens_for(engine, "checkout")
    def compare(_connection: object, record: Any, _proxy: object) -> None:
        if record.info["file"] != _identity(path):
            raise DisconnectionError("the database file was replaced")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_private(file: Path) -> None:
    """Make the file if there is none.

    One that exists is not opened here: closing it would take the locks from every connection that
    this process has to it (POSIX), and other processes would write over its head.
    """
    if os.access(file, os.R_OK | os.W_OK) and file.is_file():
        return
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreUnavailable(
            f"the database file `{file}` cannot be opened: {error.strerror}"
        ) from error


def _postgres_engine(url: str, connections: int) -> Engine:
    try:
        from lychgate.store.postgres import pool
    except ModuleNotFoundError as error:
        raise StoreError(
            "PostgreSQL needs the package psycopg", "install `lychgate[postgres]`"
        ) from error
    try:
        return pool(url, connections)
    except ValueError:
        raise _unknown() from None


def _snapshots(engine: Engine) -> Engine:
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
