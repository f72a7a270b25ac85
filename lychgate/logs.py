"""How log lines look: JSON for machines, one readable line for people on a terminal."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from lychgate.settings import Log, LogFormat


def set_up(settings: Log) -> None:
    """Send the log of this process to standard error, once."""
    human = settings.format is LogFormat.HUMAN or (
        settings.format is LogFormat.AUTO and sys.stderr.isatty()
    )
    handler = logging.StreamHandler()
    handler.setFormatter(HumanLines() if human else JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.value.upper())
    for noisy in ("httpx", "httpcore", "alembic", "_granian"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _event(record: logging.LogRecord) -> dict[str, Any]:
    event = getattr(record, "event", None)
    members = dict(event) if isinstance(event, dict) else {}
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
