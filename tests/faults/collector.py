"""A log collector: reads what processes write to a pipe, until it is told to stop reading."""

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_LOOK = 0.05


class Collector:
    """Copies a pipe to a file. `deaf` set: nobody reads the pipe, and it fills up."""

    def __init__(self, file: Path) -> None:
        self.deaf = threading.Event()
        self._file = file
        self._source, self.sink = os.pipe()
        os.set_blocking(self._source, False)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def text(self) -> str:
        """Everything read so far."""
        return self._file.read_text(errors="replace")

    def _run(self) -> None:
        with self._file.open("ab", buffering=0) as kept:
            while not self._over.is_set():
                data = b"" if self.deaf.is_set() else self._read()
                kept.write(data)
                if not data:
                    self._over.wait(_LOOK)

    def _read(self) -> bytes:
        try:
            return os.read(self._source, 65536)
        except BlockingIOError:
            return b""

    def __enter__(self) -> Self:
        self._file.touch()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._source)
        os.close(self.sink)
