"""What a test needs of a proxy in front of origins, whichever proxy it is."""

import json
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha1
from socketserver import StreamRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import Protocol, Self

from lychgate.core.urls import CERTS

_HEALTH_CHECKS = (("Envoy/HC",), ("lychgate/health",))
_WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What a handshake's key is joined with (RFC 6455 1.3)."""

type Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back on a raw connection; `status` 0 means it was closed without an answer."""

    status: int
    headers: Pairs
    body: bytes
    raw: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in order."""
        return tuple(value for key, value in self.headers if key.lower() == name.lower())


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as an origin received it: names and order as sent, bytes as Latin-1."""

    origin: str
    method: str
    target: str
    headers: Pairs
    body: bytes = b""

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in order."""
        return tuple(value for key, value in self.headers if key.lower() == name.lower())


class Front(Protocol):
    """A running proxy with its decision core and origins."""

    url: str
    """Where the proxy listens, `http://127.0.0.1:PORT`."""

    def send_raw(self, data: bytes, timeout: float = 10.0) -> Reply:
        """Send bytes on a fresh connection and read the first answer."""
        ...

    def origin_log(self) -> tuple[Seen, ...]:
        """Every request that any origin received, oldest first."""
        ...

    def clear_log(self) -> None:
        """Forget what the origins received."""
        ...


def request_bytes(
    method: str, target: str, host: str, headers: Pairs = (), body: bytes = b""
) -> bytes:
    """A well-formed HTTP/1.1 request that closes the connection."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if not any(name.lower() == "connection" for name, _ in headers):
        lines.append("Connection: close")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def exchange(address: tuple[str, int], data: bytes, timeout: float = 10.0) -> Reply:
    """Send bytes to an address and read one HTTP/1.1 answer, or until it closes."""
    with socket.create_connection(address, timeout=timeout) as connection:
        with suppress(ConnectionError):  # refused while still sending: the answer may be there
            connection.sendall(data)
        return read_reply(connection)


def read_reply(connection: socket.socket) -> Reply:
    """Read one answer from a connection; interim 1xx answers (save 101) are skipped."""
    raw = b""
    while True:
        raw = _read_until_head(connection, raw)
        head, found, rest = raw.partition(b"\r\n\r\n")
        if not found:
            return Reply(0, (), b"", raw)
        status, headers = _parse_head(head)
        if 100 <= status < 200 and status != 101:
            raw = rest
            continue
        return Reply(status, headers, _read_body(connection, status, headers, rest), raw)


def _read_until_head(connection: socket.socket, raw: bytes) -> bytes:
    while b"\r\n\r\n" not in raw:
        more = _receive(connection)
        if not more:
            break
        raw += more
    return raw


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""


def _parse_head(head: bytes) -> tuple[int, Pairs]:
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = tuple(
        (name, value.strip()) for name, _, value in (line.partition(":") for line in lines)
    )
    return int(first.split(" ")[1]), pairs


def _read_body(connection: socket.socket, status: int, headers: Pairs, rest: bytes) -> bytes:
    known = {name.lower(): value for name, value in headers}
    if status in (101, 204, 304):
        return rest
    if "content-length" in known:
        length = int(known["content-length"])
        while len(rest) < length and (more := _receive(connection)):
            rest += more
        return rest[:length]
    if known.get("transfer-encoding") == "chunked":
        while not rest.endswith(b"0\r\n\r\n") and (more := _receive(connection)):
            rest += more
        return unchunk(rest)
    while more := _receive(connection):
        rest += more
    return rest


def unchunk(data: bytes) -> bytes:
    """The content of a chunked body."""
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            break
        body, data = body + data[:length], data[length + 2 :]
    return body


type Answer = Callable[[Seen], bytes]
"""The complete HTTP answer of an origin to a request."""


def http_answer(status: str, headers: Pairs = (), body: bytes = b"") -> bytes:
    """A complete HTTP/1.1 answer."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def echo(seen: Seen) -> bytes:
    """Answer with what was received, as JSON."""
    content = {
        "origin": seen.origin,
        "method": seen.method,
        "target": seen.target,
        "headers": seen.headers,
        "body_length": len(seen.body),
    }
    return http_answer(
        "200 OK", (("Content-Type", "application/json"),), json.dumps(content).encode()
    )


@dataclass(slots=True)
class Log:
    """What several origins received, in one order."""

    _seen: list[Seen] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, seen: Seen) -> None:
        """Note one request."""
        with self._lock:
            self._seen.append(seen)

    def read(self) -> tuple[Seen, ...]:
        """Everything noted so far."""
        with self._lock:
            return tuple(self._seen)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._seen.clear()


class Origin:
    """An HTTP/1.1 server that logs each request byte for byte and answers by a function.

    Three targets answer by themselves, so that every test can use them: a WebSocket handshake
    gets 101 and its bytes back, `/events` sends an event every 0.2 s, `/slow` answers after 1 s.
    What a proxy asks the companion app all the time is answered and not logged.
    """

    def __init__(self, name: str, log: Log, answer: Answer = echo) -> None:
        self.name, self.log, self.answer = name, log, answer
        origin = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                while origin._serve_one(self):
                    pass

        class Server(ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Where it listens, as `host:port`."""
        return f"127.0.0.1:{self.port}"

    def _serve_one(self, handler: StreamRequestHandler) -> bool:
        try:
            seen = self._read(handler)
            if seen is None:
                return False
            if seen.target == CERTS and seen.all("user-agent") in _HEALTH_CHECKS:
                handler.wfile.write(http_answer("200 OK"))
                return True
            self.log.add(seen)
            if seen.all("upgrade") == ("websocket",):
                self._echo_socket(handler, seen)
                return False
            if seen.target == "/events":
                self._events(handler)
                return False
            if seen.target == "/slow":
                time.sleep(1)
            handler.wfile.write(self.answer(seen))
        except (ConnectionError, ValueError):
            return False
        return "close" not in seen.all("connection")

    def _read(self, handler: StreamRequestHandler) -> Seen | None:
        line = handler.rfile.readline().decode("latin-1").rstrip("\r\n")
        if not line:
            return None
        method, target, _ = line.split(" ", 2)
        pairs: list[tuple[str, str]] = []
        while (text := handler.rfile.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = text.partition(":")
            pairs.append((name, value.strip(" ")))
        seen = Seen(self.name, method, target, tuple(pairs))
        return Seen(self.name, method, target, tuple(pairs), self._read_content(handler, seen))

    @staticmethod
    def _read_content(handler: StreamRequestHandler, seen: Seen) -> bytes:
        if seen.all("content-length"):
            return handler.rfile.read(int(seen.all("content-length")[0]))
        content = b""
        if seen.all("transfer-encoding"):
            while size := int(handler.rfile.readline(), 16):
                content += handler.rfile.read(size)
                handler.rfile.readline()
            handler.rfile.readline()
        return content

    @staticmethod
    def _echo_socket(handler: StreamRequestHandler, seen: Seen) -> None:
        key = "".join(seen.all("sec-websocket-key")) + _WEBSOCKET
        accept = b64encode(sha1(key.encode("latin-1")).digest())
        handler.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        while data := handler.connection.recv(65536):
            handler.connection.sendall(data)

    @staticmethod
    def _events(handler: StreamRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for number in range(10):
            handler.wfile.write(f"data: {number}\n\n".encode())
            time.sleep(0.2)
