"""One small class for each kind of test a rule can make, and the list of them.

A selector answers YES or NO from the evidence; PENDING when a login would tell; UNKNOWN when the
fact cannot be established. What an unknown means for the visitor is settled in `core.policy`.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, ClassVar, Protocol, Self

from lychgate.core.identity import Identity
from lychgate.core.model import (
    AppId,
    IdpId,
    ListId,
    ServiceToken,
    TokenId,
)
from lychgate.core.request import Address, ClientCertificate
from lychgate.core.urls import canonical_email, canonical_host
from lychgate.core.values import momentary


class Match(Enum):
    """What a selector can say."""

    YES = auto()
    NO = auto()
    UNKNOWN = auto()
    PENDING = auto()


class Login(Enum):
    """Whether the person is known, could still log in, or has no part in this question."""

    KNOWN = auto()
    PENDING = auto()
    NEVER = auto()


type Evaluation = tuple[str, str]
"""An external evaluation: the URL asked and the URL of its keys."""


@momentary
class Evidence:
    """Everything a selector may look at."""

    ip: Address | None = None
    country: str | None = None
    certificate: ClientCertificate | None = None
    service: ServiceToken | None = None
    """The service token the request proved to hold."""
    linked: AppId | None = None
    """The application that the presented token of another application was issued for."""
    login: Login = Login.NEVER
    identity: Identity | None = None
    facts: int | None = None
    """Outcome of each identity rule at login, a bit each; None: judge them by `identity`."""
    evaluations: Mapping[Evaluation, bool] = field(default_factory=dict)


class InvalidRule(ValueError):
    """A rule that cannot be understood; the message says what is wrong with it."""


class Lookup(Protocol):
    """Finds the lists that rules name."""

    def emails(self, id: ListId) -> frozenset[str]:
        """The addresses of an email list; raises InvalidRule when there is none."""

    def networks(self, id: ListId) -> "Networks":
        """The networks of an IP list; raises InvalidRule when there is none, or an item is none."""


class Selector(Protocol):
    """A kind of test, and one instance of it."""

    kind: ClassVar[str]
    """The wire name."""
    members: ClassVar[tuple[str, ...]]
    """The inner members a rule must have."""
    optional: ClassVar[tuple[str, ...]]
    each_request: ClassVar[bool]
    """Whether it is tested on each request, or at login only."""
    identity: ClassVar[bool]
    """Whether it speaks of a person."""
    source: ClassVar[bool]
    """Whether anything here can ever answer it."""

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        """The selector for a rule's value, whose members were checked; raises InvalidRule."""

    def matches(self, evidence: Evidence) -> Match:
        """What the evidence says."""

    def saw(self, evidence: Evidence) -> str:
        """The value it looked at, for people who ask why."""


class _Base:
    members: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    each_request: ClassVar[bool] = False
    identity: ClassVar[bool] = False
    source: ClassVar[bool] = True


def _when(condition: bool) -> Match:
    return Match.YES if condition else Match.NO


def _of_person(evidence: Evidence, test: Callable[[Identity], bool | None]) -> Match:
    if evidence.identity is None:
        return Match.PENDING if evidence.login is Login.PENDING else Match.UNKNOWN
    outcome = test(evidence.identity)
    return Match.UNKNOWN if outcome is None else _when(outcome)


def _person(evidence: Evidence, show: Callable[[Identity], object]) -> str:
    return "not logged in" if evidence.identity is None else str(show(evidence.identity))


class _Identity(_Base):
    identity: ClassVar[bool] = True

    def saw(self, evidence: Evidence) -> str:
        return _person(evidence, lambda person: person.email)


@dataclass(frozen=True, slots=True)
class Email(_Identity):
    """The exact address."""

    kind: ClassVar[str] = "email"
    members: ClassVar[tuple[str, ...]] = ("email",)
    address: str

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        address = canonical_email(value["email"])
        if address is None:
            raise InvalidRule(f"`{value['email']}` is not an email address")
        return cls(address)

    def matches(self, evidence: Evidence) -> Match:
        return _of_person(evidence, lambda person: person.email == self.address)


