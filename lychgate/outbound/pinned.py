"""How a connection is made: resolve, check every address, connect to a checked one, keep time."""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from lychgate.core.request import Address
from lychgate.outbound.guard import unmapped

type Resolve = Callable[[str, int], list[str]]
type Judge = Callable[[str, int, list[Address]], None]
"""Called with host, port and every address of it; raises `RefusedAddress`."""


class RefusedAddress(Exception):
    """A target that the guard does not let through; the message says why."""


def resolve(host: str, port: int) -> list[str]:
    """Every address of a host, in the system's order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to the very address that was judged, and ends everything at `deadline`."""

    def __init__(self, resolve: Resolve, judge: Judge, deadline: float) -> None:
        self._resolve = resolve
        self._judge = judge
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers; one refused address refuses the host."""
        addresses = _resolve_until(self._resolve, host, port, self._deadline)
        self._judge(host, port, addresses)
        failure: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                stream = self._sockets.connect_tcp(
                    str(address), port, _left(self._deadline), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """A stream whose reads share one deadline, so that a drip of bytes cannot stretch it."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline)
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("out of time")
    return left


def _resolve_until(resolve: Resolve, host: str, port: int, deadline: float) -> list[Address]:
    # The system's resolver takes no timeout and waits up to half a minute, so it gets a thread.
    answers: queue.SimpleQueue[list[str] | OSError | UnicodeError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolve(host, port))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True, name="resolve").start()
    try:
        answer = answers.get(timeout=_left(deadline))
    except queue.Empty:
        raise httpcore.ConnectTimeout("the name was not resolved in time") from None
    if isinstance(answer, Exception):
        raise httpcore.ConnectError(f"`{host}` does not resolve") from answer
    return [unmapped(text) for text in answer]
