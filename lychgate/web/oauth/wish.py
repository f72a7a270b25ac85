"""What an OAuth client wants at the authorization endpoint, read in the order that is safe.

Until client and redirect URI are known to belong together nobody is sent anywhere: the visitor
gets a page (RFC 6749 4.1.2.1). From then on errors go back to the client.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.oauth.clients import CODE_GRANT, KnownClient, known
from lychgate.oauth.documents import is_document_url
from lychgate.oauth.errors import (
    InvalidClient,
    InvalidRequest,
    OAuthError,
    UnauthorizedClient,
    UnsupportedResponseType,
)
from lychgate.oauth.pkce import is_challenge
from lychgate.oauth.redirects import RedirectUri, allowed, leads_to_us, registered
from lychgate.oauth.resources import application_of
from lychgate.web.errors import BadRequest
from lychgate.web.oauth.form import Form, once
from lychgate.web.request import WebRequest
from lychgate.web.services import Services

_LONGEST = 6000
_DECIDES_WHERE = ("client_id", "redirect_uri")


@dataclass(frozen=True, slots=True)
class Wish:
    """A request whose answer may go to the client; everything else of it is yet to be judged."""

    client: KnownClient
    redirect: RedirectUri
    fields: tuple[tuple[str, str], ...]

    @property
    def form(self) -> Form:
        """The parameters."""
        return Form(self.fields)

    @property
    def sent_redirect(self) -> str:
        """The redirect URI as the client sent it; empty when it relied on its only one."""
        return self.form.one("redirect_uri")

    def back(self, issuer: str, answer: Iterable[tuple[str, str]]) -> str:
        """The address that brings the client an answer, with its state and our name (RFC 9207)."""
        state = [(name, value) for name, value in self.fields if name == "state"][:1]
        query = urlencode([*answer, *state, ("iss", issuer)], quote_via=quote)
        joint = "&" if "?" in self.redirect.text else "?"
        return self.redirect.text + joint + query

    def refused(self, issuer: str, error: OAuthError) -> str:
        """The address that tells the client of an error."""
        answer = [("error", error.code), ("error_description", error.message)]
        return self.back(issuer, answer)


@dataclass(frozen=True, slots=True)
class Complete:
    """A wish that is in order: which application it is for, and what will prove the client."""

    app: CompiledApp
    resource: str
    challenge: str


def read_wish(request: WebRequest, services: Services, fields: Iterable[tuple[str, str]]) -> Wish:
    """Client and redirect URI of a request; a page for the visitor when they are not right."""
    pairs = tuple(fields)
    if sum(len(name) + len(value) for name, value in pairs) > _LONGEST:
        raise BadRequest("this address is too long")
    for name in _DECIDES_WHERE:
        if len([key for key, _ in pairs if key == name]) > 1:
            raise BadRequest(f"`{name}` is given more than once")
    given = Form(pairs)
    client = _client(request, services, given.one("client_id"))
    text = given.one("redirect_uri") or _only(client)
    redirect = registered(text, client.redirect_uris)
    if redirect is None or leads_to_us(redirect, services.newest()):
        raise BadRequest("this client may not send you on to the address it asks for")
    return Wish(client, redirect, pairs)


def _client(request: WebRequest, services: Services, id: str) -> KnownClient:
    if is_document_url(id):
        services.limiter.document_asked(request.client_ip)
        try:
            return services.documents.client(id, services.outbound, services.clock())
        except InvalidClient as error:
            raise BadRequest(f"this client is not known here: {error.message}") from None
    found = services.store.oauth.clients.get(id, services.clock()) if id else None
    if found is None:
        raise BadRequest("this client is not known here, or not any more")
    return known(found)


def _only(client: KnownClient) -> str:
    return client.redirect_uris[0] if len(client.redirect_uris) == 1 else ""


def complete(wish: Wish, snapshot: Snapshot) -> Complete:
    """Judge the rest of a wish; what is wrong is for the client to know.

    The application's own rules come last and send nobody anywhere: they say where people may be
    sent.
    """
    once(list(wish.fields))
    form = wish.form
    if form.one("response_type") != "code":
        raise UnsupportedResponseType("response_type must be code")
    if form.one("response_mode") not in ("", "query"):
        raise InvalidRequest("response_mode must be query")
    if form.one("request") or form.one("request_uri"):
        raise InvalidRequest("request objects are not taken")
    if CODE_GRANT not in wish.client.grant_types:
        raise UnauthorizedClient("this client did not register for authorization codes")
    if form.one("code_challenge_method") != "S256":
        raise InvalidRequest("code_challenge_method must be S256")
    if not is_challenge(form.one("code_challenge")):
        raise InvalidRequest("code_challenge must be the SHA-256 of a verifier, base64url")
    app = application_of(snapshot, form.resources)
    rule = app.app.oauth
    if rule is None or not rule.registration or not allowed(wish.redirect, rule):
        raise BadRequest("the application you are going to does not take this client")
    return Complete(app, form.resources[0], form.one("code_challenge"))