@dataclass(frozen=True, slots=True)
class EmailDomain(_Identity):
    """The whole domain of the address."""

    kind: ClassVar[str] = "email_domain"
    members: ClassVar[tuple[str, ...]] = ("domain",)
    domain: str

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        domain = canonical_host(value["domain"].removeprefix("@"))
        if domain is None or ":" in value["domain"]:
            raise InvalidRule(f"`{value['domain']}` is not a domain")
        return cls(domain)

    def matches(self, evidence: Evidence) -> Match:
        return _of_person(evidence, self._test)

    def _test(self, person: Identity) -> bool:
        return person.email.count("@") == 1 and person.email.endswith("@" + self.domain)


def emails_of(items: Iterable[str]) -> frozenset[str]:
    """The addresses among the items of a list."""
    return frozenset(filter(None, map(canonical_email, items)))


@dataclass(frozen=True, slots=True)
class EmailList(_Identity):
    """An address in a stored list."""

    kind: ClassVar[str] = "email_list"
    members: ClassVar[tuple[str, ...]] = ("id",)
    addresses: frozenset[str]

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls(lookup.emails(ListId(value["id"])))

    def matches(self, evidence: Evidence) -> Match:
        return _of_person(evidence, lambda person: person.email in self.addresses)


@dataclass(frozen=True, slots=True)
class Everyone(_Base):
    """Any visitor."""

    kind: ClassVar[str] = "everyone"

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls()

    def matches(self, evidence: Evidence) -> Match:
        return Match.YES

    def saw(self, evidence: Evidence) -> str:
        return "anybody"


type Network = IPv4Network | IPv6Network


def parse_network(text: str) -> Network:
    """An address or CIDR range, host bits allowed, IPv4-mapped IPv6 unmapped."""
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise InvalidRule(f"`{text}` is not an IP address or range") from None
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network


type Networks = tuple[tuple[int, int, frozenset[int]], ...]
"""For each version and prefix length, the networks of that length as shifted integers."""


def networks_of(items: Iterable[str]) -> Networks:
    """The networks of a list's items; raises InvalidRule for an item that is none."""
    lengths: dict[tuple[int, int], set[int]] = {}
    for item in items:
        network = parse_network(item)
        bits = network.max_prefixlen - network.prefixlen
        lengths.setdefault((network.version, bits), set()).add(int(network.network_address) >> bits)
    return tuple((version, bits, frozenset(found)) for (version, bits), found in lengths.items())


class _Ip(_Base):
    each_request: ClassVar[bool] = True

    def saw(self, evidence: Evidence) -> str:
        return str(evidence.ip or "address not known")


@dataclass(frozen=True, slots=True)
class Ip(_Ip):
    """The client's address in a range."""

    kind: ClassVar[str] = "ip"
    members: ClassVar[tuple[str, ...]] = ("ip",)
    network: Network

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls(parse_network(value["ip"]))

    def matches(self, evidence: Evidence) -> Match:
        return Match.UNKNOWN if evidence.ip is None else _when(evidence.ip in self.network)


@dataclass(frozen=True, slots=True)
class IpList(_Ip):
    """The client's address in a range of a stored list."""

    kind: ClassVar[str] = "ip_list"
    members: ClassVar[tuple[str, ...]] = ("id",)
    by_length: Networks

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls(lookup.networks(ListId(value["id"])))

    def matches(self, evidence: Evidence) -> Match:
        if evidence.ip is None:
            return Match.UNKNOWN
        number, version = int(evidence.ip), evidence.ip.version
        return _when(any(v == version and number >> b in nets for v, b, nets in self.by_length))


@dataclass(frozen=True, slots=True)
class Geo(_Base):
    """The country of the client's address."""

    kind: ClassVar[str] = "geo"
    members: ClassVar[tuple[str, ...]] = ("country_code",)
    each_request: ClassVar[bool] = True
    country: str

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        code = value["country_code"]
        if len(code) != 2 or not (code.isascii() and code.isalnum()):
            raise InvalidRule(f"`{code}` is not a two-letter country code")
        return cls(code.upper())

    def matches(self, evidence: Evidence) -> Match:
        if evidence.country is None:
            return Match.UNKNOWN
        return _when(evidence.country.upper() == self.country)

    def saw(self, evidence: Evidence) -> str:
        return evidence.country or "country not known"


