"""Where decisions are written down, without making one wait.

Each decision that is worth it becomes a log line (`AccessLog`); refusals of known people and
machines also become rows of the audit table (`AuditTrail`), from a queue.
"""

import logging
import queue
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from lychgate.core.decision import Reason
from lychgate.core.events import AccessEvent
from lychgate.core.identity import Anonymous, Service, User
from lychgate.core.model import EPOCH
from lychgate.errors import LychgateError
from lychgate.settings import Log
from lychgate.store.base import AuditEvent, AuditLog

log = logging.getLogger("lychgate.access")

QUEUE = 10_000
"""Events that wait for the audit table, at most; more are counted and dropped."""


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
        "certificate": event.certificate,
        "method": event.method,
        "host": event.host,
        "path": event.path,
        "ip": event.ip,
        "country": event.country,
        "request_id": event.request_id,
    }
    return {name: value for name, value in members.items() if value not in (None, "")}


class AccessLog:
    """Writes the decisions that are worth a line."""

    def __init__(self, settings: Log) -> None:
        self._settings = settings

    def observe(self, event: AccessEvent) -> None:
        """Take note of a decision; returns at once."""
        if self._worth_a_line(event):
            log.info("%s", event.decision, extra={"event": partial(line, event)})

    def _worth_a_line(self, event: AccessEvent) -> bool:
        if event.plain_allow:
            return self._settings.allow
        return self._settings.bypass if event.bypass else event.decision != "serve"


_REFUSALS = frozenset(
    {
        Reason.BLOCKED,
        Reason.NO_POLICY_MATCHED,
        Reason.SERVICE_TOKEN_INVALID,
        Reason.SERVICE_TOKEN_NOT_ALLOWED,
        Reason.LINKED_TOKEN_NOT_ALLOWED,
    }
)
"""What is a refusal of somebody at an application, and not only a request nobody can judge."""
_BATCH = 500
"""Rows written in one transaction, at most."""
PER_MINUTE = 600
"""Rows of one reason in a minute, at most: strangers must not be able to fill the table."""
_MINUTE = timedelta(minutes=1)
_LOOK = 0.5
"""Seconds after which the writer looks whether it is to stop."""
_RETRY = 1.0
"""Seconds until a batch that could not be written is tried again."""


def row(event: AccessEvent) -> AuditEvent | None:
    """The audit row of a decision; None for a service token whose client id nobody knows."""
    because = event.because
    email = session = subject = ""
    details = {"host": event.host, "path": event.path, "method": event.method}
    details |= {"detail": because.detail, "certificate": event.certificate}
    match because.principal:
        case User() as user:
            email, session, subject = user.email, user.session, user.subject
        case Service() as service:
            details |= {"service_token": service.token_id or "", "common_name": service.common_name}
        case Anonymous() if because.reason is Reason.SERVICE_TOKEN_INVALID:
            return None
        case Anonymous():
            pass
    return AuditEvent(
        at=event.at,
        action="bypassed" if event.bypass else "refused",
        email=email,
        subject=subject,
        session=session,
        app=because.app or "",
        policy=because.policy or "",
        allowed=event.bypass,
        reason=because.reason.value,
        request_id=event.request_id,
        ip=event.ip,
        country=event.country,
        details={name: value for name, value in details.items() if value},
    )


class AuditTrail:
    """Carries refusals to the audit table, many at a time.

    A table that is slow or gone stops no decision: what waits is bounded, and what finds no room
    is counted.
    """

    def __init__(
        self, table: AuditLog, registry: CollectorRegistry, *, bypass: bool, most: int = QUEUE
    ) -> None:
        self._table = table
        self._bypass = bypass
        self._waiting: queue.Queue[AccessEvent] = queue.Queue(most)
        self._stopping = threading.Event()
        self._dropped = Counter(
            "lychgate_audit_dropped_total",
            "Audit rows of decisions that were not written",
            ("why",),
            registry=registry,
        )
        self._full, self._flood = self._dropped.labels("full"), self._dropped.labels("flood")
        Gauge(
            "lychgate_audit_waiting", "Decisions that wait for the audit table", registry=registry
        ).set_function(self._waiting.qsize)
        self._minute, self._written = EPOCH, dict[Reason, int]()
        self._failing = False
        self._writer = threading.Thread(target=self._run, name="audit-trail", daemon=True)
        self._writer.start()

    def observe(self, event: AccessEvent) -> None:
        """Take note of a decision; returns at once, whoever asked."""
        if event.because.reason in _REFUSALS or (event.bypass and self._bypass):
            try:
                self._waiting.put_nowait(event)
            except queue.Full:
                self._full.inc()

    def close(self) -> None:
        """Write what waits, then stop; what cannot be written is let go."""
        self._stopping.set()
        self._writer.join(timeout=5)

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._waiting.empty()):
            rows = [row(event) for event in self._batch() if self._has_room(event)]
            self._write([one for one in rows if one is not None])

    def _batch(self) -> list[AccessEvent]:
        try:
            events = [self._waiting.get(timeout=_LOOK)]
        except queue.Empty:
            return []
        while len(events) < _BATCH and not self._waiting.empty():
            events.append(self._waiting.get_nowait())
        return events

    def _has_room(self, event: AccessEvent) -> bool:
        self._new_minute(event.at)
        reason = event.because.reason
        written = self._written[reason] = self._written.get(reason, 0) + 1
        if written > PER_MINUTE:
            self._flood.inc()
        return written <= PER_MINUTE

    def _new_minute(self, now: datetime) -> None:
        if not self._minute <= now < self._minute + _MINUTE:
            self._minute, self._written = now, {}

    def _write(self, rows: list[AuditEvent]) -> None:
        while rows:
            try:
                self._table.write(rows)
            except LychgateError as error:
                if not self._failing:
                    log.error("refusals cannot be written to the audit table: %s", error.message)
                self._failing = True
                if self._stopping.wait(_RETRY):
                    self._full.inc(len(rows))
                    return
            else:
                self._failing = False
                return
