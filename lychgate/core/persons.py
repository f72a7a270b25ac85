"""What a person's session opens, and what is answered when there is none."""

from lychgate.core.answers import (
    login_or_challenge,
    refuse,
)
from lychgate.core.case import Case
from lychgate.core.credentials import (
    Held,
    NoSession,
    Via,
)
from lychgate.core.decision import (
    Allow,
    Because,
    Decision,
    Mint,
    Reason,
)
from lychgate.core.identity import User
from lychgate.core.machines import Machine, machine_evidence, service_principal
from lychgate.core.model import Action, ServiceToken
from lychgate.core.policy import (
    CompiledPolicy,
    evaluate_machine,
    evaluate_person,
)
from lychgate.core.selectors import Evidence, Login
from lychgate.core.session import (
    app_duration,
    oauth_assertion,
    seconds,
    token_life,
)


def by_person(case: Case, machine: Machine) -> Decision:
    held = case.reader.session(case.request, case.cookies)
    if isinstance(held, NoSession):
        linked = machine.linked is not None
        none = NoSession(Reason.LINKED_TOKEN_NOT_ALLOWED) if linked else held
        return _without_session(case, none, machine.service)
    token = held.token
    if not token.subject:
        return _by_service_cookie(case, held)
    policy = case.compiled.policy(token.policy)
    if token.linked_from or policy is None or policy.action is not Action.ALLOW:
        return _without_session(case, NoSession(Reason.TOKEN_OUTDATED))
    principal = User(token.subject, token.email, token.session, token.policy)
    if policy.id in case.compiled.settled:
        return _enter(case, case.because(Reason.ALLOWED, policy, principal), held)
    return _by_person_now(case, policy, held, principal)


def _enter(case: Case, because: Because, held: Held) -> Allow:
    """Forward a person; the origin sees an assertion, whatever the credential was."""
    if held.via is not Via.BEARER:
        return case.onward.identified(because, held)
    claims = oauth_assertion(held.token, case.now)
    key = ("bearer", held.text)
    return case.onward.minted(because, Mint(claims, key, None, case.app.cookie_for_origin))


def _by_person_now(
    case: Case, admitted_by: CompiledPolicy, held: Held, principal: User
) -> Decision:
    evidence = Evidence(
        ip=case.request.client_ip,
        country=case.request.country,
        certificate=case.request.certificate,
        login=Login.KNOWN,
        facts=held.token.facts,
    )
    verdict = evaluate_person(case.compiled.person, evidence)
    if verdict.action is Action.ALLOW and verdict.policy is not None:
        if _still_enough(case, verdict.policy, admitted_by, held, evidence):
            because = case.because(Reason.ALLOWED, verdict.policy, principal)
            return _enter(case, because, held)
        return _without_session(case, NoSession(Reason.TOKEN_OUTDATED))
    reason = Reason.BLOCKED if verdict.action else Reason.NO_POLICY_MATCHED
    return refuse(
        case.because(reason, verdict.policy, principal),
        403,
        case.compiled,
        case.request,
    )


def _still_enough(
    case: Case, now: CompiledPolicy, then: CompiledPolicy, held: Held, evidence: Evidence
) -> bool:
    """Whether a session that one policy began may go on under another.

    It may while its own policy still holds and no Block stands before that, or when the other
    asks for nothing more: no purpose, no approval, and no shorter session.
    """
    if now.id == then.id:
        return True
    own = [p for p in case.compiled.person if p.action is Action.DENY or p.id == then.id]
    if evaluate_person(own, evidence).action is Action.ALLOW:
        return True
    life = token_life(app_duration(case.app, now.policy.session_duration))
    within = seconds(case.now) < held.token.issued_at + life.total_seconds()
    return within and not (now.policy.purpose_required or now.policy.approval_required)


def _by_service_cookie(case: Case, held: Held) -> Decision:
    """A machine's token in a cookie stands for its service token, as long as that is good."""
    service = case.reader.service_behind(held.token)
    if service is None or case.snapshot.organization.strict_service_tokens:
        return _without_session(case, NoSession(Reason.TOKEN_INVALID))
    evidence = machine_evidence(case, Machine(None, service, None))
    verdict = evaluate_machine(case.compiled.machine, evidence)
    if verdict.action is not Action.SERVICE_AUTH:
        return _without_session(case, NoSession(Reason.TOKEN_OUTDATED))
    because = case.because(Reason.SERVICE_AUTH, verdict.policy, service_principal(service))
    return case.onward.identified(because, held)


def _without_session(case: Case, none: NoSession, service: ServiceToken | None = None) -> Decision:
    evidence = Evidence(
        service=service,
        ip=case.request.client_ip,
        country=case.request.country,
        certificate=case.request.certificate,
        login=Login.PENDING,
    )
    verdict = evaluate_person(case.compiled.person, evidence)
    if verdict.login or verdict.action is Action.ALLOW:
        because = case.because(none.reason)
        return login_or_challenge(
            because,
            case.request,
            case.host,
            case.target.path,
            case.compiled,
            case.snapshot,
            case.now,
            case.cookies,
        )
    reason = Reason.BLOCKED if verdict.action else Reason.NO_POLICY_MATCHED
    if none.reason is Reason.LINKED_TOKEN_NOT_ALLOWED and not verdict.action:
        reason = none.reason
    status = 403
    if not case.compiled.offers_login and case.app.service_auth_401:
        status = 401
    return refuse(case.because(reason, verdict.policy), status, case.compiled, case.request)