class _Certificate(_Base):
    each_request: ClassVar[bool] = True

    def saw(self, evidence: Evidence) -> str:
        certificate = evidence.certificate
        if certificate is None:
            return "no certificate"
        return f"{certificate.common_name} ({'valid' if certificate.valid else 'not valid'})"


@dataclass(frozen=True, slots=True)
class Certificate(_Certificate):
    """Any valid client certificate."""

    kind: ClassVar[str] = "certificate"

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls()

    def matches(self, evidence: Evidence) -> Match:
        return _when(evidence.certificate is not None and evidence.certificate.valid)


@dataclass(frozen=True, slots=True)
class CommonName(_Certificate):
    """The common name of a valid client certificate."""

    kind: ClassVar[str] = "common_name"
    members: ClassVar[tuple[str, ...]] = ("common_name",)
    name: str

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls(value["common_name"])

    def matches(self, evidence: Evidence) -> Match:
        held = evidence.certificate
        return _when(held is not None and held.valid and held.common_name == self.name)


class _Service(_Base):
    each_request: ClassVar[bool] = True

    def saw(self, evidence: Evidence) -> str:
        return "no service token" if evidence.service is None else evidence.service.name


@dataclass(frozen=True, slots=True)
class ServiceTokenSelector(_Service):
    """One service token."""

    kind: ClassVar[str] = "service_token"
    members: ClassVar[tuple[str, ...]] = ("token_id",)
    token_id: TokenId

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls(TokenId(value["token_id"]))

    def matches(self, evidence: Evidence) -> Match:
        return _when(evidence.service is not None and evidence.service.id == self.token_id)


@dataclass(frozen=True, slots=True)
class AnyValidServiceToken(_Service):
    """Any service token of the account."""

    kind: ClassVar[str] = "any_valid_service_token"

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls()

    def matches(self, evidence: Evidence) -> Match:
        return _when(evidence.service is not None)


@dataclass(frozen=True, slots=True)
class LinkedAppToken(_Base):
    """A token issued for another application."""

    kind: ClassVar[str] = "linked_app_token"
    members: ClassVar[tuple[str, ...]] = ("app_uid",)
    each_request: ClassVar[bool] = True
    app: AppId

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls(AppId(value["app_uid"]))

    def matches(self, evidence: Evidence) -> Match:
        return _when(evidence.linked == self.app)

    def saw(self, evidence: Evidence) -> str:
        return evidence.linked or "no linked token"


@dataclass(frozen=True, slots=True)
class LoginMethod(_Identity):
    """The identity provider used at login."""

    kind: ClassVar[str] = "login_method"
    members: ClassVar[tuple[str, ...]] = ("id",)
    idp: IdpId

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls(IdpId(value["id"]))

    def matches(self, evidence: Evidence) -> Match:
        return _of_person(evidence, lambda person: person.idp_id == self.idp)

    def saw(self, evidence: Evidence) -> str:
        return _person(evidence, lambda person: person.idp_id)


@dataclass(frozen=True, slots=True)
class AuthMethod(_Identity):
    """How the person authenticated at the provider (RFC 8176)."""

    kind: ClassVar[str] = "auth_method"
    members: ClassVar[tuple[str, ...]] = ("auth_method",)
    method: str

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls(value["auth_method"])

    def matches(self, evidence: Evidence) -> Match:
        return _of_person(evidence, lambda person: self.method in person.amr)

    def saw(self, evidence: Evidence) -> str:
        return _person(evidence, lambda person: list(person.amr))


@dataclass(frozen=True, slots=True)
class ExternalEvaluation(_Identity):
    """What an outside service said of this login."""

    kind: ClassVar[str] = "external_evaluation"
    members: ClassVar[tuple[str, ...]] = ("evaluate_url", "keys_url")
    evaluate_url: str
    keys_url: str

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        for url in (value["evaluate_url"], value["keys_url"]):
            if not url.startswith(("https://", "http://")):
                raise InvalidRule(f"`{url}` is not an http or https URL")
        return cls(value["evaluate_url"], value["keys_url"])

    def matches(self, evidence: Evidence) -> Match:
        outcome = evidence.evaluations.get((self.evaluate_url, self.keys_url))
        return _of_person(evidence, lambda person: outcome)

    def saw(self, evidence: Evidence) -> str:
        outcome = evidence.evaluations.get((self.evaluate_url, self.keys_url))
        return "not evaluated" if outcome is None else str(outcome).lower()


