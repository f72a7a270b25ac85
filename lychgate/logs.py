"""Where log lines go, and how they look: JSON for machines, one readable line on a terminal."""

import json
import logging
import os
import queue
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

from prometheus_client import Counter

from lychgate.settings import Log, LogFormat

QUEUE = 10_000
"""Lines that wait to be written, at most; more are counted and dropped."""
DROPPED = Counter(
    "lychgate_log_dropped_total",
    "Log lines dropped because the log took nothing, or too slowly",
    registry=None,
)
"""What this process could not write; belongs into the registry of each process."""
_FLUSH_SECONDS = 2.0
"""How long the end of a process waits for its last lines."""
_STDERR = 2


def set_up(settings: Log) -> None:
    """Send the log of this process to standard error, once."""
    human = settings.format is LogFormat.HUMAN or (
        settings.format is LogFormat.AUTO and sys.stderr.isatty()
    )
    handler = Lines(_STDERR)
    handler.setFormatter(HumanLines() if human else JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.value.upper())
    for noisy in ("httpx", "httpcore", "alembic", "_granian"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class Lines(logging.Handler):
    """Hands each line to a thread that writes it: a log that takes nothing makes nobody wait.

    What does not fit any more, or cannot be written, is counted in `DROPPED`.
    """

    def __init__(self, descriptor: int, most: int = QUEUE) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._waiting: queue.Queue[logging.LogRecord] = queue.Queue(most)
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take one line; returns at once."""
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            DROPPED.inc()

    def flush(self) -> None:
        """Wait until what was taken is written, for a moment at most."""
        deadline = time.monotonic() + _FLUSH_SECONDS
        with self._waiting.all_tasks_done:
            while self._waiting.unfinished_tasks and time.monotonic() < deadline:
                self._waiting.all_tasks_done.wait(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while True:
            record = self._waiting.get()
            try:
                self._write((self.format(record) + "\n").encode(errors="backslashreplace"))
            except Exception:  # noqa: BLE001 - the log outlives whatever fails in it
                DROPPED.inc()
            self._waiting.task_done()

    def _write(self, data: bytes) -> None:
        # Not by `sys.stderr`: a write that hangs would keep its lock when the process ends.
        while data:
            data = data[os.write(self._descriptor, data) :]


def _event(record: logging.LogRecord) -> dict[str, Any]:
    event = getattr(record, "event", None)
    members = dict(event() if callable(event) else event or {})
    request_id = getattr(record, "request_id", None)
    if request_id:
        members.setdefault("request_id", request_id)
    return members


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the members of the event."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of one record; a traceback stays in one member."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_event(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class HumanLines(logging.Formatter):
    """Time, level, message, and the members of the event as `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of one record, control characters made visible."""
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        members = " ".join(f"{name}={value}" for name, value in _event(record).items())
        text = f"{record.getMessage()} {members}".rstrip().encode("unicode_escape").decode()
        line = f"{time} {record.levelname.lower():7} {text}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line
