"""A plain OAuth client for the demo's MCP server, which does each step when it is told to."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.support.consent import Person, answer_in
from tests.support.demo import Demo

REDIRECT = "http://127.0.0.1:45001/callback"


@dataclass(frozen=True, slots=True)
class Wish:
    """An authorization request that is under way."""

    url: str
    verifier: str = field(repr=False)
    state: str


@dataclass(frozen=True, slots=True)
class PlainClient:
    """One registered public client, with the metadata it works from."""

    http: httpx.Client
    resource: str
    metadata: dict[str, Any]
    id: str

    def wish(self) -> Wish:
        """An authorization request with PKCE."""
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": REDIRECT,
            "state": state,
            "resource": self.resource,
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return Wish(
            f"{self.metadata['authorization_endpoint']}?{urlencode(asked)}", verifier, state
        )

    def code(self, wish: Wish, person: Person) -> str:
        """The code that a person's consent brings."""
        answer = answer_in(person.allow(wish.url))
        if answer["state"] != wish.state or answer["iss"] != self.metadata["issuer"]:
            raise AssertionError(f"not the answer to this request: {answer}")
        return answer["code"]

    def redeem(self, wish: Wish, code: str) -> httpx.Response:
        """Present a code."""
        return self._post(
            "token_endpoint",
            grant_type="authorization_code",
            code=code,
            redirect_uri=REDIRECT,
            code_verifier=wish.verifier,
            resource=self.resource,
        )

    def refresh(self, token: str) -> httpx.Response:
        """Present a refresh token."""
        return self._post(
            "token_endpoint",
            grant_type="refresh_token",
            refresh_token=token,
            resource=self.resource,
        )

    def tokens(self, person: Person) -> dict[str, Any]:
        """All of a login: consent, code, tokens."""
        wish = self.wish()
        answer = self.redeem(wish, self.code(wish, person))
        if answer.status_code != 200:
            raise AssertionError(f"{answer.status_code}: {answer.text}")
        found: dict[str, Any] = answer.json()
        return found

    def ask(self, token: str, app: str = "") -> httpx.Response:
        """Call the MCP server, or another application, with an access token."""
        headers = {"authorization": f"Bearer {token}"}
        return self.http.get(app or self.resource, headers=headers)

    def _post(self, endpoint: str, **form: str) -> httpx.Response:
        return self.http.post(self.metadata[endpoint], data={"client_id": self.id, **form})


def register(http: httpx.Client, demo: Demo, name: str = "A test") -> PlainClient:
    """A client that starts from the authorization server's document."""
    metadata = http.get(f"{demo.team}/.well-known/oauth-authorization-server").json()
    wanted = {
        "client_name": name,
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none",
    }
    answer = http.post(metadata["registration_endpoint"], json=wanted)
    if answer.status_code != 201:
        raise AssertionError(f"{answer.status_code}: {answer.text}")
    return PlainClient(http, demo.app("mcp"), metadata, answer.json()["client_id"])
