"""POST token: a code, a refresh token or a device code becomes an access token."""

from lychgate.core.metadata import DEVICE_GRANT
from lychgate.oauth.clients import CODE_GRANT, REFRESH_GRANT, KnownClient
from lychgate.oauth.errors import UnsupportedGrantType
from lychgate.oauth.grants import Issued, Replayed, Withheld
from lychgate.oauth.resources import canonical, check_granted
from lychgate.store.base import AuditEvent
from lychgate.store.oauthbase import Grant
from lychgate.web.journal import record
from lychgate.web.oauth.counting import counted
from lychgate.web.oauth.devicegrant import redeem_device
from lychgate.web.oauth.documents import document
from lychgate.web.oauth.form import Form, calling_client, read_form
from lychgate.web.oauth.judging import judge_of, managed
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.services import Services


def token(request: WebRequest, services: Services) -> Reply:
    """Answer a token request (RFC 6749 4.1.3 and 6, RFC 8628 3.4)."""
    form = read_form(request)
    grant_type = form.needed("grant_type")
    if grant_type not in (CODE_GRANT, REFRESH_GRANT, DEVICE_GRANT):
        raise UnsupportedGrantType("this grant_type is not on offer here")
    try:
        with counted(services, "managed", grant_type):
            client = calling_client(request, services, form)
            match grant_type:
                case "authorization_code":
                    issued = _redeem(request, services, form, client)
                case "refresh_token":
                    issued = _refresh(request, services, form, client)
                case _:
                    issued = redeem_device(request, services, form, client)
    except Replayed as replayed:
        _note(request, services, "grant_revoked", replayed.grant, replayed.reason)
        raise
    except Withheld as withheld:
        _note(request, services, "grant_refused", withheld.grant, withheld.reason)
        raise
    return document(200, _answer(issued))


def _redeem(request: WebRequest, services: Services, form: Form, client: KnownClient) -> Issued:
    grants, text = managed(services), form.needed("code")
    code = grants.code(text, client.id)
    _check_resource(services, form, code.grant)
    judge = judge_of(request, services)
    uri, verifier = form.one("redirect_uri"), form.one("code_verifier")
    return grants.redeem(text, code, uri, verifier, judge)


def _refresh(request: WebRequest, services: Services, form: Form, client: KnownClient) -> Issued:
    grants = managed(services)
    grant, token = grants.refreshable(form.needed("refresh_token"), client.id)
    _check_resource(services, form, grant)
    return grants.refresh(grant, token, judge_of(request, services))


def _check_resource(services: Services, form: Form, grant: Grant) -> None:
    snapshot = services.newest()
    app = snapshot.apps.get(grant.app)
    # An application that offers nothing any more ends the grant, whatever was asked for.
    if app is not None and app.app.oauth is not None:
        check_granted(snapshot, form.resources, grant.app)


def _answer(issued: Issued) -> dict[str, object]:
    return {
        "access_token": issued.access_token,
        "token_type": "bearer",
        "expires_in": issued.expires_in,
        "refresh_token": issued.refresh_token,
        "scope": "",
        "resource": canonical(issued.grant.resource),
    }


def _note(request: WebRequest, services: Services, action: str, grant: Grant, reason: str) -> None:
    event = AuditEvent(
        at=services.clock(),
        action=action,
        email=grant.email,
        subject=grant.subject,
        session=grant.session,
        app=grant.app,
        allowed=False,
        reason=reason,
        details={"client": grant.client, "grant": grant.id},
    )
    record(request, services, event)
