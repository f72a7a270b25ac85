"""POST registration: a client registers itself (RFC 7591); open to all, so limited."""

from lychgate.oauth.clients import (
    check_allowed,
    new_client,
    open_rules,
    read_registration,
    registered_answer,
)
from lychgate.oauth.errors import InvalidClientMetadata
from lychgate.store.base import AuditEvent
from lychgate.web.journal import record
from lychgate.web.oauth.documents import document
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.services import Services


def register(request: WebRequest, services: Services) -> Reply:
    """Keep a client whose redirect URIs at least one application takes."""
    services.limiter.registered(request.client_ip)
    kind = request.header("content-type").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise InvalidClientMetadata("the body must be application/json")
    registration = read_registration(request.body)
    check_allowed(registration, open_rules(services.newest()))
    secret = services.token()
    client = new_client(registration, services.random(16).hex(), secret, services.clock())
    services.store.oauth.clients.register(client)
    name = client.metadata.get("client_name", "")
    details = {"client": client.id, "client_name": name}
    record(request, services, AuditEvent(services.clock(), "client_registered", details=details))
    return document(201, registered_answer(client, secret))
