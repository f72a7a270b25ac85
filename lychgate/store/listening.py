"""How a feed hears of a change before its next poll."""

import threading
from datetime import timedelta
from typing import Protocol

from lychgate.store.database import Database
from lychgate.store.objects import CHANNEL

_LOOK = 0.5
"""Seconds after which the listener looks whether it is to stop."""
_ASK_EVERY = 20
"""Looks without news after which the server is asked whether it is still there."""
_AGAIN = 1.0
"""Seconds until a connection that broke is opened again."""


class Bell(Protocol):
    """Wakes the one thread that waits."""

    def ring(self) -> None:
        """Wake the waiting thread, or the next one that would wait."""

    def wait(self, timeout: timedelta) -> None:
        """Return when rung, or after the timeout."""

    def close(self) -> None:
        """Give back what waiting needs."""


class LocalBell:
    """Rung by changes of this process; those of others are found by polling."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        """Wake the waiting thread, or the next one that would wait."""
        self._rung.set()

    def wait(self, timeout: timedelta) -> None:
        """Return when rung, or after the timeout."""
        self._rung.wait(timeout.total_seconds())
        self._rung.clear()

    def close(self) -> None:
        """Nothing to give back."""


class PostgresBell:
    """Rung by NOTIFY from any process, heard in a thread with a connection of its own.

    While that connection is broken, or cannot be had, waiting still ends after the timeout.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._local = LocalBell()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def ring(self) -> None:
        """The database itself notifies everybody, this process included."""

    def wait(self, timeout: timedelta) -> None:
        """Return when notified, or after the timeout; the first call begins to listen."""
        if self._thread is None and not self._stopping.is_set():
            self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
            self._thread.start()
        self._local.wait(timeout)

    def close(self) -> None:
        """Stop listening."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        import psycopg

        while not self._stopping.is_set():
            try:
                self._listen()
            except psycopg.Error:
                self._stopping.wait(_AGAIN)

    def _listen(self) -> None:
        from lychgate.store.postgres import connect

        with connect(self._url) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            quiet = 0
            self._local.ring()  # what happened meanwhile was not heard
            while not self._stopping.is_set():
                heard = list(connection.notifies(timeout=_LOOK, stop_after=1))
                quiet = 0 if heard else quiet + 1
                if heard:
                    self._local.ring()
                elif quiet % _ASK_EVERY == 0:
                    connection.execute("SELECT 1")


def bell_for(database: Database) -> Bell:
    """The bell of a database."""
    return LocalBell() if database.sqlite else PostgresBell(database.url)
