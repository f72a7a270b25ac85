"""What an administrator changes about a running demo; the end of a test takes it back."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from lychgate.clock import clock
from lychgate.config import load
from lychgate.core.model import AppId
from lychgate.runtime import connect
from lychgate.store.base import Kind
from tests.support.demo import Demo

_SECONDS = 20
_MCP = "mcp"


class Changes:
    """Edits the configuration file, and ends sessions in the store."""

    def __init__(self, demo: Demo) -> None:
        self._file = Path(demo.info["config"])
        self._original = self._file.read_text()
        self.store = connect(load(self._file).settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._file.read_text() != self._original:
                self._write(self._original)
        finally:
            self.store.close()

    def access_lasts(self, life: timedelta) -> None:
        """Give the MCP server's access tokens another life."""
        seconds = f"{int(life.total_seconds())}s"
        oauth = {"enabled": True, "grant": {"access_token_lifetime": seconds}}
        self.edit(lambda file: _app(file).update(oauth_configuration=oauth))

    def refuse(self, email: str) -> None:
        """Let the policies of the MCP server refuse a person."""
        rule = {"email": {"email": email}}
        self.edit(lambda file: _policy(file).setdefault("exclude", []).append(rule))

    def switch_off(self) -> None:
        """Switch managed OAuth off."""
        self.edit(lambda file: _app(file).pop("oauth_configuration"))

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the file, and wait until it counts."""
        content = yaml.safe_load(self._file.read_text())
        change(content)
        self._write(yaml.safe_dump(content, sort_keys=False))

    def revoke_user(self, email: str) -> None:
        """End all that a person began, as `lychgate sessions revoke --user` does."""
        self.store.revocations.revoke_user(email, clock())

    def end_sessions(self, email: str) -> None:
        """End a person's logins one by one."""
        for session in self.store.sessions.by_email(email):
            self.store.revocations.revoke_session(session.nonce, clock())

    def end_grants(self, email: str) -> None:
        """End what a person allowed, as `lychgate oauth grants revoke` does."""
        for grant in self.store.oauth.grants.list(clock(), email):
            self.store.oauth.grants.revoke(grant.id, clock())

    def revoke_client(self, id: str) -> None:
        """Forget a client, as `lychgate oauth clients revoke` does."""
        self.store.oauth.clients.remove(id, clock())

    def revoke_app(self) -> None:
        """End every token of the MCP server."""
        found = self.store.objects(Kind.APPLICATION)
        id = next(one.id for one in found if one.body["name"] == _MCP)
        self.store.revocations.revoke_app(AppId(id), clock())

    def _write(self, text: str) -> None:
        before = self.store.revision()
        # Appears complete: the demo may look at any moment.
        fresh = self._file.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self._file)
        deadline = time.monotonic() + _SECONDS
        while self.store.revision() == before:
            if time.monotonic() > deadline:
                raise TimeoutError("the demo did not take its new configuration")
            time.sleep(0.05)


def _app(file: dict[str, Any]) -> dict[str, Any]:
    return _named(file, "applications", _MCP)


def _policy(file: dict[str, Any]) -> dict[str, Any]:
    return _named(file, "policies", "staff")


def _named(file: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in file["resources"][kind] if one["name"] == name)
    return found
