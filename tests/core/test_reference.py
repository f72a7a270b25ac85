"""The core against a naive evaluator, on policies, groups and visitors that hypothesis invents."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lychgate.core.admit import Admitted, admit
from lychgate.core.decide import decide
from lychgate.core.decision import Allow, Because, Decision, Deny, Redirect
from lychgate.core.identity import Identity
from lychgate.core.model import (
    Action,
    AppId,
    Group,
    ItemList,
    ListId,
    ListType,
    Organization,
    Policy,
    Rule,
)
from lychgate.core.policy import evaluate_machine, evaluate_person
from lychgate.core.request import ClientCertificate, Request, address
from lychgate.core.selectors import Evidence, Login
from lychgate.core.session import Token, read
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.tokens import Rejected, Signed
from tests.core import reference
from tests.core.reference import Book, Opinion, Person, World
from tests.support.builders import (
    NOW,
    a_group,
    a_policy,
    a_request,
    a_service_token,
    a_snapshot,
    a_user,
    an_app,
    claims_for,
    rule,
    signing_key,
)

EXAMPLES = settings(max_examples=150)
PEOPLE = ("alice@staff.example", "bob@staff.example", "mallory@evil.example")
IPS = ("10.9.1.1", "10.10.0.1", "2001:db8::1", "::ffff:10.9.0.5")
COUNTRIES = ("PT", "DE")
URLS = {"evaluate_url": "https://e.example/", "keys_url": "https://e.example/keys"}
LISTS = {
    ListId("people"): ItemList(ListId("people"), "people", ListType.EMAIL, (PEOPLE[0],)),
    ListId("nets"): ItemList(
        ListId("nets"), "nets", ListType.IP, ("10.10.0.0/16", "2001:db8::/32")
    ),
}
FACTS = (
    rule("everyone"),
    rule("ip", ip="10.9.0.0/16"),
    rule("ip_list", id="nets"),
    rule("geo", country_code="PT"),
    rule("geo", country_code="DE"),
    rule("certificate"),
    rule("common_name", common_name="svc"),
    rule("service_token", token_id="st1"),
    rule("any_valid_service_token"),
    rule("device_posture", integration_uid="x"),
)
ABOUT_PEOPLE = (
    rule("email", email=PEOPLE[0]),
    rule("email_domain", domain="staff.example"),
    rule("email_list", id="people"),
    rule("login_method", id="idp-2"),
    rule("auth_method", auth_method="mfa"),
    rule("external_evaluation", **URLS),
    rule("oidc", claim_name="dept", claim_value="eng", identity_provider_id="idp-1"),
    rule("oidc", claim_name="groups", claim_value="g1", identity_provider_id="idp-2"),
    rule("azureAD", id="g1", identity_provider_id="idp-1"),
    rule("okta", name="g2", identity_provider_id="idp-1"),
    rule("gsuite", email="g1", identity_provider_id="idp-2"),
    rule("github-organization", name="g1", team="t", identity_provider_id="idp-1"),
    rule("user_risk_score", user_risk_score=["low"]),
    rule("saml", attribute_name="a", attribute_value="b", identity_provider_id="idp-1"),
)
LINKED = rule("linked_app_token", app_uid="source")


def formulas(rules: st.SearchStrategy[Rule]) -> st.SearchStrategy[dict[str, list[Rule]]]:
    return st.fixed_dictionaries(
        {
            "include": st.lists(rules, min_size=1, max_size=3),
            "require": st.lists(rules, max_size=2),
            "exclude": st.lists(rules, max_size=2),
        }
    )


FACT_RULES = st.sampled_from(FACTS)
ANY_RULES = st.one_of(st.sampled_from(ABOUT_PEOPLE), FACT_RULES, st.just(LINKED))


@st.composite
def worlds_of_rules(draw: st.DrawFn) -> tuple[list[Policy], dict[str, Group]]:
    """Policies of all actions over groups that may hold other groups."""
    groups: dict[str, Group] = {}
    plain = [f"facts{n}" for n in range(draw(st.integers(0, 1)))]
    mixed = [f"mixed{n}" for n in range(draw(st.integers(0, 2)))]
    for name in plain:
        groups[name] = a_group(name, **draw(formulas(FACT_RULES)))
    rules = ANY_RULES
    for name in mixed:
        known = [rule("group", id=other) for other in groups]
        rules = st.one_of(ANY_RULES, st.sampled_from(known)) if known else ANY_RULES
        groups[name] = a_group(name, **draw(formulas(rules)))
    named = [rule("group", id=name) for name in groups]
    facts = [rule("group", id=name) for name in plain]
    policies = []
    for index in range(draw(st.integers(0, 4))):
        action = draw(st.sampled_from(Action))
        pool = facts if action is Action.BYPASS else named
        base = FACT_RULES if action is Action.BYPASS else ANY_RULES
        these = st.one_of(base, st.sampled_from(pool)) if pool else base
        policies.append(a_policy(f"p{index}", action, **draw(formulas(these))))
    return policies, groups


@st.composite
def people(draw: st.DrawFn) -> Person:
    asked = (URLS["evaluate_url"], URLS["keys_url"])
    known = draw(st.sampled_from([None, True, False]))
    return Person(
        email=draw(st.sampled_from(PEOPLE)),
        idp=draw(st.sampled_from(["idp-1", "idp-2"])),
        groups=draw(st.sampled_from([(), ("g1",), ("g1", "g2"), ("g1/t",)])),
        amr=draw(st.sampled_from([(), ("mfa",)])),
        claims=draw(st.sampled_from([{}, {"dept": "eng"}, {"dept": ["ops", "eng"]}])),
        evaluations={} if known is None else {asked: known},
    )


@st.composite
def requests(draw: st.DrawFn) -> World:
    return World(
        ip=draw(st.sampled_from([None, *IPS])),
        country=draw(st.sampled_from([None, *COUNTRIES])),
        common_name=draw(st.sampled_from([None, "svc", "other"])),
        valid_certificate=draw(st.booleans()),
        service=draw(st.sampled_from([None, "st1", "st2"])),
    )


def identity(person: Person) -> Identity:
    return a_user(
        person.email,
        idp_id=person.idp,
        groups=person.groups,
        amr=person.amr,
        claims=person.claims,
    )


def certificate(world: World) -> ClientCertificate | None:
    if world.common_name is None and not world.valid_certificate:
        return None
    return ClientCertificate(world.common_name or "", world.valid_certificate)


def evidence(world: World, **more: Any) -> Evidence:
    values: dict[str, Any] = {
        "ip": None if world.ip is None else address(world.ip),
        "country": world.country,
        "certificate": certificate(world),
        "service": None if world.service is None else a_service_token(world.service),
        "linked": None if world.linked is None else AppId(world.linked),
    }
    return Evidence(**(values | more))


def compiled(policies: list[Policy], groups: dict[str, Group]) -> Snapshot:
    return a_snapshot(
        an_app("app", policies=[policy.id for policy in policies]),
        an_app("source", policies=[]),
        a_service_token("st1"),
        a_service_token("st2"),
        a_policy("unused"),
        *policies,
        *groups.values(),
        *LISTS.values(),
        organization=Organization(strict_service_tokens=False),
    )


def the_app(snapshot: Snapshot) -> CompiledApp:
    return snapshot.apps[AppId("app")]


def book(groups: dict[str, Group]) -> Book:
    return Book({group.id: group for group in groups.values()}, LISTS)


def said(decision: Decision) -> Opinion:
    because: Because = decision.because
    match decision:
        case Allow():
            names = {"allowed": "allow", "bypassed": "bypass", "service_auth": "service_auth"}
            return Opinion(names[because.reason], because.policy)
        case Redirect():
            return Opinion("login")
        case Deny():
            return Opinion("deny", because.policy)
    raise AssertionError(decision)


def a_verify(claims: dict[str, Any] | None) -> Any:
    """Stands for a signature check that succeeded: the token's text is never looked at."""

    def verify(text: str) -> Token | Rejected:
        return Rejected.SIGNATURE if claims is None else read(Signed(signing_key().kid, claims))

    return verify


