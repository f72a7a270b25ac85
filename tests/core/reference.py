"""A second opinion on policies: slow, plain, and written from the description alone.

Nothing of `lychgate.core` but the values administrators edit is used here. Four values are
carried: True, False, UNKNOWN (cannot be established) and PENDING (a login would tell). Where two
of them are open the formula is tried with every way they could turn out.
"""

from collections.abc import Iterable, Mapping
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

PERSONAL = {
    "email",
    "email_domain",
    "email_list",
    "login_method",
    "auth_method",
    "external_evaluation",
    "oidc",
    "azureAD",
    "okta",
    "gsuite",
    "github-organization",
}
"""Rules whose outcome at login stands for the rest of the session."""
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


def personal(rule: Rule, person: Person, book: Book) -> Value:
    """What a rule about a person says."""
    value = rule.value
    if "identity_provider_id" in value and value["identity_provider_id"] != person.idp:
        return False
    match rule.kind:
        case "email":
            return person.email == value["email"].lower()
        case "email_domain":
            return person.email.rpartition("@")[2] == value["domain"].lower()
        case "email_list":
            items = book.lists[ListId(value["id"])].items
            return person.email in [item.lower() for item in items]
        case "login_method":
            return person.idp == value["id"]
        case "auth_method":
            return value["auth_method"] in person.amr
        case "external_evaluation":
            asked = (value["evaluate_url"], value["keys_url"])
            return person.evaluations.get(asked, Open.UNKNOWN)
        case "oidc":
            if value["claim_name"] == "groups":
                return value["claim_value"] in person.groups
            held = person.claims.get(value["claim_name"], [])
            return value["claim_value"] in (held if isinstance(held, list) else [held])
        case "azureAD":
            return value["id"] in person.groups
        case "okta":
            return value["name"] in person.groups
        case "gsuite":
            return value["email"] in person.groups
        case "github-organization":
            team = value.get("team")
            return (f"{value['name']}/{team}" if team else value["name"]) in person.groups
    raise AssertionError(rule.kind)


def leaf(rule: Rule, action: Action, world: World, book: Book) -> Value:
    """What one rule says in a policy of an action."""
    value = rule.value
    machine = action in (Action.BYPASS, Action.SERVICE_AUTH)
    match rule.kind:
        case kind if kind in SOURCELESS:
            return Open.UNKNOWN
        case kind if kind in PERSONAL:
            if world.person is None:
                return Open.PENDING if world.could_log_in else Open.UNKNOWN
            return personal(rule, world.person, book)
        case "everyone":
            return True
        case "ip":
            return Open.UNKNOWN if world.ip is None else in_range(world.ip, value["ip"])
        case "ip_list":
            items = book.lists[ListId(value["id"])].items
            return Open.UNKNOWN if world.ip is None else any(in_range(world.ip, i) for i in items)
        case "geo":
            return Open.UNKNOWN if world.country is None else world.country == value["country_code"]
        case "certificate":
            return world.valid_certificate
        case "common_name":
            return world.valid_certificate and world.common_name == value["common_name"]
        case "service_token" | "any_valid_service_token" | "linked_app_token" if not machine:
            meets_login = world.could_log_in and world.service is not None
            return Open.PENDING if meets_login else False
        case "service_token":
            return world.service == value["token_id"]
        case "any_valid_service_token":
            return world.service is not None
        case "linked_app_token":
            return action is Action.SERVICE_AUTH and world.linked == value["app_uid"]
    raise AssertionError(rule.kind)


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
        world = self.login if self.login is not None and rule.kind in PERSONAL else self.world
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
