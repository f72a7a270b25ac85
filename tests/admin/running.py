"""Starts the companion process for the tests of the admin API."""

import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import yaml
from cloudflare import Cloudflare

from lychgate.admin.credentials import new_token
from lychgate.admin.scopes import SCOPES
from lychgate.clock import clock
from lychgate.config import load
from lychgate.config.edits import apply
from lychgate.config.naming import ACCOUNT
from lychgate.core.snapshot import Snapshot
from lychgate.processes import free_port
from lychgate.runtime import connect
from lychgate.store.base import ApiToken
from lychgate.store.sql import SqlStore

TEAM = "team.example.net"
ADMIN = "admin@example.com"
"""Whose the token of a process is."""
FROM_FILE = "in the file"
"""The name of the application that the configuration file holds."""


@dataclass(frozen=True, slots=True)
class Running:
    """A companion process and its store."""

    base_url: str
    token: str
    store: SqlStore[Snapshot]
    output: Path
    config: Path
    process: subprocess.Popen[bytes]

    def client(self, token: str | None = None, **more: Any) -> Cloudflare:
        """The official client."""
        more.setdefault("max_retries", 0)
        return Cloudflare(api_token=token or self.token, base_url=self.base_url, **more)

    def http(self, token: str | None = None, **headers: str) -> httpx.Client:
        """A plain client."""
        sent = {"authorization": f"Bearer {token or self.token}"} | headers
        return httpx.Client(base_url=self.base_url, headers=sent, timeout=30)

    def account(self, path: str) -> str:
        """A path below the account."""
        return f"{self.base_url}/accounts/{ACCOUNT}{path}"

    def new_token(
        self, *scopes: str, email: str = "", expires_at: datetime | None = None
    ) -> tuple[str, str]:
        """Another API token, and its id."""
        return make_token(self.store, scopes or SCOPES, email, expires_at)


def make_token(
    store: SqlStore[Snapshot], scopes: tuple[str, ...], email: str, expires_at: datetime | None
) -> tuple[str, str]:
    """Keep a new API token; its secret and its id."""
    made, id = new_token(secrets.token_bytes), secrets.token_hex(8)
    token = ApiToken(id, "test", email, scopes, clock(), expires_at)
    store.api_tokens.create(token, made.digest)
    return made.secret, id


IN_THE_FILE: Mapping[str, Any] = {
    "applications": [
        {
            "name": FROM_FILE,
            "type": "self_hosted",
            "domain": "file.example.com",
            "policies": [{"name": "all", "decision": "allow", "include": [{"everyone": {}}]}],
        }
    ]
}


@contextmanager
def running(folder: Path, resources: Mapping[str, Any] = IN_THE_FILE) -> Iterator[Running]:
    """Start a companion process over a new SQLite store; its file holds those resources."""
    config = folder / "lychgate.yaml"
    config.write_text(yaml.safe_dump(_configuration(folder) | {"resources": dict(resources)}))
    loaded = load(config, {})
    store = connect(loaded.settings)
    apply(loaded, store)
    token, _ = make_token(store, SCOPES, ADMIN, None)
    try:
        with process_of(config, store, token) as started:
            yield started
    finally:
        store.close()


@contextmanager
def another(server: Running) -> Iterator[Running]:
    """One more process over the same store."""
    folder = server.config.parent
    config = folder / f"another-{secrets.token_hex(4)}.yaml"
    config.write_text(yaml.safe_dump(_configuration(folder)))
    with process_of(config, server.store, server.token) as started:
        yield started


@contextmanager
def process_of(config: Path, store: SqlStore[Snapshot], token: str) -> Iterator[Running]:
    """Start a companion process with that file."""
    port = yaml.safe_load(config.read_text())["admin"]["listen"].rpartition(":")[2]
    output = config.with_suffix(".log")
    command = [sys.executable, "-m", "lychgate.web", "--config", str(config)]
    with output.open("ab") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)
    base = f"http://127.0.0.1:{port}/client/v4"
    try:
        _wait_for(f"{base}/openapi.json", process, output)
        yield Running(base, token, store, output, config, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def _configuration(folder: Path) -> dict[str, Any]:
    return {
        "team": {"name": "Example", "url": f"https://{TEAM}"},
        "store": f"sqlite:///{folder / 'lychgate.db'}",
        "companion": {"listen": f"127.0.0.1:{free_port()}"},
        "health": {"listen": f"127.0.0.1:{free_port()}"},
        "admin": {"listen": f"127.0.0.1:{free_port()}", "calls_per_minute": 1_000_000},
    }


def _wait_for(url: str, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(url, timeout=5)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"the admin API did not start: {output.read_text()}")