def to_request(world: World, cookie: str | None = None) -> Request:
    headers = {"accept": "text/html"}
    if cookie is not None:
        headers["cookie"] = f"CF_Authorization={cookie}"
    return a_request(
        "https://app.example/",
        headers=headers,
        client_ip=None if world.ip is None else address(world.ip),
        country=world.country,
        certificate=certificate(world),
    )


@EXAMPLES
@given(worlds_of_rules(), requests(), st.sampled_from([None, "source", "other"]), people())
def test_machines_are_judged_alike(
    rules: tuple[list[Policy], dict[str, Group]], world: World, linked: str | None, person: Person
) -> None:
    policies, groups = rules
    world = replace(world, linked=linked, person=person if linked else None)
    expected = reference.machine(policies, world, book(groups))
    who = None if world.person is None else identity(world.person)
    seen = evidence(
        world, identity=who, evaluations=person.evaluations if linked else {}, login=Login.NEVER
    )
    verdict = evaluate_machine(the_app(compiled(policies, groups)).machine, seen)
    got = verdict.policy.id if verdict.policy else None
    assert got == (expected.policy if expected else None)


@EXAMPLES
@given(worlds_of_rules(), requests())
def test_strangers_are_judged_alike(
    rules: tuple[list[Policy], dict[str, Group]], world: World
) -> None:
    policies, groups = rules
    expected = reference.stranger(policies, world, book(groups))
    seen = evidence(world, login=Login.PENDING)
    verdict = evaluate_person(the_app(compiled(policies, groups)).person, seen)
    got = Opinion("deny", verdict.policy.id if verdict.policy else None)
    if verdict.login or verdict.action is Action.ALLOW:
        got = Opinion("login")
    assert got == expected


