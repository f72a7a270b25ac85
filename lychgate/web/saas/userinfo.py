"""The userinfo endpoint: the claims about the person an access token was given for."""

from lychgate.core.session import Token, TokenType, judge_times, open_token
from lychgate.core.tokens import Rejected
from lychgate.oauth.errors import OAuthError
from lychgate.oauth.saas_claims import person_claims
from lychgate.web.oauth.documents import document
from lychgate.web.people import live_session
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.saas.client import Provider, provider_of
from lychgate.web.saas.refusals import note_refusal
from lychgate.web.services import Services


class InvalidToken(OAuthError):
    """The access token is not one of this application's, or not good any more (RFC 6750 3.1)."""

    code = "invalid_token"
    status = 401


def userinfo(request: WebRequest, services: Services) -> Reply:
    """GET and POST userinfo (OpenID Connect Core 5.3); the token comes as bearer and only so."""
    provider = provider_of(request, services)
    try:
        token = _token(request, services, provider)
        grant = services.store.oauth.grants.get(token.grant)
        session = live_session(token.session, services, provider.snapshot)
        if grant is None or grant.revoked_at is not None or session is None:
            raise InvalidToken("the login behind this access token is over")
        claims = person_claims(provider.client, session.identity, grant.scope.split())
    except OAuthError as error:
        note_refusal(request, error)
        return _refused(request, error)
    return document(200, claims)


def _refused(request: WebRequest, error: OAuthError) -> Reply:
    # Without a token nothing but the scheme is told (RFC 6750 3.1).
    told = f' error="{error.code}", error_description="{error.message}"'
    challenge = "Bearer" + (told if "authorization" in request.headers else "")
    body = {"error": error.code, "error_description": error.message}
    return document(401, body, ("www-authenticate", challenge))


def _token(request: WebRequest, services: Services, provider: Provider) -> Token:
    values = request.headers.get("authorization", ())
    scheme, _, text = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    if scheme.lower() != "bearer":
        raise InvalidToken("send one access token, as bearer in the Authorization header")
    snapshot, app, now = provider.snapshot, provider.app, services.clock()
    token = open_token(text.strip(" "), snapshot.keyring, now)
    if isinstance(token, Rejected) or token.type is not TokenType.SAAS:
        raise InvalidToken("this is not an access token of this application")
    ours = token.issuer == snapshot.team.url and token.audiences == (app.app.audience,)
    if not ours or token.claims.get("client_id") != provider.client.client_id:
        raise InvalidToken("this is not an access token of this application")
    old = token.issued_at <= app.rules_changed_at
    if old or judge_times(token, now) or snapshot.revocations.cover(token, app.app.id):
        raise InvalidToken("the access token has ended")
    return token
