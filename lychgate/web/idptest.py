"""Trying out an identity provider: a real login that makes no session, and what came of it."""

from lychgate.core.keys import Keyring, seal
from lychgate.core.model import IdentityProvider, IdpId, Team
from lychgate.core.urls import PREFIX, encode
from lychgate.idp import PIN_TYPE, LoginFailed, Profile, report
from lychgate.pages import NoticePage, ProviderTestPage
from lychgate.store.base import AuditEvent, Clock
from lychgate.web.choice import begin
from lychgate.web.errors import BadRequest
from lychgate.web.html import html
from lychgate.web.journal import record
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.sealed import LIVES, Purpose, Use, Visit, open_sealed
from lychgate.web.services import Services

IDP_TEST = PREFIX + "idp-test/"


def test_url(team: Team, keyring: Keyring, idp: IdpId, clock: Clock, nonce: bytes) -> str:
    """The address that starts a test of a provider, good for ten minutes; `nonce` is 12 random
    bytes."""
    expires = int((clock() + LIVES[Use.PROVIDER_TEST]).timestamp())
    payload = {"d": idp, "i": nonce.hex(), "b": "", "x": expires}
    sealed = seal(keyring.sealing_key(), Use.PROVIDER_TEST, payload, nonce)
    return f"{team.url}{IDP_TEST}{encode(idp)}?token={sealed}"


def start_test(request: WebRequest, services: Services) -> Reply:
    """GET idp-test/<provider>: begin the login, if the link is ours and fresh."""
    opened = open_sealed(services, Use.PROVIDER_TEST, request.param("token"))
    if opened is None or opened.payload["d"] != request.argument:
        raise BadRequest("this test link is not valid any more; make a new one")
    idp = services.newest().idps.get(IdpId(request.argument))
    if idp is None:
        raise BadRequest("this identity provider does not exist any more")
    if idp.type == PIN_TYPE:
        text = "One-time PIN asks no other server. Try it on the login page of an application."
        return html(services, NoticePage(idp.name, text))
    return begin(request, services, Visit(Purpose.TEST, "/"), idp)


def result_page(
    request: WebRequest, services: Services, idp: IdentityProvider, outcome: Profile | LoginFailed
) -> Reply:
    """What the provider said of the person, or why the login failed, in plain words."""
    works = isinstance(outcome, Profile)
    event = AuditEvent(services.clock(), "idp_test", allowed=works, details={"idp": idp.id})
    record(request, services, event)
    said = report(idp, outcome)
    page = ProviderTestPage(
        provider=idp.name,
        works=said.ok,
        email=outcome.email if isinstance(outcome, Profile) else "",
        message="" if said.ok else " ".join(said.lines),
        warnings=said.lines if said.ok else (),
        claims=said.identity,
        request_id=request.id,
    )
    return html(services, page)
