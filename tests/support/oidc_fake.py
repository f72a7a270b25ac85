"""A tiny OpenID provider whose every answer a test can bend; real ones are in `oidc_npm`."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from joserfc import jwk, jws
from joserfc.jwk import Key

CLIENT_ID = "lychgate"
CLIENT_SECRET = "only for tests"
CALLBACK = "https://team.example.com/cdn-cgi/access/callback"


@dataclass(frozen=True)
class Sent:
    """A request that reached the provider."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str]


@dataclass(frozen=True)
class Page:
    """An answer; `pause` seconds pass before each of its chunks."""

    body: bytes | list[bytes] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    pause: float = 0.0


def page(value: object, status: int = 200) -> Page:
    """A JSON answer."""
    return Page(json.dumps(value).encode(), status)


type Route = Callable[[Sent], Page]


@cache
def signing_key(kind: str = "RSA", size: str | int = 2048, kid: str = "one") -> Key:
    """A key of the provider, made once for all tests."""
    return jwk.JWKRegistry.generate_key(kind, size, {"kid": kid})


def public(*keys: Key) -> dict[str, Any]:
    """The key set document."""
    return {"keys": [{**key.as_dict(private=False), "use": "sig"} for key in keys]}


def sign(
    claims: Mapping[str, Any] | bytes, key: Key, algorithm: str = "RS256", **header: object
) -> str:
    """A compact signature over claims, or over exactly these bytes."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    members = {"alg": algorithm, "kid": key.kid, **header}
    registry = _AnyAlgorithm(strict_check_header=False)
    return jws.serialize_compact(
        {name: value for name, value in members.items() if value is not None},
        payload,
        key,
        registry=registry,
    )


class _AnyAlgorithm(jws.JWSRegistry):
    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]

    def check_header(self, header: Any) -> None:
        """A forger does not check."""


class FakeProvider:
    """Its routes by path, and what it received. A test replaces or adds routes."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.issuer = origin
        self.received: list[Sent] = []
        self.claims: dict[str, Any] = {"email": "alice@example.com", "name": "Alice", "groups": []}
        self.userinfo: dict[str, Any] = {"sub": "alice-id"}
        self.make_token: Callable[[dict[str, Any]], str] = lambda claims: sign(
            claims, signing_key()
        )
        self.keys: tuple[Key, ...] = (signing_key(),)
        self.nonce = ""
        self.routes: dict[str, Route] = {
            "/token": lambda _: page(self.tokens()),
            "/jwks": lambda _: page(public(*self.keys)),
            "/userinfo": lambda _: page(self.userinfo),
            "/.well-known/openid-configuration": lambda _: page(self.discovery()),
        }

    def full_claims(self) -> dict[str, Any]:
        """The claims of a good ID token; a claim set to None is left out."""
        now = int(time.time())
        standard = {"iss": self.issuer, "sub": "alice-id", "aud": CLIENT_ID, "nonce": self.nonce}
        whole = {**standard, "iat": now, "exp": now + 300, **self.claims}
        return {name: value for name, value in whole.items() if value is not None}

    def tokens(self) -> dict[str, Any]:
        """The token endpoint's answer."""
        identity = self.make_token(self.full_claims())
        return {"access_token": "an access token", "token_type": "Bearer", "id_token": identity}

    def discovery(self) -> dict[str, Any]:
        """The discovery document."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "jwks_uri": f"{self.origin}/jwks",
            "userinfo_endpoint": f"{self.origin}/userinfo",
            "code_challenge_methods_supported": ["S256"],
        }

    def config(self, **more: object) -> dict[str, Any]:
        """The settings with three URLs, as a guide gives them."""
        return {
            "client_id": CLIENT_ID,
            "auth_url": f"{self.origin}/authorize",
            "token_url": f"{self.origin}/token",
            "certs_url": f"{self.origin}/jwks",
            **more,
        }

    def asked(self, path: str) -> list[Sent]:
        """What was received at a path."""
        return [sent for sent in self.received if sent.path == path]

    def answer(self, sent: Sent) -> Page:
        """Route one request."""
        self.received.append(sent)
        route = self.routes.get(sent.path)
        return route(sent) if route else page({"error": "not_found"}, 404)


class FakeServer(ThreadingHTTPServer):
    """Serves one provider after the other on a free port of this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.provider = self.fresh()

    def fresh(self) -> FakeProvider:
        """A provider that nobody has bent; from now on it answers."""
        self.provider = FakeProvider(f"http://127.0.0.1:{self.server_port}")
        return self.provider


@contextmanager
def fake_server() -> Iterator[FakeServer]:
    """Serve until the end of the block."""
    with FakeServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: FakeServer

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("content-length", 0))))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _serve(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        sent = Sent(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers,
            dict(parse_qsl(body.decode(), keep_blank_values=True)),
        )
        self._write(self.server.provider.answer(sent))

    def _write(self, answer: Page) -> None:
        chunks = [answer.body] if isinstance(answer.body, bytes) else answer.body
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for chunk in chunks:
                time.sleep(answer.pause)
                self.wfile.write(chunk)
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
