"""A gate in miniature on loopback: challenge, metadata, registration, tokens, each changeable."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

type Page = tuple[int, dict[str, str], bytes]
type Handler = Callable[[dict[str, str], dict[str, str]], Page]
"""From headers and form to an answer."""


def document(content: Any, status: int = 200) -> Page:
    """A JSON answer."""
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()


class Server:
    """Answers by a table of `METHOD path`; what is not in it is a 404."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.tokens = 0
        self.refresh: Page | None = None
        server = self

        class Requests(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                body = self.rfile.read(length).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                path = urlsplit(self.path).path
                server.calls.append((f"{self.command} {path}", form))
                headers = {name.lower(): value for name, value in self.headers.items()}
                found = server.pages.get(f"{self.command} {path}")
                status, answer, content = found(headers, form) if found else (404, {}, b"")
                self.send_response(status)
                for name, value in (answer | {"Content-Length": str(len(content))}).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_POST = do_HEAD = _answer

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
        self.origin = f"http://127.0.0.1:{self._http.server_port}"
        metadata = "/.well-known/oauth-protected-resource/app"
        challenge = f'Bearer realm="OAuth", resource_metadata="{self.origin}{metadata}"'
        self.gate: Page = (401, {"WWW-Authenticate": challenge, "Cf-Access-Aud": "a" * 64}, b"")
        self.resource: dict[str, Any] = {
            "resource": f"{self.origin}/app",
            "authorization_servers": [self.origin],
        }
        self.metadata: dict[str, Any] = {
            "issuer": self.origin,
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "registration_endpoint": f"{self.origin}/register",
            "revocation_endpoint": f"{self.origin}/revoke",
            "authorization_response_iss_parameter_supported": True,
        }
        self.pages: dict[str, Handler] = {
            "HEAD /app": self._app,
            f"GET {metadata}": lambda headers, form: document(self.resource),
            "GET /.well-known/oauth-authorization-server": lambda headers, form: document(
                self.metadata
            ),
            "POST /register": lambda headers, form: document({"client_id": "client"}, 201),
            "POST /token": self._token,
            "POST /revoke": lambda headers, form: (200, {}, b""),
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        """The application."""
        return f"{self.origin}/app"

    def called(self, name: str) -> int:
        """How often something was asked for."""
        return sum(one == name for one, _ in self.calls)

    def _app(self, headers: dict[str, str], form: dict[str, str]) -> Page:
        good = headers.get("authorization") == f"Bearer token-{self.tokens}" and self.tokens
        return (200, {}, b"") if good else self.gate

    def _token(self, headers: dict[str, str], form: dict[str, str]) -> Page:
        if form.get("grant_type") == "refresh_token" and form["refresh_token"] == "none":
            return document({"error": "invalid_grant"}, 400)
        if form.get("grant_type") == "refresh_token" and self.refresh is not None:
            return self.refresh
        self.tokens += 1
        answer = {"access_token": f"token-{self.tokens}", "refresh_token": f"again-{self.tokens}"}
        return document(answer | {"token_type": "bearer", "expires_in": 900})