def claim_values(value: object) -> frozenset[str]:
    """The texts a claim can be matched by: each item of a list; numbers as their JSON text."""
    items = value if isinstance(value, list | tuple) else [value]
    return frozenset(
        item if isinstance(item, str) else json.dumps(item)
        for item in items
        if item is not None and not isinstance(item, dict | list)
    )


@dataclass(frozen=True, slots=True)
class OidcClaim(_Identity):
    """A claim of the provider the person logged in with; whole values only."""

    kind: ClassVar[str] = "oidc"
    members: ClassVar[tuple[str, ...]] = (
        "claim_name",
        "claim_value",
        "identity_provider_id",
    )
    name: str
    value: str
    idp: IdpId

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls(
            value["claim_name"],
            value["claim_value"],
            IdpId(value["identity_provider_id"]),
        )

    def matches(self, evidence: Evidence) -> Match:
        return _of_person(evidence, self._test)

    def _test(self, person: Identity) -> bool | None:
        if person.idp_id != self.idp:
            return False
        if self.name.lower() == "groups":
            return None if person.groups is None else self.value in person.groups
        held = person.claims.get(self.name)
        return None if held is None and person.partial else self.value in claim_values(held)

    def saw(self, evidence: Evidence) -> str:
        return _person(evidence, self._shown)

    def _shown(self, person: Identity) -> object:
        held = person.groups if self.name.lower() == "groups" else person.claims.get(self.name)
        return json.dumps(held, default=str)


class _IdpGroup(_Identity):
    idp: IdpId

    def _in(self, evidence: Evidence, test: Callable[[tuple[str, ...]], bool]) -> Match:
        def check(person: Identity) -> bool | None:
            if person.idp_id != self.idp:
                return False
            return None if person.groups is None else test(person.groups)

        return _of_person(evidence, check)

    def saw(self, evidence: Evidence) -> str:
        return _person(evidence, lambda person: json.dumps(person.groups))


@dataclass(frozen=True, slots=True)
class EntraGroup(_IdpGroup):
    """An Entra group, by its id."""

    kind: ClassVar[str] = "azureAD"
    members: ClassVar[tuple[str, ...]] = ("id", "identity_provider_id")
    id: str
    idp: IdpId

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls(value["id"], IdpId(value["identity_provider_id"]))

    def matches(self, evidence: Evidence) -> Match:
        return self._in(evidence, lambda groups: self.id in groups)


@dataclass(frozen=True, slots=True)
class OktaGroup(_IdpGroup):
    """An Okta group, by its name."""

    kind: ClassVar[str] = "okta"
    members: ClassVar[tuple[str, ...]] = ("name", "identity_provider_id")
    name: str
    idp: IdpId

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls(value["name"], IdpId(value["identity_provider_id"]))

    def matches(self, evidence: Evidence) -> Match:
        return self._in(evidence, lambda groups: self.name in groups)


@dataclass(frozen=True, slots=True)
class GoogleGroup(_IdpGroup):
    """A Google Workspace group, by its address."""

    kind: ClassVar[str] = "gsuite"
    members: ClassVar[tuple[str, ...]] = ("email", "identity_provider_id")
    email: str
    idp: IdpId

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls(value["email"].lower(), IdpId(value["identity_provider_id"]))

    def matches(self, evidence: Evidence) -> Match:
        return self._in(evidence, lambda groups: self.email in {name.lower() for name in groups})


