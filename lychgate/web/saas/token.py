"""The token endpoint: a code or refresh token of a SaaS application becomes tokens."""

from lychgate.core.model import SaasClient, SaasGrant
from lychgate.oauth.clientauth import Credentials
from lychgate.oauth.errors import InvalidClient, InvalidGrant, UnsupportedGrantType
from lychgate.oauth.grants import Issued, Replayed, Withheld
from lychgate.oauth.saas_tokens import is_secret, token_answer
from lychgate.store.base import AuditEvent
from lychgate.store.oauthbase import Grant
from lychgate.web.errors import NotFound
from lychgate.web.journal import record
from lychgate.web.oauth.counting import counted
from lychgate.web.oauth.documents import document
from lychgate.web.oauth.form import Form, presented, read_form
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.saas.client import Circumstances, Provider, judge_in, provider_of, saas_grants
from lychgate.web.services import Services


def token(request: WebRequest, services: Services) -> Reply:
    """POST token (RFC 6749 4.1.3 and 6, OpenID Connect Core 3.1.3 and 12)."""
    provider = _provider(request, services)
    form = read_form(request)
    grant_type = form.needed("grant_type")
    refreshes = SaasGrant.REFRESH in provider.client.grants
    if grant_type not in ("authorization_code", *(["refresh_token"] if refreshes else [])):
        raise UnsupportedGrantType("this grant_type is not on offer for this application")
    try:
        with counted(services, "saas", grant_type):
            proven = _authenticated(provider.client, presented(request, form))
            if grant_type == "refresh_token":
                issued, nonce = _refreshed(services, provider, form), ""
            else:
                issued, nonce = _redeemed(services, provider, form, proven)
    except Replayed as replayed:
        _note(request, services, "grant_revoked", replayed.grant, replayed.reason)
        raise
    except Withheld as withheld:
        _note(request, services, "grant_refused", withheld.grant, withheld.reason)
        raise
    if not form.one("refresh_token"):
        _note(request, services, "grant", issued.grant)
    return document(200, token_answer(issued, nonce))


def _provider(request: WebRequest, services: Services) -> Provider:
    try:
        return provider_of(request, services)
    except NotFound as error:
        raise InvalidClient(error.message) from None


def _authenticated(client: SaasClient, credentials: Credentials) -> bool:
    """Whether the client proved who it is; it may go without a secret where PKCE is enough."""
    if credentials.id != client.client_id:
        raise InvalidClient("this is the token endpoint of another client")
    if credentials.secret is None and client.public:
        return False
    if credentials.secret is None or not is_secret(client, credentials.secret):
        raise InvalidClient("the client secret is missing or wrong")
    return True


def _redeemed(
    services: Services, provider: Provider, form: Form, proven: bool
) -> tuple[Issued, str]:
    grants, text = saas_grants(services), form.needed("code")
    code = grants.code(text, provider.client.client_id)
    if not proven and not code.challenge:
        raise InvalidGrant("without a client secret the code must have been asked for with PKCE")
    details = code.grant.details
    judge = judge_in(services, Circumstances.unpack(details))
    uri = form.needed("redirect_uri")
    issued = grants.redeem(text, code, uri, form.one("code_verifier"), judge)
    return issued, details["nonce"]


def _refreshed(services: Services, provider: Provider, form: Form) -> Issued:
    grants = saas_grants(services)
    grant, old = grants.refreshable(form.needed("refresh_token"), provider.client.client_id)
    return grants.refresh(grant, old, judge_in(services, Circumstances.unpack(grant.details)))


def _note(
    request: WebRequest, services: Services, action: str, grant: Grant, reason: str = ""
) -> None:
    event = AuditEvent(
        at=services.clock(),
        action=action,
        email=grant.email,
        subject=grant.subject,
        session=grant.session,
        app=grant.app,
        allowed=not reason,
        reason=reason,
        details={"client": grant.client, "grant": grant.id},
    )
    record(request, services, event)
