"""Writes down what visitors did: one audit row and one log line for each event."""

import logging
from dataclasses import replace

from lychgate.store.base import AuditEvent
from lychgate.web.request import WebRequest
from lychgate.web.services import Services

log = logging.getLogger("lychgate.web")
_LINE = ("email", "subject", "session", "app", "policy", "allowed", "reason", "request_id", "ip")


def record(request: WebRequest, services: Services, event: AuditEvent) -> None:
    """Write one event, with the facts of the request it happened in."""
    certificate = {"certificate": request.certificate.serial} if request.certificate else {}
    whole = replace(
        event,
        details={**event.details, **certificate},
        request_id=request.id,
        ip=str(request.client_ip or ""),
        country=request.country or "",
    )
    services.store.audit.write([whole])
    services.metrics.happened(whole.action)
    members = {name: getattr(whole, name) for name in _LINE}
    shown = {name: value for name, value in members.items() if value not in ("", None)}
    log.info("%s", whole.action, extra={"event": {**shown, **whole.details}})
