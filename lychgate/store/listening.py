"""How a feed hears of a change before its next poll."""

import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
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
    """Rung by changes of this process alone."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        """Wake the waiting thread, or the next one that would wait."""
        self._rung.set()

    def wait(self, timeout: timedelta) -> None:
        """Return when rung, or after the timeout."""
        self.rung_within(timeout.total_seconds())

    def rung_within(self, seconds: float) -> bool:
        """Wait likewise, and say which it was."""
        rung = self._rung.wait(seconds)
        self._rung.clear()
        return rung

    def close(self) -> None:
        """Nothing to give back."""


_FILES_EVERY = 0.02
"""Seconds between two looks at the files of a database."""
_SETTLING = 0.2
"""A write is in the file before it is committed: so long after one, readers look again."""


class FileBell:
    """Rung by changes of this process, and by whatever any process writes into these files.

    Only a hint: two writes in the same moment may look like one, so polling goes on.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = tuple(files)
        self._local = LocalBell()
        self._seen = self._written()
        self._settled_at = 0.0

    def ring(self) -> None:
        """Wake the waiting thread, or the next one that would wait."""
        self._local.ring()

    def wait(self, timeout: timedelta) -> None:
        """Return when rung or when a file was written, or after the timeout."""
        deadline = time.monotonic() + timeout.total_seconds()
        while (left := deadline - time.monotonic()) > 0:
            if self._local.rung_within(min(_FILES_EVERY, left)) or self._changing():
                return

    def close(self) -> None:
        """Nothing to give back."""

    def _changing(self) -> bool:
        written, now = self._written(), time.monotonic()
        if written != self._seen:
            self._seen, self._settled_at = written, now + _SETTLING
        return now < self._settled_at

    def _written(self) -> list[tuple[int, int] | None]:
        return [_mark(file) for file in self._files]


def _mark(file: Path) -> tuple[int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


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
    file = database.file
    if file is None:
        return PostgresBell(database.url)
    return FileBell((file, file.with_name(file.name + "-wal")))
