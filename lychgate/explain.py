"""Says how a request would be decided and why, rule by rule, without anybody having to send it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lychgate.core.admit import provider_allowed
from lychgate.core.answers import allows_preflight, is_preflight
from lychgate.core.decide import Placed, place
from lychgate.core.decision import Decision, Deny, Reason
from lychgate.core.formula import Step, trace
from lychgate.core.identity import Identity
from lychgate.core.model import EPOCH, Action, AppId, IdpId, ServiceToken
from lychgate.core.policy import (
    CompiledPolicy,
    Holds,
    Verdict,
    evaluate_machine,
    evaluate_person,
    holds,
)
from lychgate.core.request import Address, ClientCertificate, Request, address, split_target
from lychgate.core.selectors import Evidence, Login
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.urls import canonical_email
from lychgate.errors import LychgateError


class Unreadable(LychgateError):
    """A question that cannot be understood, or that names something unknown."""

    code = "unreadable_question"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request is decided: the application, the decision, the policy that decided, and why."""

    application: str | None
    decision: str
    policy: str | None
    reason: str
    trace: tuple[Mapping[str, Any], ...] = ()

    def members(self) -> dict[str, Any]:
        """The answer as a JSON object."""
        return {
            "application": self.application,
            "decision": self.decision,
            "policy": self.policy,
            "reason": self.reason,
            "trace": list(self.trace),
        }


@dataclass(frozen=True, slots=True)
class Question:
    """A request that somebody might send, and what they could prove."""

    request: Request
    identity: Identity | None = None
    person: bool = False
    """Whether somebody is logged in at all; with `identity` None their address is not one."""
    service: ServiceToken | None = None
    service_presented: bool = False
    linked: AppId | None = None


_MEMBERS = frozenset(
    {
        "url",
        "method",
        "headers",
        "ip",
        "country",
        "identity",
        "service_token",
        "linked_app",
        "certificate",
    }
)
_COUNTRY = re.compile(r"[A-Za-z][A-Za-z0-9]")
_IDENTITY = frozenset({"email", "idp", "groups", "amr", "oidc_fields"})


type CountryOf = Callable[[Address | None], str | None]


def question(line: object, snapshot: Snapshot, country_of: CountryOf) -> Question:
    """The question of one JSON line; raises Unreadable. `country_of` knows unstated countries."""
    if not isinstance(line, dict):
        raise Unreadable("a line is a JSON object with at least `url`")
    unknown = sorted(set(line) - _MEMBERS)
    if unknown:
        raise Unreadable(f"unknown member `{unknown[0]}`")
    request = _request(line, country_of)
    identity = line.get("identity")
    service = _service(line, snapshot)
    return Question(
        request=request,
        identity=None if identity is None else _identity(identity, snapshot),
        person=identity is not None,
        service=service if service is None or service.enabled else None,
        service_presented=service is not None,
        linked=_linked(line, snapshot),
    )


def _request(line: Mapping[str, Any], country_of: CountryOf) -> Request:
    url = _text(line, "url") or ""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        raise Unreadable(f"`{url}` is not an http or https URL")
    cut = min((rest.index(mark) for mark in "/?#" if mark in rest), default=len(rest))
    path, query = split_target(rest[cut:] if rest[cut : cut + 1] == "/" else "/" + rest[cut:])
    ip = _text(line, "ip")
    client = address(ip) if ip is not None else None
    if ip is not None and client is None:
        raise Unreadable(f"`{ip}` is not an IP address")
    country = _text(line, "country")
    if country is not None and not _COUNTRY.fullmatch(country):
        raise Unreadable(f"`{country}` is not the code of a country", "two letters, such as `PT`")
    return Request(
        id="explain",
        method=_text(line, "method") or "GET",
        scheme=scheme.lower(),
        host=rest[:cut],
        path=path,
        query=query,
        headers=_headers(line.get("headers")),
        client_ip=client,
        certificate=_certificate(line.get("certificate")),
        country=country.upper() if country else country_of(client),
    )


def _text(line: Mapping[str, Any], member: str) -> str | None:
    value = line.get(member)
    if value is not None and not isinstance(value, str):
        raise Unreadable(f"`{member}` must be a text")
    return value


def _headers(value: object) -> Mapping[str, tuple[str, ...]]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unreadable("`headers` is an object of names and texts")
    headers: dict[str, tuple[str, ...]] = {}
    for name, inner in value.items():
        values = inner if isinstance(inner, list) else [inner]
        if not all(isinstance(one, str) for one in values):
            raise Unreadable(f"header `{name}` must be a text or a list of texts")
        headers[name.lower()] = (*headers.get(name.lower(), ()), *values)
    return headers


