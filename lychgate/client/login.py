"""How somebody logs in from a command line: in their browser, or by a code that is shown."""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TextIO
from urllib.parse import urlencode

from lychgate.client.discovery import Server
from lychgate.client.errors import LoginRefused, NoManagedOAuth, Unreachable
from lychgate.client.loopback import Loopback
from lychgate.client.tokenfiles import TokenFiles
from lychgate.client.wire import Refused, Wire

LOGIN_SECONDS = 600.0
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_LOCAL = ("http://127.0.0.1/callback", "http://localhost/callback")
_SLOWER = 5


class How(StrEnum):
    """Which way to log in."""

    ANY = "any"
    """The browser; where there is none, by code, and where that is not on offer, by address."""
    BROWSER = "browser"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Ways:
    """What a login may use of the machine it runs on."""

    open_page: Callable[[str], bool]
    """Opens a page in a browser; False where there is none."""
    tell: Callable[[str], None]
    """Says something to the person."""
    typed: TextIO | None = None
    """Where the person may type; None when nobody is there."""
    how: How = How.ANY
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Login:
    """One login to one application."""

    wire: Wire
    files: TokenFiles
    server: Server
    ways: Ways

    def run(self) -> tuple[str, dict[str, Any]]:
        """The client id that was used, and what the token endpoint answered."""
        client = self.files.client_id(self.server.issuer)
        if not client or not self._is_known(client):
            client = self._register()
        try:
            by_device = self.ways.how is How.DEVICE
            return client, self._by_device(client) if by_device else self._by_browser(client)
        except Refused as refused:
            raise LoginRefused(f"the login was refused: {refused.message}") from None

    def _is_known(self, client: str) -> bool:
        """Whether the server still knows this program.

        One that it has forgotten would end at a page of the browser, and never hear of it here.
        """
        form = {"grant_type": "refresh_token", "refresh_token": "none", "client_id": client}
        try:
            self.wire.post(self.server.token, form)
        except Refused as refused:
            return refused.error != "invalid_client"
        return True

    def _register(self) -> str:
        if not self.server.registration:
            raise NoManagedOAuth(
                "this application does not take programs that register themselves",
                "ask its administrator to allow dynamic client registration",
            )
        about = {
            "client_name": "lychgate access",
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token", DEVICE_GRANT],
            "response_types": ["code"],
        }
        refusal: Refused | None = None
        for uri in _LOCAL:
            try:
                answer = self.wire.post(
                    self.server.registration, document={**about, "redirect_uris": [uri]}
                )
            except Refused as refused:
                refusal = refused
                continue
            id = answer.get("client_id")
            if not isinstance(id, str) or not id:
                raise Unreachable("the authorization server gave this program no id")
            self.files.keep_client(self.server.issuer, id)
            return id
        raise LoginRefused(f"this program was not registered: {refusal}")

    def _by_browser(self, client: str) -> dict[str, Any]:
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
        with Loopback(state) as loopback:
            uri = loopback.redirect_uri
            url = self._authorization_url(client, uri, state, verifier)
            opened = self.ways.open_page(url)
            if not opened and self.ways.how is How.ANY and self.server.device:
                by_device = self._try_device(client)
                if by_device is not None:
                    return by_device
            self._invite(url, opened)
            typed = None if opened else self.ways.typed
            answer = loopback.wait(LOGIN_SECONDS, typed, self.ways.tell)
        return self._redeem(client, answer, uri, verifier)

    def _authorization_url(self, client: str, uri: str, state: str, verifier: str) -> str:
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": client,
            "redirect_uri": uri,
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "resource": self.server.resource,
        }
        joint = "&" if "?" in self.server.authorization else "?"
        return f"{self.server.authorization}{joint}{urlencode(query)}"

    def _invite(self, url: str, opened: bool) -> None:
        if opened:
            text = "Your browser should have opened at this address; if not, open it yourself:"
            self.ways.tell(f"{text}\n\n{url}\n")
            return
        self.ways.tell(f"Open this address in a browser and log in:\n\n{url}\n")
        if self.ways.typed is not None:
            self.ways.tell(
                "If that browser runs on another machine, it ends at an address of 127.0.0.1 that\n"
                "it cannot open. Copy that address, and paste it here:"
            )

    def _redeem(
        self, client: str, answer: Mapping[str, str], uri: str, verifier: str
    ) -> dict[str, Any]:
        issuer = answer.get("iss")
        if issuer != self.server.issuer and (issuer is not None or self.server.names_itself):
            raise LoginRefused("the answer came from another server than was asked (RFC 9207)")
        if "code" not in answer:
            said = answer.get("error_description") or answer.get("error", "")
            raise LoginRefused(f"the login was refused: {said[:200]}")
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": uri,
            "code_verifier": verifier,
            "client_id": client,
            "resource": self.server.resource,
        }
        return self.wire.post(self.server.token, form)

    def _try_device(self, client: str) -> dict[str, Any] | None:
        """By code, where the application offers that."""
        try:
            begun = self._begin_device(client)
        except Refused:
            return None
        return self._poll(client, begun)

    def _by_device(self, client: str) -> dict[str, Any]:
        if not self.server.device:
            raise NoManagedOAuth("this application does not offer logins by code")
        return self._poll(client, self._begin_device(client))

    def _begin_device(self, client: str) -> dict[str, Any]:
        form = {"client_id": client, "resource": self.server.resource}
        begun = self.wire.post(self.server.device, form)
        for name in ("device_code", "user_code", "verification_uri"):
            value = begun.get(name)
            # What is shown may not write on the terminal, nor pass for other lines of ours.
            if not isinstance(value, str) or not value.isprintable():
                raise Unreachable(f"the authorization server answered without a usable {name}")
        return begun

    def _poll(self, client: str, begun: Mapping[str, Any]) -> dict[str, Any]:
        """Wait until somebody has entered the code (RFC 8628 3.4, 3.5)."""
        self.ways.tell(
            f"Open {begun['verification_uri']} in a browser on any machine,\n"
            f"and enter this code: {begun['user_code']}\n"
        )
        form = {
            "grant_type": DEVICE_GRANT,
            "device_code": begun["device_code"],
            "client_id": client,
            "resource": self.server.resource,
        }
        pause = _number(begun, "interval", 5)
        ends = time.monotonic() + min(_number(begun, "expires_in", 600), LOGIN_SECONDS)
        while time.monotonic() < ends:
            self.ways.sleep(pause)
            try:
                return self.wire.post(self.server.token, form)
            except Refused as refused:
                if refused.error == "slow_down":
                    pause += _SLOWER
                elif refused.error != "authorization_pending":
                    raise LoginRefused(f"the login was refused: {refused.message}") from None
        raise LoginRefused("nobody entered the code within the time", "start again")


def _number(document: Mapping[str, Any], name: str, otherwise: int) -> int:
    value = document.get(name)
    return value if type(value) is int and 0 < value < 3600 else otherwise
