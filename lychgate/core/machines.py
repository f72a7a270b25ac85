"""What a request proves without a person, and what Bypass and Service Auth policies make of it."""

from datetime import timedelta
from typing import Any

from lychgate.core.answers import (
    refuse,
)
from lychgate.core.case import Case
from lychgate.core.credentials import (
    Held,
    Presented,
    ServicePair,
    authenticate,
    service_pair,
    why_refused,
)
from lychgate.core.decision import (
    Allow,
    Decision,
    Mint,
    Reason,
)
from lychgate.core.formula import outcome, positive_leaves
from lychgate.core.identity import ANONYMOUS, Principal, Service, User
from lychgate.core.model import Action, ServiceToken
from lychgate.core.policy import (
    CompiledPolicy,
    Holds,
    evaluate_machine,
    holds,
    unlinked,
)
from lychgate.core.selectors import Evidence, LinkedAppToken, Login, Match
from lychgate.core.session import (
    RULES,
    SERVICE_TOKEN_LIFE_CAP,
    TIMES,
    app_duration,
    auth_cookie,
    identity_of,
    seconds,
    service_claims,
    token_life,
)
from lychgate.core.values import momentary


@momentary
class Machine:
    """What the request proves without a person: its service token and its linked token."""

    pair: Presented
    service: ServiceToken | None
    linked: Held | None

    @property
    def bad_pair(self) -> bool:
        return self.pair is not None and self.service is None


def presented(case: Case) -> Machine:
    pair = service_pair(case.request, case.app.service_token_header)
    service = None
    if isinstance(pair, ServicePair):
        service = authenticate(pair, case.snapshot, case.now)
    return Machine(pair, service, case.reader.linked(case.request))


def by_machine(case: Case, machine: Machine) -> Decision | None:
    policies = case.compiled.machine
    strict = case.snapshot.organization.strict_service_tokens
    if strict and machine.bad_pair:
        policies = tuple(one for one in policies if one.action is Action.BYPASS)
    if policies:
        decision = _by_policies(case, policies, machine)
        if decision is not None:
            return decision
    if strict and machine.pair is not None:
        return _refuse_service_token(case, machine)
    return None


def _by_policies(
    case: Case, policies: tuple[CompiledPolicy, ...], machine: Machine
) -> Allow | None:
    evidence = machine_evidence(case, machine)
    verdict = evaluate_machine(policies, evidence)
    if verdict.action is Action.BYPASS:
        return case.onward.anonymous(case.because(Reason.BYPASSED, verdict.policy))
    if verdict.policy is not None:
        return _as_machine(case, verdict.policy, machine, evidence)
    return None


def _refuse_service_token(case: Case, machine: Machine) -> Decision:
    if machine.service is None:
        because = case.because(
            Reason.SERVICE_TOKEN_INVALID,
            principal=_claimed(case, machine.pair),
            detail=why_refused(machine.pair, case.snapshot, case.now),
        )
        return refuse(because, 401, case.compiled, case.request)
    principal = service_principal(machine.service)
    because = case.because(Reason.SERVICE_TOKEN_NOT_ALLOWED, principal=principal)
    return refuse(because, 403, case.compiled, case.request)


def _claimed(case: Case, pair: Presented) -> Principal:
    """The service token whose client id was named, for the log; it has proved nothing."""
    if isinstance(pair, ServicePair):
        token = case.snapshot.by_client_id.get(pair.client_id)
        return service_principal(token) if token else ANONYMOUS
    return ANONYMOUS


def machine_evidence(case: Case, machine: Machine) -> Evidence:
    linked = machine.linked
    source = linked and case.snapshot.by_audience.get(linked.token.audiences[0])
    identity = identity_of(linked.token) if linked and linked.token.subject else None
    return Evidence(
        ip=case.request.client_ip,
        country=case.request.country,
        certificate=case.request.certificate,
        service=machine.service,
        linked=source.app.id if source else None,
        login=Login.NEVER,
        identity=identity,
    )


def _as_machine(case: Case, policy: CompiledPolicy, machine: Machine, evidence: Evidence) -> Allow:
    linked = machine.linked
    alone = machine.service is not None and holds(policy, unlinked(evidence)) is Holds.YES
    if linked is not None and not alone and _by_linked_rule(policy, evidence):
        return _as_linked(case, policy, linked, evidence)
    service = machine.service
    certificate = case.request.certificate
    name = certificate.common_name if certificate and certificate.valid else ""
    principal = service_principal(service) if service else Service("", "", common_name=name)
    duration = app_duration(case.app, policy.policy.session_duration)
    life = min(token_life(duration), SERVICE_TOKEN_LIFE_CAP)
    common_name = service.client_id if service else name
    claims = service_claims(case.snapshot.team, case.app, common_name, case.now, life)
    claims["service_token_status"] = service is not None
    lasting = bool(name) and service is None
    if service is not None and not case.snapshot.organization.strict_service_tokens:
        lasting = True
    cookie = _cookie(case, life) if lasting else None
    key = ("service", common_name, case.app.id, str(service is not None), str(life))
    mint = Mint(claims, key, cookie, case.app.cookie_for_origin)
    return case.onward.minted(case.because(Reason.SERVICE_AUTH, policy, principal), mint)


def _cookie(case: Case, life: timedelta) -> Any:
    return auth_cookie(case.app, "", life, case.route.entry.path.literal_prefix)


def _as_linked(case: Case, policy: CompiledPolicy, held: Held, evidence: Evidence) -> Allow:
    token = held.token
    first = token.linked_from or evidence.linked
    duration = token_life(app_duration(case.app, policy.policy.session_duration))
    left = timedelta(seconds=token.expires_at - seconds(case.now))
    claims = dict(token.claims)
    claims.update(
        service_claims(
            case.snapshot.team,
            case.app,
            token.common_name,
            case.now,
            min(duration, left),
        )
    )
    claims.update(sub=token.subject, policy_id=policy.id, linked_from=first)
    claims["linked_at"] = token.linked_at or token.issued_at
    for name in ("nbf", "facts", "binding", "client_id", RULES, TIMES):
        claims.pop(name, None)
    if not token.common_name:
        claims.pop("common_name", None)
    principal: Principal = Service(token.common_name, token.common_name)
    if token.subject:
        principal = User(token.subject, token.email, token.session, policy.id, first)
    because = case.because(Reason.SERVICE_AUTH, policy, principal, f"linked from {first}")
    key = ("linked", held.text, case.app.id, policy.id)
    return case.onward.minted(because, Mint(claims, key, None, case.app.cookie_for_origin))


def service_principal(token: ServiceToken) -> Service:
    """Who a service token is, for log and audit."""
    return Service(token.client_id, token.name, token.id, token.client_id)


def _by_linked_rule(policy: CompiledPolicy, evidence: Evidence) -> bool:
    return any(
        isinstance(leaf.selector, LinkedAppToken)
        and outcome(leaf, evidence, policy.first) is Match.YES
        for leaf in positive_leaves(policy.formula)
    )
