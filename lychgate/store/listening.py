"""How a feed hears of a change before its next poll."""

import threading
from datetime import timedelta
from typing import Any, Protocol

from lychgate.store.database import Database
from lychgate.store.objects import CHANNEL


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
    """Rung by NOTIFY from any process, over a connection of its own.

    A connection that breaks is opened again at the next wait; meanwhile polling goes on.
    """

    def __init__(self, arguments: dict[str, Any]) -> None:
        import psycopg

        self._driver = psycopg
        self._arguments = arguments
        self._connection: psycopg.Connection[Any] | None = None
        self._local = LocalBell()

    def ring(self) -> None:
        """The database itself notifies everybody, this process included."""

    def wait(self, timeout: timedelta) -> None:
        """Return when notified, or after the timeout."""
        try:
            if self._connection is None:
                self._connection = self._listen()
                return
            for _ in self._connection.notifies(timeout=timeout.total_seconds(), stop_after=1):
                pass
        except self._driver.Error:
            self.close()
            self._local.wait(timeout)

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _listen(self) -> Any:
        connection = self._driver.connect(**self._arguments, autocommit=True)
        connection.execute(f"LISTEN {CHANNEL}")
        return connection


def bell_for(database: Database) -> Bell:
    """The bell of a database."""
    return LocalBell() if database.sqlite else PostgresBell(database.connect_arguments())
