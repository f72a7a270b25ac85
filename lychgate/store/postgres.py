"""How PostgreSQL is reached: any address libpq knows, a server that takes writes, no endless wait.

A server that is gone closes its connections, or the kernel does so after a few seconds of silence
on the wire. One that is there but does nothing, a stopped process, answers on the wire for ever:
only a limit of our own ends that.
"""

import time
from collections.abc import Callable, Generator, Mapping
from typing import Any

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

LOCK_SECONDS = 10
"""How long another writer is waited for."""
STATEMENT_SECONDS = 15
"""How long the server works on one statement."""
PATIENCE = 20.0
"""Seconds without a sign of the server after which a statement fails: more than it may take."""
_CHECK_PATIENCE = 5.0
"""The same for the question whether the server takes writes, which it answers at once."""
_DEFAULTS: Mapping[str, str | int] = {
    "application_name": "lychgate",
    # For each server of the address, as all of the following.
    "connect_timeout": 3,
    "target_session_attrs": "read-write",
    # A peer that vanished is given up within seconds, whether we wait to hear from it or to tell.
    "tcp_user_timeout": 5000,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
}
_POOL = 8
_WAIT = 0.1


class Connection(psycopg.Connection[Any]):
    """A connection that closes, with an error, when its server says nothing for too long."""

    patience: float = PATIENCE

    def interrupt(self) -> None:
        """From another thread: let what is being asked of the server fail, as SQLite's does."""
        self.patience = 0.0

    def wait[R](self, gen: PQGen[R], interval: float = _WAIT, timeout: float | None = None) -> R:
        """Carry out what was asked of the server."""
        try:
            return super().wait(_watched(gen, lambda: self.patience), interval, timeout)
        except _Silent:
            self.close()
            raise psycopg.OperationalError("the server does not answer") from None


class _Silent(Exception):
    """The server gave no sign of life."""


def _watched[R](gen: PQGen[R], patience: Callable[[], float]) -> Generator[Any, Any, R]:
    """The same steps; raises when none made progress for so many seconds, asked anew each time."""
    last = time.monotonic()
    try:
        step = next(gen)
        while True:
            ready = yield step
            if ready:
                last = time.monotonic()
            elif time.monotonic() - last > patience():
                raise _Silent
            step = gen.send(ready)
    except StopIteration as done:
        result: R = done.value
        return result


def connect(url: str) -> Connection:
    """A connection of its own, outside any pool, for what is answered at once."""
    connection = Connection.connect(**_parameters(url), autocommit=True)
    connection.patience = _CHECK_PATIENCE
    return connection


def pool(url: str, connections: int) -> Engine:
    """At most so many connections, each asked before its use whether its server takes writes.

    One that does not is a standby, or the primary before a fail-over: what it knows may be old.
    """
    kept = min(connections, _POOL)
    engine = create_engine(
        "postgresql+psycopg://",
        pool_size=kept,
        max_overflow=connections - kept,
        pool_timeout=LOCK_SECONDS,
    )
    parameters = _parameters(url)

    @event.listens_for(engine, "do_connect")
    def open_(_dialect: object, _record: object, _args: object, given: Any) -> Connection:
        return Connection.connect(**given, **parameters)

    @event.listens_for(engine, "checkout")
    def ask(connection: Connection, _record: object, _proxy: object) -> None:
        connection.patience = _CHECK_PATIENCE
        try:
            if _takes_writes(connection):
                connection.patience = PATIENCE
                return
        except psycopg.Error:
            pass
        raise InvalidatePoolError("the server is gone or takes no writes")

    return engine


def _takes_writes(connection: Connection) -> bool:
    connection.autocommit = True  # one round trip instead of three
    row = connection.execute("SHOW transaction_read_only").fetchone()
    connection.autocommit = False
    return row is not None and row[0] == "off"


def _parameters(url: str) -> dict[str, Any]:
    """What libpq is given: the address, and our defaults where it says nothing."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise ValueError("not an address") from None
    limits = f"-c lock_timeout={LOCK_SECONDS}s -c statement_timeout={STATEMENT_SECONDS}s"
    options = f"{limits} {given.get('options') or ''}".rstrip()
    return {**_DEFAULTS, **given, "options": options, "client_encoding": "utf8"}
