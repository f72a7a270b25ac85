"""Where tokens are kept: one file for each application, for its owner alone."""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lychgate.client.errors import TokenFileBroken

_EARLY = timedelta(seconds=30)
"""A token that ends so soon is not used any more: the request must still arrive."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A login to one application, as its file holds it; times in seconds since 1970."""

    application: str
    resource: str
    issuer: str
    client_id: str
    token_endpoint: str
    revocation_endpoint: str
    expires_at: int
    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)

    def is_good(self, now: datetime) -> bool:
        """Whether the access token can still be used."""
        return now + _EARLY < datetime.fromtimestamp(self.expires_at, UTC)


def default_folder(environment: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/lychgate/access`, else `~/.lychgate/access`."""
    state = environment.get("XDG_STATE_HOME", "")
    if state.startswith("/"):
        return Path(state) / "lychgate" / "access"
    return Path.home() / ".lychgate" / "access"


class TokenFiles:
    """A folder of token files, and of the ids that authorization servers gave this program."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def locked(self, host: str, key: str) -> Iterator[None]:
        """One command at a time for an application: of many that start, one logs in."""
        with self._private(_name(host, key, "lock")).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def load(self, host: str, key: str) -> Kept | None:
        """The login to an application that is kept; None when there is none."""
        found = self._read(_name(host, key, "token"))
        if found is None:
            return None
        try:
            kept = Kept(**{one.name: found[one.name] for one in fields(Kept)})
        except KeyError:
            kept = None
        if kept is None or type(kept.expires_at) is not int or not _are_texts(found):
            hint = "remove it and log in again"
            raise TokenFileBroken(f"`{self._path(_name(host, key, 'token'))}` is damaged", hint)
        return kept

    def save(self, host: str, key: str, kept: Kept) -> Path:
        """Keep a login."""
        return self._write(_name(host, key, "token"), asdict(kept))

    def drop(self, host: str, key: str) -> None:
        """Forget a login."""
        self._path(_name(host, key, "token")).unlink(missing_ok=True)

    def client_id(self, issuer: str) -> str:
        """What a server calls this program; empty before it was registered there."""
        found = self._read(_name("server", issuer, "client")) or {}
        id = found.get("client_id") if found.get("issuer") == issuer else ""
        return id if isinstance(id, str) else ""

    def keep_client(self, issuer: str, id: str) -> None:
        """Remember a registration; an empty id forgets it."""
        self._write(_name("server", issuer, "client"), {"issuer": issuer, "client_id": id})

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _private(self, name: str) -> Path:
        """The path of a file that nobody else can open, made if it is not there."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(name)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        return path

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self._path(name)
        try:
            if path.stat().st_mode & 0o077:
                raise TokenFileBroken(f"others can read `{path}`", f"chmod 600 {path}")
            found = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            found = None
        if not isinstance(found, dict):
            raise TokenFileBroken(f"`{path}` cannot be read", "remove it and log in again")
        return found

    def _write(self, name: str, content: Mapping[str, Any]) -> Path:
        part = self._private(name + ".part")
        part.chmod(0o600)
        part.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        return part.replace(self._path(name))


def _are_texts(found: Mapping[str, Any]) -> bool:
    return all(isinstance(value, str) for name, value in found.items() if name != "expires_at")


def _name(host: str, key: str, ending: str) -> str:
    plain = re.sub(r"[^a-z0-9.-]", "_", host.lower()).strip(".") or "host"
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return f"{plain}-{digest}.{ending}"
