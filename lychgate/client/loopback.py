"""Waits for the browser to come back: a listener on loopback, or an address that is pasted."""

import os
import select
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Self, TextIO
from urllib.parse import parse_qs, urlsplit

from lychgate.client.errors import LoginRefused

_PATH = "/callback"
_PAGE = b"You are signed in. You may close this window and go back to your command line.\n"
_REFUSED = b"You are not signed in. Go back to your command line.\n"


class Loopback:
    """A listener for one answer (RFC 8252 7.3), which must carry the state it was begun with."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._answer: dict[str, str] = {}
        self._typed = b""
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_GET(self) -> None:
                loopback._take(self)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the address holds a code."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._server.timeout = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.server_close()

    @property
    def redirect_uri(self) -> str:
        """Where the browser is sent back to."""
        return f"http://127.0.0.1:{self._server.server_port}{_PATH}"

    def wait(
        self, seconds: float, typed: TextIO | None, tell: Callable[[str], None]
    ) -> dict[str, str]:
        """The parameters of the answer. `typed` is where somebody may paste the address instead."""
        ends = time.monotonic() + seconds
        typing = None if typed is None else typed.fileno()
        while not self._answer:
            left = ends - time.monotonic()
            if left <= 0:
                raise LoginRefused("nobody logged in within the time", "start again")
            readers = [self._server.fileno(), *([] if typing is None else [typing])]
            ready, _, _ = select.select(readers, [], [], left)
            if self._server.fileno() in ready:
                self._server.handle_request()
            elif ready and typing is not None and not self._read(typing, tell):
                typing = None
        return self._answer

    def _read(self, typing: int, tell: Callable[[str], None]) -> bool:
        """Read what was typed; False when nobody will type any more."""
        # Not through the buffer of a file object: what waits there, `select` does not see.
        text = os.read(typing, 65536)
        self._typed += text
        *lines, self._typed = self._typed.split(b"\n")
        for line in filter(None, map(bytes.strip, lines)):
            if not self._answer and not self._accept(line.decode("utf-8", "replace")):
                tell("that is not the address the browser ended at; paste the whole of it")
        return bool(text)

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        good = self._accept(request.path)
        page = _PAGE if "code" in self._answer else _REFUSED
        request.send_response(200 if good else 404)
        for name, value in (
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("Content-Length", str(len(page) if good else 0)),
            ("Connection", "close"),
        ):
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(page if good else b"")

    def _accept(self, address: str) -> bool:
        """Take an answer when it is one to our own request."""
        try:
            parts = urlsplit(address)
            fields = parse_qs(parts.query, keep_blank_values=True)
        except ValueError:
            return False
        ours = parts.path == _PATH and fields.get("state") == [self._state]
        if not ours or any(len(values) != 1 for values in fields.values()):
            return False
        if "code" not in fields and "error" not in fields:
            return False
        self._answer = {name: values[0] for name, values in fields.items()}
        return True
