"""A server that only counts who comes: somewhere nothing of ours may ever connect to."""

import socket
import threading
from types import TracebackType
from typing import Self


class Listener:
    """Listens on a free port of loopback and closes every connection at once."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._count)
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/keys"

    def _count(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            self.connections += 1
            connection.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()
