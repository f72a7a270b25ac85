"""Where decisions are written down: a log line each, from a queue that never makes one wait."""

import logging
import queue
import threading
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, generate_latest

from lychgate.core.events import AccessEvent
from lychgate.settings import Log

log = logging.getLogger("lychgate.access")

QUEUE = 10_000
"""Events that wait to be written, at most; more are counted and dropped."""


def line(event: AccessEvent) -> Mapping[str, Any]:
    """The members of a decision's log line; empty ones are left out."""
    because = event.because
    members = {
        "decision": event.decision,
        "reason": because.reason.value,
        "status": event.status or None,
        "app": because.app,
        "policy": because.policy,
        "detail": because.detail,
        **event.principal(),
        "method": event.method,
        "host": event.host,
        "path": event.path,
        "ip": event.ip,
        "country": event.country,
        "request_id": event.request_id,
    }
    return {name: value for name, value in members.items() if value not in (None, "")}


class AccessLog:
    """Counts every decision and writes those that are worth a line."""

    def __init__(self, settings: Log) -> None:
        self._settings = settings
        self._waiting: queue.Queue[AccessEvent | None] = queue.Queue(QUEUE)
        self.registry = CollectorRegistry()
        self._decisions = Counter(
            "lychgate_decisions_total",
            "Decisions of the gate",
            ("decision", "reason"),
            registry=self.registry,
        )
        self._dropped = Counter(
            "lychgate_log_dropped_total",
            "Log lines dropped because the log was too slow",
            registry=self.registry,
        )
        self._counts: dict[tuple[str, str], Any] = {}
        self._writer = threading.Thread(target=self._write, name="access-log", daemon=True)
        self._writer.start()

    def observe(self, event: AccessEvent) -> None:
        """Take note of a decision; returns at once."""
        key = (event.decision, event.because.reason.value)
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = self._decisions.labels(*key)
        count.inc()
        if not self._worth_a_line(event):
            return
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._dropped.inc()

    def _worth_a_line(self, event: AccessEvent) -> bool:
        if event.plain_allow:
            return self._settings.allow
        return self._settings.bypass if event.bypass else event.decision != "serve"

    def _write(self) -> None:
        while (event := self._waiting.get()) is not None:
            log.info("%s", event.decision, extra={"event": line(event)})

    def metrics(self) -> bytes:
        """Everything counted so far, in the text format of Prometheus."""
        return generate_latest(self.registry)

    def close(self) -> None:
        """Write what waits, then stop."""
        self._waiting.put(None)
        self._writer.join(timeout=5)