@EXAMPLES
@given(worlds_of_rules(), requests(), people())
def test_people_are_admitted_alike(
    rules: tuple[list[Policy], dict[str, Group]], world: World, person: Person
) -> None:
    policies, groups = rules
    world = replace(world, person=person, service=None)
    expected = reference.person(policies, world, book(groups))
    admission = admit(the_app(compiled(policies, groups)), known(world, person))
    got = Opinion("allow" if isinstance(admission, Admitted) else "deny", admission.policy)
    assert got == expected


def known(world: World, person: Person) -> Evidence:
    return evidence(
        world, login=Login.KNOWN, identity=identity(person), evaluations=person.evaluations
    )


@EXAMPLES
@given(worlds_of_rules(), requests(), requests(), people())
def test_later_requests_are_decided_alike(
    rules: tuple[list[Policy], dict[str, Group]], then: World, now: World, person: Person
) -> None:
    policies, groups = rules
    then = replace(then, person=person, service=None)
    now = replace(now, service=None)
    snapshot = compiled(policies, groups)
    admission = admit(the_app(snapshot), known(then, person))
    claims = None
    if isinstance(admission, Admitted):
        claims = claims_for(
            the_app(snapshot).app,
            identity(person),
            policy=admission.policy,
            facts=admission.facts,
        )
    machine = reference.machine(policies, now, book(groups))
    if machine is not None:
        expected = machine
    elif claims is None:
        expected = reference.stranger(policies, now, book(groups))
    else:
        expected = reference.person(policies, replace(now, person=person), book(groups), then)
    decision = decide(to_request(now, "token"), snapshot, a_verify(claims), NOW)
    assert said(decision).outcome == expected.outcome
    if expected.outcome != "allow" or the_app(snapshot).settled == frozenset():
        assert said(decision).policy == expected.policy


@settings(max_examples=100)
@given(worlds_of_rules(), requests(), people(), ANY_RULES, st.integers(0, 3))
def test_an_exclude_never_grants(
    rules: tuple[list[Policy], dict[str, Group]],
    world: World,
    person: Person,
    extra: Rule,
    which: int,
) -> None:
    policies, groups = rules
    allowing = [p for p in policies if p.action is Action.ALLOW]
    if not allowing:
        return
    changed = allowing[which % len(allowing)]
    narrowed = [replace(p, exclude=(*p.exclude, extra)) if p is changed else p for p in allowing]
    world = replace(world, person=person, service=None)
    before = admit(the_app(compiled(allowing, groups)), known(world, person))
    after = admit(the_app(compiled(narrowed, groups)), known(world, person))
    assert isinstance(before, Admitted) or not isinstance(after, Admitted)


@settings(max_examples=100)
@given(worlds_of_rules(), requests(), people())
def test_the_order_of_rules_does_not_matter(
    rules: tuple[list[Policy], dict[str, Group]], world: World, person: Person
) -> None:
    policies, groups = rules
    turned = [
        replace(p, include=p.include[::-1], require=p.require[::-1], exclude=p.exclude[::-1])
        for p in policies
    ]
    world = replace(world, person=person, service=None)
    outcomes = []
    for these in (policies, turned):
        app = the_app(compiled(these, groups))
        machine = evaluate_machine(app.machine, evidence(world)).policy
        outcomes.append((admit(app, known(world, person)).policy, machine and machine.id))
    assert outcomes[0] == outcomes[1]


@given(requests(), people())
def test_no_policy_admits_nobody(world: World, person: Person) -> None:
    snapshot = compiled([], {})
    assert said(decide(to_request(world, "token"), snapshot, a_verify(None), NOW)).outcome == "deny"
    assert not isinstance(admit(the_app(snapshot), known(world, person)), Admitted)


@pytest.mark.parametrize("kind", sorted(reference.TESTS))
def test_the_second_opinion_tries_every_rule_about_people(kind: str) -> None:
    assert any(one.kind == kind for one in ABOUT_PEOPLE)
