"""A server of client metadata documents: real TLS on this machine, under a name of its own."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lychgate.outbound import Outbound
from tests.support.certificates import self_signed

NAME = "client.example"


class DocumentServer(ThreadingHTTPServer):
    """Serves one document, which a test may change."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.body = b""
        self.headers: dict[str, str] = {"content-type": "application/json"}
        self.asked = 0

    @property
    def url(self) -> str:
        """The document's address: a client's id."""
        return f"https://{NAME}:{self.server_address[1]}/client.json"

    def describe(self, **changes: Any) -> None:
        """Serve a good document, with these changes; None leaves a member out."""
        document = {
            "client_id": self.url,
            "client_name": "Described",
            "redirect_uris": ["http://localhost:4711/callback"],
        } | changes
        kept = {name: value for name, value in document.items() if value is not None}
        self.body = json.dumps(kept).encode()


class _Handler(BaseHTTPRequestHandler):
    server: DocumentServer

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def document_server(folder: Path) -> Iterator[tuple[DocumentServer, Outbound]]:
    """A running server, and a way out that is allowed to reach it."""
    pem = folder / "server.pem"
    pem.write_bytes(self_signed(NAME))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = DocumentServer()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    trusted = ssl.create_default_context(cafile=pem)
    port = server.server_address[1]
    allowed = (f"{NAME}:{port}",)
    try:
        yield server, Outbound(allowed, trusted, lambda _host, _port: ["127.0.0.1"])
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