def _certificate(value: object) -> ClientCertificate | None:
    if value is None:
        return None
    known = isinstance(value, dict) and set(value) <= {"common_name", "valid"}
    name = value.get("common_name", "") if isinstance(value, dict) and known else None
    valid = value.get("valid", True) if isinstance(value, dict) else None
    if not isinstance(name, str) or not isinstance(valid, bool):
        raise Unreadable('`certificate` is {"common_name": text, "valid": true or false}')
    return ClientCertificate(name, valid)


def _identity(value: object, snapshot: Snapshot) -> Identity | None:
    if not isinstance(value, dict) or not isinstance(value.get("email"), str):
        raise Unreadable("`identity` is an object with at least `email`")
    unknown = sorted(set(value) - _IDENTITY)
    if unknown:
        raise Unreadable(f"unknown member `identity.{unknown[0]}`")
    email = canonical_email(value["email"])
    fields = value.get("oidc_fields") or {}
    if not isinstance(fields, dict):
        raise Unreadable("`identity.oidc_fields` is an object")
    idp, kind = _provider(value.get("idp"), snapshot)
    if email is None:
        return None
    return Identity(
        subject="explain",
        email=email,
        name="",
        idp_id=idp,
        idp_type=kind,
        idp_subject="",
        auth_time=EPOCH,
        groups=_texts(value.get("groups"), "groups"),
        amr=_texts(value.get("amr"), "amr"),
        claims=fields,
    )


def _texts(value: object, member: str) -> tuple[str, ...]:
    values = [] if value is None else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise Unreadable(f"`identity.{member}` is a list of texts")
    return tuple(values)


def _provider(name: object, snapshot: Snapshot) -> tuple[IdpId, str]:
    """The provider of that name or id; unnamed, the only one there is."""
    idps = snapshot.idps
    if name is None:
        only = next(iter(idps.values())) if len(idps) == 1 else None
        return (only.id, only.type) if only else (IdpId(""), "")
    for idp in idps.values():
        if name in (idp.id, idp.name):
            return idp.id, idp.type
    raise Unreadable(f"there is no identity provider `{name}`")


def _service(line: Mapping[str, Any], snapshot: Snapshot) -> ServiceToken | None:
    name = _text(line, "service_token")
    if name is None:
        return None
    for token in snapshot.records.service_tokens.values():
        if name in (token.name, token.id, token.client_id):
            return token
    raise Unreadable(f"there is no service token `{name}`")


def _linked(line: Mapping[str, Any], snapshot: Snapshot) -> AppId | None:
    name = _text(line, "linked_app")
    if name is None:
        return None
    for app in snapshot.records.applications.values():
        if name in (app.name, app.id):
            return app.id
    raise Unreadable(f"there is no application `{name}`")


def explain(asked: Question, snapshot: Snapshot) -> Answer:
    """How the gate would decide; the order is that of `core.decide`."""
    placed = place(asked.request, snapshot)
    if not isinstance(placed, Placed):
        return _unplaced(placed, snapshot)
    answer = _Explained(asked, placed, snapshot).answer()
    if answer.decision in _ADMITTED and not placed.agreed:
        return Answer(answer.application, "bad_request", None, Reason.BAD_REQUEST)
    return answer


_ADMITTED = frozenset({"allow", "bypass", "service_auth"})


def _unplaced(decision: Decision, snapshot: Snapshot) -> Answer:
    because = decision.because
    app = snapshot.apps.get(because.app) if because.app else None
    bad = isinstance(decision, Deny) and decision.status == 400
    word = "bad_request" if bad else "unmatched"
    if isinstance(decision, Deny) and decision.status == 405:
        word = "deny"
    return Answer(app.app.name if app else None, word, None, because.reason.value)


