"""A second opinion on policies: slow, plain, and written from the description alone.

Nothing of `lychgate.core` but the values administrators edit is used here. Four values are
carried: True, False, UNKNOWN (cannot be established) and PENDING (a login would tell). Where two
of them are open the formula is tried with every way they could turn out.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from ipaddress import ip_address, ip_network
from typing import Any

from lychgate.core.model import Action, Group, GroupId, ItemList, ListId, Policy, PolicyId, Rule


class Open(Enum):
    """What is neither true nor false."""

    UNKNOWN = "unknown"
    PENDING = "pending"


type Value = bool | Open

CREDENTIALS = {"service_token", "any_valid_service_token", "linked_app_token"}
SOURCELESS = {
    "device_posture",
    "user_risk_score",
    "cloudflare_account_member",
    "auth_context",
    "saml",
}


@dataclass(frozen=True)
class Person:
    """Somebody as their provider described them."""

    email: str
    idp: str = "idp-1"
    groups: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    evaluations: Mapping[tuple[str, str], bool] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """What can be known about one request, and about who sent it."""

    ip: str | None = None
    country: str | None = None
    common_name: str | None = None
    valid_certificate: bool = False
    service: str | None = None
    linked: str | None = None
    person: Person | None = None
    could_log_in: bool = False


@dataclass(frozen=True)
class Book:
    """The groups and lists that rules name."""

    groups: Mapping[GroupId, Group] = field(default_factory=dict)
    lists: Mapping[ListId, ItemList] = field(default_factory=dict)


def in_range(ip: str, text: str) -> bool:
    """An address in a range; mapped addresses are unmapped, versions never mix."""
    address, network = ip_address(ip), ip_network(text, strict=False)
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address) in network


type Test = Callable[[Mapping[str, Any], Person, Book], Value]

TESTS: Mapping[str, Test] = {
    "email": lambda value, person, book: person.email == str(value["email"]).lower(),
    "email_domain": lambda value, person, book: (
        person.email.rpartition("@")[2] == value["domain"].lower()
    ),
    "email_list": lambda value, person, book: (
        person.email in [item.lower() for item in book.lists[ListId(value["id"])].items]
    ),
    "login_method": lambda value, person, book: person.idp == value["id"],
    "auth_method": lambda value, person, book: value["auth_method"] in person.amr,
    "external_evaluation": lambda value, person, book: person.evaluations.get(
        (value["evaluate_url"], value["keys_url"]), Open.UNKNOWN
    ),
    "oidc": lambda value, person, book: value["claim_value"] in claimed(value, person),
    "azureAD": lambda value, person, book: value["id"] in person.groups,
    "okta": lambda value, person, book: value["name"] in person.groups,
    "gsuite": lambda value, person, book: value["email"] in person.groups,
    "github-organization": lambda value, person, book: (
        "/".join(filter(None, (value["name"], value.get("team")))) in person.groups
    ),
}
"""Rules about a person; their outcome at login stands for the rest of the session."""


def claimed(value: Mapping[str, Any], person: Person) -> Collection[str]:
    """The values of the claim that a rule asks for."""
    if value["claim_name"] == "groups":
        return person.groups
    held = person.claims.get(value["claim_name"], [])
    return held if isinstance(held, list) else [held]


def personal(rule: Rule, world: World, book: Book) -> Value:
    """What a rule about a person says."""
    if world.person is None:
        return Open.PENDING if world.could_log_in else Open.UNKNOWN
    if rule.value.get("identity_provider_id", world.person.idp) != world.person.idp:
        return False
    test = TESTS[rule.kind]
    return test(rule.value, world.person, book)


def credential(rule: Rule, action: Action, world: World) -> Value:
    """What a rule about a service token or a linked token says; it counts for machines only."""
    if rule.kind == "linked_app_token":
        counts = action is Action.SERVICE_AUTH and world.linked is not None
        return counts and world.linked == str(rule.value["app_uid"])
    if action in (Action.ALLOW, Action.DENY):
        meets_login = world.could_log_in and world.service is not None
        return Open.PENDING if meets_login else False
    if rule.kind == "any_valid_service_token":
        return world.service is not None
    return world.service == str(rule.value["token_id"])


def fact(rule: Rule, world: World, book: Book) -> Value:
    """What a rule about the request itself says."""
    value = rule.value
    match rule.kind:
        case "ip":
            return Open.UNKNOWN if world.ip is None else in_range(world.ip, value["ip"])
        case "ip_list":
            ranges, ip = book.lists[ListId(value["id"])].items, world.ip
            return Open.UNKNOWN if ip is None else any(in_range(ip, one) for one in ranges)
        case "geo":
            known = world.country is not None
            return bool(world.country == value["country_code"]) if known else Open.UNKNOWN
        case "certificate":
            return world.valid_certificate
        case "common_name":
            return world.valid_certificate and world.common_name == value["common_name"]
    return rule.kind == "everyone"


def leaf(rule: Rule, action: Action, world: World, book: Book) -> Value:
    """What one rule says in a policy of an action."""
    if rule.kind in SOURCELESS:
        return Open.UNKNOWN
    if rule.kind in TESTS:
        return personal(rule, world, book)
    if rule.kind in CREDENTIALS:
        return credential(rule, action, world)
    return fact(rule, world, book)


type Range = tuple[bool, bool]
"""The worst and the best case."""


def settle(value: Value, worst: Mapping[Open, bool], best: Mapping[Open, bool]) -> Range:
    """The two ends of a value."""
    return (value, value) if isinstance(value, bool) else (worst[value], best[value])


@dataclass(frozen=True)
class Judge:
    """Reads formulas, with a choice of how each open value may turn out."""

    action: Action
    world: World
    book: Book
    login: World | None = None
    """Facts of the login: what personal rules are judged by, if they differ from the request's."""

    def ends(self, holder: Policy | Group, worst: Any, best: Any) -> Range:
        """Worst and best case of include (any), require (all), exclude (none)."""
        include = [self.end(rule, worst, best) for rule in holder.include]
        require = [self.end(rule, worst, best) for rule in holder.require]
        exclude = [self.end(rule, worst, best) for rule in holder.exclude]
        low = (
            any(low for low, _ in include)
            and all(low for low, _ in require)
            and not any(high for _, high in exclude)
        )
        high = (
            any(high for _, high in include)
            and all(high for _, high in require)
            and not any(low for low, _ in exclude)
        )
        return low, high

    def end(self, rule: Rule, worst: Any, best: Any) -> Range:
        if rule.kind == "group":
            return self.ends(self.book.groups[GroupId(rule.value["id"])], worst, best)
        world = self.login if self.login is not None and rule.kind in TESTS else self.world
        return settle(leaf(rule, self.action, world, self.book), worst, best)

    def matches(self, policy: Policy) -> bool:
        """Whether the policy matches now, when everything is as known as it will ever be."""
        closed = {Open.UNKNOWN: False, Open.PENDING: False}
        opened = {Open.UNKNOWN: True, Open.PENDING: True}
        low, high = self.ends(policy, closed, opened)
        return high if policy.action is Action.DENY else low

    def must_block(self, policy: Policy) -> bool:
        """Whether a Block matches, whoever the person turns out to be."""
        return not self._some_person(policy, False)

    def could_allow(self, policy: Policy) -> bool:
        """Whether an Allow matches for somebody."""
        return self._some_person(policy, True)

    def _some_person(self, policy: Policy, wanted: bool) -> bool:
        """Whether open personal rules can turn out so that the policy's match is as wanted."""
        return wanted in self._outcomes(policy)

    def _outcomes(self, policy: Policy) -> set[bool]:
        found = set()
        for choice in choices(list(self._pending(policy))):
            judge = _Chosen(self.action, self.world, self.book, None, choice, [0])
            found.add(judge.matches(policy))
        return found

    def _pending(self, holder: Policy | Group) -> Iterable[Rule]:
        for rule in (*holder.include, *holder.require, *holder.exclude):
            if rule.kind == "group":
                yield from self._pending(self.book.groups[GroupId(rule.value["id"])])
            elif leaf(rule, self.action, self.world, self.book) is Open.PENDING:
                yield rule