@dataclass(frozen=True, slots=True)
class GithubOrganization(_IdpGroup):
    """A GitHub organisation, or one of its teams; compared by slug."""

    kind: ClassVar[str] = "github-organization"
    members: ClassVar[tuple[str, ...]] = ("name", "identity_provider_id")
    optional: ClassVar[tuple[str, ...]] = ("team",)
    slug: str
    idp: IdpId

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        team = value.get("team")
        slug = f"{value['name']}/{team}" if team else value["name"]
        return cls(slug.lower(), IdpId(value["identity_provider_id"]))

    def matches(self, evidence: Evidence) -> Match:
        return self._in(evidence, lambda groups: self.slug in {name.lower() for name in groups})


class _Sourceless(_Base):
    """Stored and read back, but nothing here can answer it: always unknown."""

    source: ClassVar[bool] = False

    @classmethod
    def parse(cls, value: Mapping[str, Any], lookup: Lookup) -> Self:
        return cls()

    def matches(self, evidence: Evidence) -> Match:
        return Match.UNKNOWN

    def saw(self, evidence: Evidence) -> str:
        return "no source"


class DevicePosture(_Sourceless):
    """A device posture check."""

    kind: ClassVar[str] = "device_posture"
    members: ClassVar[tuple[str, ...]] = ("integration_uid",)
    optional: ClassVar[tuple[str, ...]] = ("account_id",)
    each_request: ClassVar[bool] = True


class UserRiskScore(_Sourceless):
    """A risk score of the person."""

    kind: ClassVar[str] = "user_risk_score"
    members: ClassVar[tuple[str, ...]] = ("user_risk_score",)
    each_request: ClassVar[bool] = True
    identity: ClassVar[bool] = True


class AccountMember(_Sourceless):
    """Membership of a Cloudflare account."""

    kind: ClassVar[str] = "cloudflare_account_member"
    optional: ClassVar[tuple[str, ...]] = ("account_id",)
    identity: ClassVar[bool] = True


class AuthContext(_Sourceless):
    """An Entra authentication context."""

    kind: ClassVar[str] = "auth_context"
    members: ClassVar[tuple[str, ...]] = ("id", "ac_id", "identity_provider_id")
    identity: ClassVar[bool] = True


class SamlAttribute(_Sourceless):
    """An attribute of a SAML provider."""

    kind: ClassVar[str] = "saml"
    members: ClassVar[tuple[str, ...]] = (
        "attribute_name",
        "attribute_value",
        "identity_provider_id",
    )
    identity: ClassVar[bool] = True


ALL: tuple[type[Selector], ...] = (
    Email,
    EmailDomain,
    EmailList,
    Everyone,
    Ip,
    IpList,
    Geo,
    Certificate,
    CommonName,
    ServiceTokenSelector,
    AnyValidServiceToken,
    LinkedAppToken,
    LoginMethod,
    AuthMethod,
    ExternalEvaluation,
    OidcClaim,
    EntraGroup,
    OktaGroup,
    GoogleGroup,
    GithubOrganization,
    DevicePosture,
    UserRiskScore,
    AccountMember,
    AuthContext,
    SamlAttribute,
)
BY_KIND: Mapping[str, type[Selector]] = {selector.kind: selector for selector in ALL}


def parse(kind: str, value: Mapping[str, Any], lookup: Lookup) -> Selector:
    """The selector of a rule; raises InvalidRule when its kind or a member is not right."""
    selector = BY_KIND.get(kind)
    if selector is None:
        raise InvalidRule(f"unknown selector `{kind}`")
    for member in selector.members:
        if member not in value:
            raise InvalidRule(f"{member} is a required field of `{kind}`")
    for member, inner in value.items():
        _check_member(selector, member, inner)
    return selector.parse(value, lookup)


def _check_member(selector: type[Selector], member: str, inner: object) -> None:
    if member not in selector.members and member not in selector.optional:
        raise InvalidRule(f"`{selector.kind}` has no member `{member}`")
    if member == "user_risk_score":
        levels = {"low", "medium", "high", "unscored"}
        if not isinstance(inner, list) or not inner or not levels.issuperset(map(str, inner)):
            raise InvalidRule("user_risk_score is a list of low, medium, high, unscored")
    elif not isinstance(inner, str) or not inner.strip():
        if not (inner is None and member in selector.optional):
            raise InvalidRule(f"{member} of `{selector.kind}` must be a text that is not empty")
