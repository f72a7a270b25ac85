"""Why somebody enters, as they answer it: kept, or sent on to those who approve."""

from dataclasses import replace
from datetime import timedelta

from lychgate.core.admit import NeedsApproval, NeedsPurpose, evaluations_needed
from lychgate.core.model import ApprovalGroup
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.urls import encode
from lychgate.mail import Message
from lychgate.store.base import Approval, ApprovalRequest, AuditEvent, Session
from lychgate.web.approval import APPROVE, REQUEST_LIFE, WAITING
from lychgate.web.asking import ask_purpose
from lychgate.web.browser import same_team_browser
from lychgate.web.csrf import refuse_other_sites
from lychgate.web.door import enter, judge
from lychgate.web.errors import InvalidSession, NotFound
from lychgate.web.evaluation import ask_all
from lychgate.web.journal import record
from lychgate.web.people import team_session
from lychgate.web.reply import Reply, see_other
from lychgate.web.request import WebRequest
from lychgate.web.sealed import Entrance, Use, Visit, open_sealed
from lychgate.web.services import Services

_LONGEST = 1000
_FRESH = timedelta(minutes=10)
"""How long after a login the answer still belongs to it, where each visit asks for a login."""


def answer_purpose(request: WebRequest, services: Services) -> Reply:
    """POST purpose: keep the answer and go on, or ask the approvers."""
    refuse_other_sites(request)
    snapshot = services.newest()
    entrance, session = _open(request, services, snapshot)
    app = snapshot.apps.get(entrance.visit.app)
    if app is None:
        raise NotFound("this application does not exist any more")
    # The form may have waited for a day; what outside services said of the person may not.
    said = ask_all(services, snapshot, evaluations_needed(app), session)
    entrance = replace(entrance, evaluations=said)
    text = request.field("purpose").strip()
    admission = judge(request, services, app, entrance, session).admission
    if not isinstance(admission, NeedsPurpose | NeedsApproval):
        return enter(request, services, entrance, session)
    if not text or len(text) > _LONGEST:
        message = "Please say why." if not text else "That is too long."
        return ask_purpose(request, services, app, entrance, session, admission, message)
    _note(request, services, app, session, admission.prompt, text)
    if isinstance(admission, NeedsPurpose):
        services.store.purposes.record(session.nonce, app.app.id, text)
        return enter(request, services, entrance, session)
    approval = _ask(services, snapshot, app, session, admission, text)
    return see_other(_waiting_url(approval, entrance.visit))


def _open(request: WebRequest, services: Services, snapshot: Snapshot) -> tuple[Entrance, Session]:
    opened = open_sealed(services, Use.ENTRANCE, request.field("entrance"))
    session = team_session(request, services, snapshot)
    if opened is None or session is None or not same_team_browser(request, opened.browser):
        raise InvalidSession("this form is from another browser or was left open too long")
    entrance = Entrance.unpack(opened.payload)
    if entrance.session != session.nonce:
        raise InvalidSession("somebody else has signed in since this form was opened")
    # The form stays good for a day, and can be sent again; a login is fresh for a moment.
    just_now = services.clock() <= session.created_at + _FRESH
    return replace(entrance, fresh=entrance.fresh and just_now), session


def _note(
    request: WebRequest,
    services: Services,
    app: CompiledApp,
    session: Session,
    prompt: str,
    text: str,
) -> None:
    event = AuditEvent(
        at=services.clock(),
        action="purpose",
        email=session.email,
        subject=session.subject,
        session=session.nonce,
        app=app.app.id,
        details={"prompt": prompt, "response": text},
    )
    record(request, services, event)


def _ask(
    services: Services,
    snapshot: Snapshot,
    app: CompiledApp,
    session: Session,
    needs: NeedsApproval,
    text: str,
) -> Approval:
    """The open request of this person; a new one goes out to its approvers by mail."""
    now = services.clock()
    wanted = ApprovalRequest(
        id=services.token(),
        subject=session.subject,
        email=session.email,
        app=app.app.id,
        policy=needs.policy,
        purpose=text,
        groups=tuple(_resolved(snapshot, group) for group in needs.groups),
        expires_at=now + REQUEST_LIFE,
    )
    approval = services.store.approvals.request(wanted, now)
    if approval.id == wanted.id:
        for address in approvers(approval):
            services.post.post(_letter(snapshot, app, approval, address))
    return approval


def _resolved(snapshot: Snapshot, group: ApprovalGroup) -> ApprovalGroup:
    stored = snapshot.records.lists.get(group.list_id) if group.list_id else None
    items = stored.items if stored else ()
    addresses = dict.fromkeys(address.lower() for address in (*group.emails, *items))
    return ApprovalGroup(group.needed, tuple(addresses))


def approvers(approval: Approval) -> tuple[str, ...]:
    """Everybody who may approve a request; never the one who asks."""
    addresses = [address for group in approval.groups for address in group.emails]
    return tuple(one for one in dict.fromkeys(addresses) if one != approval.email)


def _letter(snapshot: Snapshot, app: CompiledApp, approval: Approval, address: str) -> Message:
    link = f"{snapshot.team.url}{APPROVE}{encode(approval.id)}"
    text = (
        f"{approval.email} asks to enter {app.app.name} and gives this reason:\n\n"
        f"    {approval.purpose}\n\n"
        f"Approve or refuse here, signed in as {address}:\n\n{link}\n"
    )
    return Message(address, f"{approval.email} asks for access", text)


def _waiting_url(approval: Approval, visit: Visit) -> str:
    return f"{WAITING}{encode(approval.id)}?host={encode(visit.host)}&path={encode(visit.path)}"
