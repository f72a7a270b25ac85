"""A collector of traces: takes OTLP in JSON from us, and over gRPC from Envoy."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc

_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
_ERROR = 2


@dataclass(frozen=True, slots=True)
class Received:
    """One span; attributes of Envoy's are left as they came."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    failed: bool = False
    nanoseconds: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)
    raw: str = ""


@dataclass
class Collector:
    """Keeps what it is sent."""

    http: str = ""
    grpc: str = ""
    _spans: list[Received] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, spans: Iterator[Received]) -> None:
        """Take spans."""
        with self._lock:
            self._spans += spans

    def spans(self, service: str = "") -> list[Received]:
        """What has arrived, of one service or of all."""
        with self._lock:
            return [one for one in self._spans if service in ("", one.service)]


def _from_json(body: bytes) -> Iterator[Received]:
    for whole in json.loads(body)["resourceSpans"]:
        service = _values(whole["resource"]["attributes"])["service.name"]
        for scope in whole["scopeSpans"]:
            for span in scope["spans"]:
                yield Received(
                    service=service,
                    name=span["name"],
                    trace=span["traceId"],
                    id=span["spanId"],
                    parent=span.get("parentSpanId", ""),
                    failed=span.get("status", {}).get("code") == _ERROR,
                    nanoseconds=int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]),
                    attributes=_values(span.get("attributes", [])),
                    raw=json.dumps(span),
                )


def _values(attributes: list[dict[str, Any]]) -> dict[str, str]:
    return {one["key"]: str(next(iter(one["value"].values()))) for one in attributes}


def _from_protobuf(body: bytes) -> Iterator[Received]:
    """The few fields we ask for, off the wire: the classes are shadowed by Envoy's old ones."""
    for whole in _fields(body)[1]:
        service = next(
            _fields(_fields(pair)[2][0])[1][0].decode()
            for pair in _fields(_fields(whole)[1][0])[1]
            if _fields(pair)[1][0] == b"service.name"
        )
        for scope in _fields(whole)[2]:
            for text in _fields(scope)[2]:
                span = _fields(text)
                start, end = (int.from_bytes(span[place][0], "little") for place in (7, 8))
                yield Received(
                    service=service,
                    name=span[5][0].decode(),
                    trace=span[1][0].hex(),
                    id=span[2][0].hex(),
                    parent=span[4][0].hex() if span[4] else "",
                    nanoseconds=end - start,
                    raw=text.decode("latin-1"),
                )


def _fields(message: bytes) -> defaultdict[int, list[bytes]]:
    """The fields of a message by number; numbers as their bytes."""
    found: defaultdict[int, list[bytes]] = defaultdict(list)
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        match key & 7:
            case 0:
                number, at = _varint(message, at)
                found[key >> 3].append(number.to_bytes(8, "little"))
            case 2:
                length, at = _varint(message, at)
                found[key >> 3].append(message[at : at + length])
                at += length
            case fixed:
                length = 8 if fixed == 1 else 4
                found[key >> 3].append(message[at : at + length])
                at += length
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on two free ports of loopback."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take spans."""
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.keep(_from_json(body))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    def export(body: bytes, context: object) -> bytes:
        collector.keep(_from_protobuf(body))
        return b""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.daemon_threads = True
    threading.Thread(target=web.serve_forever, daemon=True).start()
    rpc = grpc.server(ThreadPoolExecutor(2))
    handlers = {"Export": grpc.unary_unary_rpc_method_handler(export)}
    rpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    collector.http = f"http://127.0.0.1:{web.server_address[1]}"
    collector.grpc = f"127.0.0.1:{rpc.add_insecure_port('127.0.0.1:0')}"
    rpc.start()
    try:
        yield collector
    finally:
        rpc.stop(0)
        web.shutdown()
        web.server_close()
