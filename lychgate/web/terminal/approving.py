"""The question whether a command line may have a session, and the hand-over when it may."""

import json
from dataclasses import replace

from lychgate.core.admit import Admitted
from lychgate.core.session import org_claims
from lychgate.core.snapshot import CompiledApp
from lychgate.core.tokens import sign
from lychgate.core.urls import CLI
from lychgate.pages import Form, NoticePage, TerminalDonePage, TerminalPage
from lychgate.store.base import AuditEvent, Session, Transfer
from lychgate.web.browser import same_team_browser
from lychgate.web.csrf import refuse_hidden_requests, refuse_other_sites
from lychgate.web.door import enter
from lychgate.web.errors import InvalidSession, NotFound
from lychgate.web.html import html
from lychgate.web.journal import record
from lychgate.web.people import team_session
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.sealed import LIVES, Entrance, Opened, Terminal, Use, open_sealed
from lychgate.web.services import Services
from lychgate.web.settling import Settled, settle
from lychgate.web.terminal.box import seal_to


def terminal_form(request: WebRequest, services: Services) -> Reply:
    """GET cli on the team domain: ask; an application may do without the question."""
    text = request.param("entrance")
    opened, session = _open(request, services, text)
    visit = Entrance.unpack(opened.payload).visit
    app = services.current().apps.get(visit.app)
    if app is None or visit.terminal is None:
        raise NotFound("this application does not exist any more")
    if app.app.skip_interstitial and request.method == "GET":
        refuse_hidden_requests(request)
        # An application may give its own session to whoever opens a link, never the one that
        # opens all the others.
        return _hand_over(request, services, opened, replace(visit.terminal, org_token=False))
    form = Form(CLI, (("entrance", text),))
    everywhere = visit.terminal.org_token
    return html(services, TerminalPage(form, app.app.name, visit.host, session.email, everywhere))


def approve_terminal(request: WebRequest, services: Services) -> Reply:
    """POST cli on the team domain: leave the session for the command line, or nothing."""
    refuse_other_sites(request)
    opened, _ = _open(request, services, request.field("entrance"))
    terminal = Entrance.unpack(opened.payload).visit.terminal
    if terminal is None or request.field("decision") != "approve":
        text = "The command line gets nothing. You may close this window."
        return html(services, NoticePage("Not approved", text))
    return _hand_over(request, services, opened, terminal)


def _open(request: WebRequest, services: Services, text: str) -> tuple[Opened, Session]:
    opened = open_sealed(services, Use.TERMINAL, text)
    session = team_session(request, services, services.newest())
    if opened is None or session is None or not same_team_browser(request, opened.browser):
        raise InvalidSession("this page is from another browser or was left open too long")
    if Entrance.unpack(opened.payload).session != session.nonce:
        raise InvalidSession("somebody else has signed in since this page was opened")
    return opened, session


def _hand_over(
    request: WebRequest, services: Services, opened: Opened, terminal: Terminal
) -> Reply:
    entrance = Entrance.unpack(opened.payload)
    if not services.store.one_time.consume("terminal", opened.id, opened.expires_at):
        raise InvalidSession("this page was used already; start the command line again")
    settled = settle(
        request, services, entrance, lambda snapshot: snapshot.apps.get(entrance.visit.app)
    )
    if settled is None:
        raise InvalidSession("your login has ended")
    if not isinstance(settled.judged.admission, Admitted):
        return enter(request, services, entrance, settled.session)
    _leave(services, settled, settled.judged.admission, terminal)
    record(request, services, _event(services, settled.app, settled.session, terminal))
    return html(services, TerminalDonePage(settled.app.app.name, terminal.closing))


def _leave(services: Services, settled: Settled, admitted: Admitted, terminal: Terminal) -> None:
    now, key = settled.now, settled.snapshot.keyring.current(settled.now)
    tokens = {"app_token": sign(settled.claims(admitted, settled.life(admitted)), key)}
    if terminal.org_token:
        snapshot, session = settled.snapshot, settled.session
        claims = org_claims(
            snapshot.team, snapshot.organization, session.identity, session.nonce, now
        )
        claims["exp"] = min(claims["exp"], int(session.expires_at.timestamp()))
        tokens["org_token"] = sign(claims, key)
    plain = json.dumps(tokens).encode()
    sender, sealed = seal_to(terminal.key, plain, services.random(32), services.random(24))
    services.store.transfers.put(terminal.key, Transfer(sender, sealed, now + LIVES[Use.TERMINAL]))


def _event(
    services: Services, app: CompiledApp, session: Session, terminal: Terminal
) -> AuditEvent:
    return AuditEvent(
        at=services.clock(),
        action="terminal_login",
        email=session.email,
        subject=session.subject,
        session=session.nonce,
        app=app.app.id,
        allowed=True,
        details={"team_session": terminal.org_token},
    )