def choices(rules: list[Rule]) -> Iterable[tuple[bool, ...]]:
    """Every way that many yes-or-no questions can turn out."""
    for number in range(2 ** len(rules)):
        yield tuple(bool(number >> index & 1) for index in range(len(rules)))


@dataclass(frozen=True)
class _Chosen(Judge):
    """A judge whose pending rules, in the order they are met, turn out as chosen."""

    choice: tuple[bool, ...] = ()
    met: list[int] = field(default_factory=lambda: [0])

    def end(self, rule: Rule, worst: Any, best: Any) -> Range:
        if rule.kind != "group" and leaf(rule, self.action, self.world, self.book) is Open.PENDING:
            chosen = self.choice[self.met[0]]
            self.met[0] += 1
            return chosen, chosen
        return super().end(rule, worst, best)


@dataclass(frozen=True)
class Opinion:
    """What should happen, and by which policy."""

    outcome: str
    """`bypass`, `service_auth`, `allow`, `login` or `deny`."""
    policy: PolicyId | None = None


def machine(policies: Iterable[Policy], world: World, book: Book) -> Opinion | None:
    """The first Bypass or Service Auth policy that matches."""
    for policy in policies:
        if policy.action not in (Action.BYPASS, Action.SERVICE_AUTH):
            continue
        if Judge(policy.action, world, book).matches(policy):
            name = "bypass" if policy.action is Action.BYPASS else "service_auth"
            return Opinion(name, policy.id)
    return None


def person(
    policies: Iterable[Policy], world: World, book: Book, login: World | None = None
) -> Opinion:
    """The first Allow or Block policy that matches a known person."""
    for policy in policies:
        if policy.action not in (Action.ALLOW, Action.DENY):
            continue
        if Judge(policy.action, world, book, login).matches(policy):
            return Opinion("deny" if policy.action is Action.DENY else "allow", policy.id)
    return Opinion("deny")


def stranger(policies: Iterable[Policy], world: World, book: Book) -> Opinion:
    """A login where it could help, else a refusal."""
    world = replace(world, person=None, could_log_in=True)
    for policy in policies:
        judge = Judge(policy.action, world, book)
        if policy.action is Action.DENY and judge.must_block(policy):
            return Opinion("deny", policy.id)
        if policy.action is Action.ALLOW and judge.could_allow(policy):
            return Opinion("login")
    return Opinion("deny")