@dataclass(slots=True)
class _Explained:
    """One question at one application; `steps` grows with each policy that is looked at."""

    asked: Question
    placed: Placed
    snapshot: Snapshot
    steps: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def compiled(self) -> CompiledApp:
        return self.placed.route.app

    def answer(self) -> Answer:
        entry, target = self.placed.route.entry, self.placed.target
        if all(entry.open_without_login(path) for path in (target.path, target.bare)):
            return self._said("bypass", None, Reason.BYPASSED)
        strict = self.snapshot.organization.strict_service_tokens
        machine = self._machine(strict)
        if machine is not None:
            return machine
        preflight = self._preflight()
        return self._person() if preflight is None else preflight

    def _machine(self, strict: bool) -> Answer | None:
        asked = self.asked
        policies = self.compiled.machine
        bad = asked.service_presented and asked.service is None
        if strict and bad:
            policies = tuple(one for one in policies if one.action is Action.BYPASS)
        linked = None if asked.linked == self.compiled.app.id else asked.linked
        evidence = self._evidence(
            Login.NEVER, asked.identity if linked else None, asked.service, linked
        )
        verdict = evaluate_machine(policies, evidence)
        self._look(policies, verdict, evidence)
        if verdict.policy is not None and verdict.action is Action.BYPASS:
            return self._said("bypass", verdict.policy, Reason.BYPASSED)
        if verdict.policy is not None:
            return self._said("service_auth", verdict.policy, Reason.SERVICE_AUTH)
        if strict and asked.service_presented:
            reason = Reason.SERVICE_TOKEN_INVALID if bad else Reason.SERVICE_TOKEN_NOT_ALLOWED
            return self._said("deny", None, reason)
        return None

    def _preflight(self) -> Answer | None:
        request, app = self.asked.request, self.compiled.app
        if not is_preflight(request):
            return None
        if app.options_preflight_bypass:
            return self._said("bypass", None, Reason.PREFLIGHT_PASSED)
        if app.cors is not None and allows_preflight(app.cors, request):
            return self._said("bypass", None, Reason.PREFLIGHT_ANSWERED)
        return self._said("deny", None, Reason.PREFLIGHT_REFUSED)

    def _person(self) -> Answer:
        asked = self.asked
        elsewhere = asked.linked is not None and asked.linked != self.compiled.app.id
        if not asked.person or elsewhere:
            return self._before_login()
        identity = asked.identity
        if identity is None:
            return self._said("deny", None, Reason.NO_POLICY_MATCHED)
        if identity.idp_id and not provider_allowed(self.compiled, identity.idp_id):
            return self._said("deny", None, Reason.NO_POLICY_MATCHED)
        evidence = self._evidence(Login.KNOWN, identity, None, None)
        verdict = evaluate_person(self.compiled.person, evidence)
        self._look(self.compiled.person, verdict, evidence)
        if verdict.action is Action.ALLOW:
            return self._said("allow", verdict.policy, Reason.ALLOWED)
        reason = Reason.BLOCKED if verdict.policy else Reason.NO_POLICY_MATCHED
        return self._said("deny", verdict.policy, reason)

    def _before_login(self) -> Answer:
        evidence = self._evidence(Login.PENDING, None, self.asked.service, None)
        verdict = evaluate_person(self.compiled.person, evidence)
        self._look(self.compiled.person, verdict, evidence)
        if verdict.login or verdict.action is Action.ALLOW:
            return self._said("login", None, Reason.NO_SESSION)
        reason = Reason.BLOCKED if verdict.policy else Reason.NO_POLICY_MATCHED
        return self._said("deny", verdict.policy, reason)

    def _evidence(
        self,
        login: Login,
        identity: Identity | None,
        service: ServiceToken | None,
        linked: AppId | None,
    ) -> Evidence:
        request = self.asked.request
        return Evidence(
            ip=request.client_ip,
            country=request.country,
            certificate=request.certificate,
            service=service,
            linked=linked,
            login=login,
            identity=identity,
        )

    def _look(
        self, policies: Iterable[CompiledPolicy], verdict: Verdict, evidence: Evidence
    ) -> None:
        for policy in policies:
            self.steps.append(_policy_step(policy, evidence))
            if policy is verdict.policy:
                return

    def _said(self, decision: str, policy: CompiledPolicy | None, reason: Reason) -> Answer:
        name = policy.policy.name if policy else None
        app = self.compiled.app
        return Answer(app.name, decision, name, reason.value, tuple(self.steps))


_SAYS = {Holds.YES: "match", Holds.PENDING: "after login", Holds.NO: "no match"}


def _policy_step(policy: CompiledPolicy, evidence: Evidence) -> Mapping[str, Any]:
    return {
        "policy": policy.policy.name,
        "action": policy.action.value,
        "outcome": _SAYS[holds(policy, evidence)],
        "rules": [_rule_step(step) for step in trace(policy.formula, evidence, policy.first)],
    }


def _rule_step(step: Step) -> Mapping[str, Any]:
    members: dict[str, Any] = {
        "part": step.part,
        "rule": {step.rule.kind: dict(step.rule.value)},
        "saw": step.saw,
        "says": step.match.name.lower(),
    }
    if step.inside:
        members["inside"] = [_rule_step(inner) for inner in step.inside]
    return members
