"""A wire between two programs that a test can cut: what is sent is lost, and nobody is told."""

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

_LOOK = 0.05


class Wire:
    """Carries TCP connections from a port of its own to another; cut, it takes and says nothing."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._whole, self._over = threading.Event(), threading.Event()
        self._whole.set()

    def cut(self) -> None:
        """From now on nothing arrives, and new connections get no answer."""
        self._whole.clear()

    def mend(self) -> None:
        """Carry on; connections that were cut are gone, as after a real outage."""
        self._whole.set()

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._whole.set()
        self._listener.close()

    def _start(self, job: Callable[[], None]) -> None:
        threading.Thread(target=job, daemon=True).start()

    def _accept(self) -> None:
        while not self._over.is_set():
            with suppress(OSError):
                client, _ = self._listener.accept()
                self._start(lambda client=client: self._carry(client))  # type: ignore[misc]

    def _carry(self, client: socket.socket) -> None:
        with client:
            if self._lost():
                return
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._to)) as server:
                self._exchange(client, server)

    def _exchange(self, client: socket.socket, server: socket.socket) -> None:
        others = {client: server, server: client}
        while not self._lost():
            for one in select.select(list(others), [], [], _LOOK)[0]:
                data = one.recv(65536)
                if not data or self._lost():
                    return
                others[one].sendall(data)

    def _lost(self) -> bool:
        """Wait while the wire is cut; whether this connection did not survive it."""
        if self._whole.is_set():
            return self._over.is_set()
        self._whole.wait()
        return True
