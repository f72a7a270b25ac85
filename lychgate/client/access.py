"""A token for an address: the one that is kept, a renewed one, or one from a new login."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lychgate.client.discovery import Application, ask, challenge_of, find
from lychgate.client.errors import ClientError, NoToken, Unreachable
from lychgate.client.login import Login, Ways
from lychgate.client.tokenfiles import Kept, TokenFiles
from lychgate.client.wire import Refused, Wire, read_url, split

_UNTOLD = timedelta(minutes=5)
"""How long a token is used whose life nobody told."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A login that is kept, and where."""

    kept: Kept
    file: Path
    is_new: bool


@dataclass(frozen=True, slots=True)
class Access:
    """The commands behind `lychgate access`."""

    wire: Wire
    files: TokenFiles
    clock: Callable[[], datetime]

    def log_in(self, address: str, ways: Ways) -> LoggedIn:
        """Log in, unless a token is kept that the application still takes."""
        url = read_url(address)
        application, host = find(self.wire, url), _host(url)
        with self.files.locked(host, application.key):
            kept = self._usable(host, application)
            if kept is not None and not self._works(url, kept):
                kept = self._renewed(host, kept)
            if kept is not None and self._works(url, kept):
                return LoggedIn(kept, self.files.save(host, application.key, kept), False)
            return self._new(url, host, application, ways)

    def token(self, address: str) -> str:
        """The token that is kept, renewed if need be; raises `NoToken` rather than log in."""
        url = read_url(address)
        application, host = find(self.wire, url), _host(url)
        with self.files.locked(host, application.key):
            kept = self._usable(host, application)
        if kept is None:
            raise NoToken(f"there is no token for `{url}`", f"run `lychgate access login {url}`")
        return kept.access_token

    def token_or_login(self, address: str, ways: Ways) -> str:
        """The token that is kept or renewed, else one from a new login."""
        url = read_url(address)
        application, host = find(self.wire, url), _host(url)
        with self.files.locked(host, application.key):
            kept = self._usable(host, application)
            if kept is None:
                kept = self._new(url, host, application, ways).kept
        return kept.access_token

    def log_out(self, address: str) -> bool:
        """Forget a login, here and at the server; whether there was one."""
        url = read_url(address)
        application, host = find(self.wire, url), _host(url)
        with self.files.locked(host, application.key):
            kept = self.files.load(host, application.key)
            self.files.drop(host, application.key)
        if kept is None:
            return False
        if kept.revocation_endpoint:
            token = kept.refresh_token or kept.access_token
            self.wire.post(kept.revocation_endpoint, {"token": token, "client_id": kept.client_id})
        return True

    def _usable(self, host: str, application: Application) -> Kept | None:
        """What is kept, renewed when it is about to end."""
        kept = self.files.load(host, application.key)
        if kept is None or kept.is_good(self.clock()):
            return kept
        return self._renewed(host, kept)

    def _renewed(self, host: str, kept: Kept) -> Kept | None:
        """A login with a fresh token; one that is over is forgotten."""
        if not kept.refresh_token:
            return None
        form = {
            "grant_type": "refresh_token",
            "refresh_token": kept.refresh_token,
            "client_id": kept.client_id,
            "resource": kept.resource,
        }
        try:
            answer = self.wire.post(kept.token_endpoint, form)
        except Refused as refused:
            if refused.error not in ("invalid_grant", "invalid_client", "invalid_target"):
                raise ClientError(f"the token was not renewed: {refused.message}") from None
            self.files.drop(host, kept.application)
            return None
        fresh = replace(
            kept,
            access_token=_text(answer, "access_token"),
            refresh_token=answer.get("refresh_token") or kept.refresh_token,
            expires_at=self._end(answer),
        )
        self.files.save(host, kept.application, fresh)
        return fresh

    def _works(self, url: str, kept: Kept) -> bool:
        """Whether the application still takes a token: it may have been revoked meanwhile."""
        headers = {"accept": "application/json", "authorization": f"Bearer {kept.access_token}"}
        return not challenge_of(self.wire.send("HEAD", url, headers))

    def _new(self, url: str, host: str, application: Application, ways: Ways) -> LoggedIn:
        server = ask(self.wire, application, url)
        client, answer = Login(self.wire, self.files, server, ways).run()
        kept = Kept(
            application=application.key,
            resource=server.resource,
            issuer=server.issuer,
            client_id=client,
            token_endpoint=server.token,
            revocation_endpoint=server.revocation,
            expires_at=self._end(answer),
            access_token=_text(answer, "access_token"),
            refresh_token=answer.get("refresh_token") or "",
        )
        return LoggedIn(kept, self.files.save(host, application.key, kept), True)

    def _end(self, answer: Mapping[str, Any]) -> int:
        life = answer.get("expires_in")
        seconds = life if type(life) is int else int(_UNTOLD.total_seconds())
        return int(self.clock().timestamp()) + seconds


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise Unreachable(f"the authorization server answered without {name}")
    return value


def _host(url: str) -> str:
    return split(url).netloc
