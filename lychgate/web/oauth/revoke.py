"""POST revoke: a client gives back what it was granted (RFC 7009)."""

from lychgate.store.base import AuditEvent
from lychgate.web.journal import record
from lychgate.web.oauth.documents import document
from lychgate.web.oauth.form import calling_client, read_form
from lychgate.web.oauth.judging import managed
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.services import Services


def revoke(request: WebRequest, services: Services) -> Reply:
    """End the grant behind a token of the calling client; unknown tokens are answered alike."""
    form = read_form(request)
    client = calling_client(request, services, form)
    grant = managed(services).revoke(form.needed("token"), client.id)
    if grant is not None:
        event = AuditEvent(
            at=services.clock(),
            action="grant_revoked",
            email=grant.email,
            subject=grant.subject,
            session=grant.session,
            app=grant.app,
            reason="by_client",
            details={"client": grant.client, "grant": grant.id},
        )
        record(request, services, event)
    return document(200, {})
