"""Decides one request. The order, and nothing but this order:

1.  A request that two programs could read differently is refused (400), as is TRACE or CONNECT
    (405). The path is normalised once; what is judged is what is forwarded.
2.  The team domain (and the other hosts of the companion), and `/cdn-cgi/access/` on a host with
    an application, belong to the companion.
3.  Well-known OAuth documents of a protected host are answered here.
4.  The most specific application owns the request. None: refused, unless the organisation says
    that unmatched hosts pass.
5.  A path that a destination declares public passes without identity.
6.  Bypass and Service Auth policies, in the order of the list, on the facts of the request: its
    address, certificate, service token, and the token of a linked application. A service token
    that is wrong, or right and not allowed here, is refused in strict mode after Bypass had its
    say; it never leads to a login.
7.  Preflight requests, which carry no credential, are answered as configured.
8.  A session: an application token in `Cf-Access-Token` or in a cookie. What Allow and Block
    policies say of the person was settled at login and stands; what they say of the request is
    judged again.
9.  Without a session: refused when no login could help, else the login or a challenge.

An admission must hold for both readings of a path with parameters (see `core.urls`). Whatever is
forwarded loses every header and cookie that only we may set. Anything unforeseen is an exception,
which the gate turns into a refusal.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lychgate.core.answers import (
    allows_preflight,
    is_preflight,
    login_or_challenge,
    preflight_headers,
    refuse,
)
from lychgate.core.credentials import (
    Held,
    NoSession,
    Presented,
    Reader,
    ServicePair,
    Via,
    authenticate,
    service_pair,
    split,
    why_refused,
)
from lychgate.core.decision import (
    Allow,
    Because,
    Decision,
    Deny,
    Mint,
    Reason,
    Respond,
    Serve,
)
from lychgate.core.forward import Onward
from lychgate.core.identity import ANONYMOUS, Principal, Service, User
from lychgate.core.metadata import well_known
from lychgate.core.model import Action, ServiceToken
from lychgate.core.policy import (
    CompiledPolicy,
    Formula,
    Holds,
    evaluate_machine,
    evaluate_person,
    holds,
    outcome,
    unlinked,
)
from lychgate.core.request import Request
from lychgate.core.selectors import Evidence, LinkedAppToken, Login, Match
from lychgate.core.session import (
    SERVICE_TOKEN_LIFE_CAP,
    Verify,
    app_duration,
    auth_cookie,
    identity_of,
    oauth_assertion,
    seconds,
    service_claims,
    token_life,
)
from lychgate.core.snapshot import Route, Snapshot
from lychgate.core.urls import PREFIX, Target, canonical_host, is_query, normalise

_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}")


def decide(request: Request, snapshot: Snapshot, verify: Verify, now: datetime) -> Decision:
    """What to do with a request, from the request, the configuration and the time alone."""
    placed = place(request, snapshot)
    if not isinstance(placed, Placed):
        return placed
    decision = _Case(request, placed, snapshot, verify, now).decide()
    return agree(placed) if isinstance(decision, Allow) and not placed.agreed else decision


@dataclass(frozen=True, slots=True)
class Placed:
    """A well-formed request and the application that owns it.

    `agreed`: both readings of its path belong to the same destination.
    """

    host: str
    target: Target
    route: Route
    agreed: bool


def place(request: Request, snapshot: Snapshot) -> Placed | Decision:
    """Steps 1 to 4: the owner of a request, or what is decided without one."""
    host = canonical_host(request.host)
    if host is None or not _consistent(request, host):
        return _bad("host")
    target = _target(request, host, snapshot)
    if target is None or not is_query(request.query):
        return _bad("target")
    if not _METHOD.fullmatch(request.method):
        return _bad("method")
    if request.method in ("TRACE", "CONNECT"):
        return Deny(Because(Reason.METHOD_NOT_ALLOWED), 405)
    if "_" in "".join(request.headers):
        return _bad("header name with an underscore")
    if host in snapshot.companion_hosts:
        return Serve(Because(Reason.COMPANION))
    if target.path.startswith(PREFIX):
        known = snapshot.routes.knows_host(host)
        return Serve(Because(Reason.COMPANION)) if known else _bad("unknown host")
    document = well_known(request, host, target.path, snapshot)
    if document is not None:
        return document
    route = snapshot.route(host, target.bare)
    agreed = target.bare == target.path or snapshot.route(host, target.path) == route
    if route is None:
        return _unmatched(request, host, target, snapshot) if agreed else _bad("path parameters")
    return Placed(host, target, route, agreed)


def agree(placed: Placed) -> Deny:
    """The refusal of an admission that holds for one reading of the path only."""
    return Deny(Because(Reason.BAD_REQUEST, placed.route.app.app.id, detail="path parameters"), 400)


def _bad(what: str) -> Deny:
    return Deny(Because(Reason.BAD_REQUEST, detail=what), 400)


def _consistent(request: Request, host: str) -> bool:
    values = request.headers.get("host")
    return values is None or (len(values) == 1 and canonical_host(values[0]) == host)


def _target(request: Request, host: str, snapshot: Snapshot) -> Target | None:
    if len(request.path) > 16384:
        return None
    target = normalise(request.path)
    if target is None and "%2" in request.path:
        owners = {entry.app for entry in snapshot.routes.on_host(host)}
        if len(owners) == 1 and snapshot.apps[owners.pop()].app.allow_encoded_slash:
            return normalise(request.path, encoded_slash=True)
    return target


def _unmatched(request: Request, host: str, target: Target, snapshot: Snapshot) -> Allow | Deny:
    organization = snapshot.organization
    exempted = any(
        host == zone or host.endswith("." + zone)
        for zone in map(str.lower, organization.exempted_hosts)
    )
    if organization.deny_unmatched_requests and not exempted:
        return Deny(Because(Reason.NO_APPLICATION, detail=host), 403)
    because = Because(Reason.UNMATCHED_PASSED, detail=host)
    return Onward(request, target.path, split(request), None, snapshot.keyring).anonymous(because)


@dataclass(frozen=True, slots=True)
class _Machine:
    """What the request proves without a person: its service token and its linked token."""

    pair: Presented
    service: ServiceToken | None
    linked: Held | None

    @property
    def bad_pair(self) -> bool:
        return self.pair is not None and self.service is None


class _Case:
    """One request at one application, from step 5 on."""

    __slots__ = (
        "app",
        "compiled",
        "cookies",
        "host",
        "now",
        "onward",
        "reader",
        "request",
        "route",
        "snapshot",
        "target",
    )

    def __init__(
        self,
        request: Request,
        placed: Placed,
        snapshot: Snapshot,
        verify: Verify,
        now: datetime,
    ) -> None:
        route = placed.route
        self.request = request
        self.host = placed.host
        self.target = placed.target
        self.route = route
        self.compiled = route.app
        self.app = route.app.app
        self.snapshot = snapshot
        self.now = now
        self.cookies = split(request)
        self.reader = Reader(snapshot, route.app, verify, now)
        self.onward = Onward(request, placed.target.path, self.cookies, self.app, snapshot.keyring)

    def decide(self) -> Decision:
        entry = self.route.entry
        if entry.public and self._is_public():
            return self.onward.anonymous(self._because(Reason.BYPASSED))
        machine = self._machine()
        decision = self._by_machine(machine)
        if decision is not None:
            return decision
        preflight = self._preflight()
        return self._by_person(machine) if preflight is None else preflight

    def _is_public(self) -> bool:
        entry = self.route.entry
        both = (self.target.path, self.target.bare)
        return all(entry.open_without_login(path) for path in both)

    def _because(
        self,
        reason: Reason,
        policy: CompiledPolicy | None = None,
        principal: Principal = ANONYMOUS,
        detail: str = "",
    ) -> Because:
        return Because(reason, self.app.id, policy.id if policy else None, principal, detail)

    def _machine(self) -> _Machine:
        pair = service_pair(self.request, self.app.service_token_header)
        service = None
        if isinstance(pair, ServicePair):
            service = authenticate(pair, self.snapshot, self.now)
        return _Machine(pair, service, self.reader.linked(self.request))

    def _by_machine(self, machine: _Machine) -> Decision | None:
        policies = self.compiled.machine
        strict = self.snapshot.organization.strict_service_tokens
        if strict and machine.bad_pair:
            policies = tuple(one for one in policies if one.action is Action.BYPASS)
        if policies:
            decision = self._by_policies(policies, machine)
            if decision is not None:
                return decision
        if strict and machine.pair is not None:
            return self._refuse_service_token(machine)
        return None

    def _by_policies(self, policies: tuple[CompiledPolicy, ...], machine: _Machine) -> Allow | None:
        evidence = self._evidence(machine)
        verdict = evaluate_machine(policies, evidence)
        if verdict.action is Action.BYPASS:
            return self.onward.anonymous(self._because(Reason.BYPASSED, verdict.policy))
        if verdict.policy is not None:
            return self._as_machine(verdict.policy, machine, evidence)
        return None

    def _refuse_service_token(self, machine: _Machine) -> Decision:
        if machine.service is None:
            because = self._because(
                Reason.SERVICE_TOKEN_INVALID,
                principal=self._claimed(machine.pair),
                detail=why_refused(machine.pair, self.snapshot, self.now),
            )
            return refuse(because, 401, self.compiled, self.request)
        principal = _service(machine.service)
        because = self._because(Reason.SERVICE_TOKEN_NOT_ALLOWED, principal=principal)
        return refuse(because, 403, self.compiled, self.request)

    def _claimed(self, pair: Presented) -> Principal:
        """The service token whose client id was named, for the log; it has proved nothing."""
        if isinstance(pair, ServicePair):
            token = self.snapshot.by_client_id.get(pair.client_id)
            return _service(token) if token else ANONYMOUS
        return ANONYMOUS

    def _evidence(self, machine: _Machine) -> Evidence:
        linked = machine.linked
        source = linked and self.snapshot.by_audience.get(linked.token.audiences[0])
        identity = identity_of(linked.token) if linked and linked.token.subject else None
        return Evidence(
            ip=self.request.client_ip,
            country=self.request.country,
            certificate=self.request.certificate,
            service=machine.service,
            linked=source.app.id if source else None,
            login=Login.NEVER,
            identity=identity,
        )

    def _as_machine(self, policy: CompiledPolicy, machine: _Machine, evidence: Evidence) -> Allow:
        linked = machine.linked
        alone = machine.service is not None and holds(policy, unlinked(evidence)) is Holds.YES
        if linked is not None and not alone and _by_linked_rule(policy.formula, evidence):
            return self._as_linked(policy, linked, evidence)
        service = machine.service
        certificate = self.request.certificate
        name = certificate.common_name if certificate and certificate.valid else ""
        principal = _service(service) if service else Service("", "", common_name=name)
        duration = app_duration(self.app, policy.policy.session_duration)
        life = min(token_life(duration), SERVICE_TOKEN_LIFE_CAP)
        common_name = service.client_id if service else name
        claims = service_claims(self.snapshot.team, self.app, common_name, self.now, life)
        claims["service_token_status"] = service is not None
        lasting = bool(name) and service is None
        if service is not None and not self.snapshot.organization.strict_service_tokens:
            lasting = True
        cookie = self._cookie(life) if lasting else None
        key = ("service", common_name, self.app.id, str(service is not None), str(life))
        mint = Mint(claims, key, cookie, self.app.cookie_for_origin)
        return self.onward.minted(self._because(Reason.SERVICE_AUTH, policy, principal), mint)

    def _cookie(self, life: timedelta) -> Any:
        return auth_cookie(self.app, "", life, self.route.entry.path.literal_prefix)

    def _as_linked(self, policy: CompiledPolicy, held: Held, evidence: Evidence) -> Allow:
        token = held.token
        first = token.linked_from or evidence.linked
        duration = token_life(app_duration(self.app, policy.policy.session_duration))
        left = timedelta(seconds=token.expires_at - seconds(self.now))
        claims = dict(token.claims)
        claims.update(
            service_claims(
                self.snapshot.team,
                self.app,
                token.common_name,
                self.now,
                min(duration, left),
            )
        )
        claims.update(sub=token.subject, policy_id=policy.id, linked_from=first)
        claims["linked_at"] = token.linked_at or token.issued_at
        for name in ("nbf", "facts", "binding", "client_id"):
            claims.pop(name, None)
        if not token.common_name:
            claims.pop("common_name", None)
        principal: Principal = Service(token.common_name, token.common_name)
        if token.subject:
            principal = User(token.subject, token.email, token.session, policy.id, first)
        because = self._because(Reason.SERVICE_AUTH, policy, principal, f"linked from {first}")
        key = ("linked", held.text, self.app.id, policy.id)
        return self.onward.minted(because, Mint(claims, key, None, self.app.cookie_for_origin))

    def _preflight(self) -> Decision | None:
        request, cors = self.request, self.app.cors
        if not is_preflight(request):
            return None
        if self.app.options_preflight_bypass:
            return self.onward.anonymous(self._because(Reason.PREFLIGHT_PASSED))
        if cors is None or not allows_preflight(cors, request):
            because = self._because(Reason.PREFLIGHT_REFUSED)
            return refuse(because, 403, self.compiled, request)
        headers = preflight_headers(cors, request)
        return Respond(self._because(Reason.PREFLIGHT_ANSWERED), 200, headers)

    def _by_person(self, machine: _Machine) -> Decision:
        held = self.reader.session(self.request, self.cookies)
        if isinstance(held, NoSession):
            linked = machine.linked is not None
            none = NoSession(Reason.LINKED_TOKEN_NOT_ALLOWED) if linked else held
            return self._without_session(none, machine.service)
        token = held.token
        if not token.subject:
            return self._by_service_cookie(held)
        policy = self.compiled.policy(token.policy)
        if token.linked_from or policy is None or policy.action is not Action.ALLOW:
            return self._without_session(NoSession(Reason.TOKEN_OUTDATED))
        principal = User(token.subject, token.email, token.session, token.policy)
        if policy.id in self.compiled.settled:
            return self._enter(self._because(Reason.ALLOWED, policy, principal), held)
        return self._by_person_now(policy, held, principal)

    def _enter(self, because: Because, held: Held) -> Allow:
        """Forward a person; the origin sees an assertion, whatever the credential was."""
        if held.via is not Via.BEARER:
            return self.onward.identified(because, held)
        claims = oauth_assertion(held.token, self.now)
        key = ("bearer", held.text)
        return self.onward.minted(because, Mint(claims, key, None, self.app.cookie_for_origin))

    def _by_person_now(self, admitted_by: CompiledPolicy, held: Held, principal: User) -> Decision:
        evidence = Evidence(
            ip=self.request.client_ip,
            country=self.request.country,
            certificate=self.request.certificate,
            login=Login.KNOWN,
            facts=held.token.facts,
        )
        verdict = evaluate_person(self.compiled.person, evidence)
        if verdict.action is Action.ALLOW and verdict.policy is not None:
            if self._still_enough(verdict.policy, admitted_by, held, evidence):
                because = self._because(Reason.ALLOWED, verdict.policy, principal)
                return self._enter(because, held)
            return self._without_session(NoSession(Reason.TOKEN_OUTDATED))
        reason = Reason.BLOCKED if verdict.action else Reason.NO_POLICY_MATCHED
        return refuse(
            self._because(reason, verdict.policy, principal),
            403,
            self.compiled,
            self.request,
        )

    def _still_enough(
        self, now: CompiledPolicy, then: CompiledPolicy, held: Held, evidence: Evidence
    ) -> bool:
        """Whether a session that one policy began may go on under another.

        It may while its own policy still holds and no Block stands before that, or when the other
        asks for nothing more: no purpose, no approval, and no shorter session.
        """
        if now.id == then.id:
            return True
        own = [p for p in self.compiled.person if p.action is Action.DENY or p.id == then.id]
        if evaluate_person(own, evidence).action is Action.ALLOW:
            return True
        life = token_life(app_duration(self.app, now.policy.session_duration))
        within = seconds(self.now) < held.token.issued_at + life.total_seconds()
        return within and not (now.policy.purpose_required or now.policy.approval_required)

    def _by_service_cookie(self, held: Held) -> Decision:
        """A machine's token in a cookie stands for its service token, as long as that is good."""
        service = self.reader.service_behind(held.token)
        if service is None or self.snapshot.organization.strict_service_tokens:
            return self._without_session(NoSession(Reason.TOKEN_INVALID))
        evidence = self._evidence(_Machine(None, service, None))
        verdict = evaluate_machine(self.compiled.machine, evidence)
        if verdict.action is not Action.SERVICE_AUTH:
            return self._without_session(NoSession(Reason.TOKEN_OUTDATED))
        because = self._because(Reason.SERVICE_AUTH, verdict.policy, _service(service))
        return self.onward.identified(because, held)

    def _without_session(self, none: NoSession, service: ServiceToken | None = None) -> Decision:
        evidence = Evidence(
            service=service,
            ip=self.request.client_ip,
            country=self.request.country,
            certificate=self.request.certificate,
            login=Login.PENDING,
        )
        verdict = evaluate_person(self.compiled.person, evidence)
        if verdict.login or verdict.action is Action.ALLOW:
            because = self._because(none.reason)
            return login_or_challenge(
                because,
                self.request,
                self.host,
                self.target.path,
                self.compiled,
                self.snapshot,
                self.now,
                self.cookies,
            )
        reason = Reason.BLOCKED if verdict.action else Reason.NO_POLICY_MATCHED
        if none.reason is Reason.LINKED_TOKEN_NOT_ALLOWED and not verdict.action:
            reason = none.reason
        status = 403
        if not self.compiled.offers_login and self.app.service_auth_401:
            status = 401
        return refuse(self._because(reason, verdict.policy), status, self.compiled, self.request)


def _service(token: ServiceToken) -> Service:
    return Service(token.client_id, token.name, token.id, token.client_id)


def _by_linked_rule(formula: Formula, evidence: Evidence) -> bool:
    return any(
        isinstance(leaf.selector, LinkedAppToken) and outcome(leaf, evidence) is Match.YES
        for leaf in _positive_leaves(formula)
    )


def _positive_leaves(formula: Formula) -> Iterator[Any]:
    for nodes in (formula.include, formula.require):
        for node in nodes:
            if isinstance(node, Formula):
                yield from _positive_leaves(node)
            else:
                yield node
