"""Plain values for tests of the core: applications, policies, people, requests, tokens, one clock.

Everything has a default, so that a test names only what it is about. RSA keys are slow to make and
are therefore made once in a process.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from lychgate.core.identity import Identity
from lychgate.core.keys import Keyring, SealingKey, SigningKey, new_sealing_key, new_signing_key
from lychgate.core.model import (
    Action,
    AppId,
    Application,
    AppType,
    Audience,
    Destination,
    Group,
    GroupId,
    IdentityProvider,
    IdpId,
    ItemList,
    Organization,
    Policy,
    PolicyId,
    Records,
    Rule,
    ServiceToken,
    Team,
    TokenId,
)
from lychgate.core.request import ClientCertificate, Request, address, split_target
from lychgate.core.revocations import Revocations
from lychgate.core.session import Grounds, Verify, app_claims, open_token, org_claims
from lychgate.core.snapshot import Setting, Snapshot, compile_snapshot
from lychgate.core.tokens import sign

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
"""The frozen clock."""
LONG_AGO = NOW - timedelta(days=30)
TEAM = Team("https://team.example")
IDP = IdpId("idp-1")
OTHER_IDP = IdpId("idp-2")
SECRET = "cfast_" + "s" * 40


@cache
def signing_key(name: str = "current") -> SigningKey:
    """A signing key, the same for the same name."""
    return new_signing_key(LONG_AGO)


@cache
def sealing_key(name: str = "current") -> SealingKey:
    """A sealing key, the same for the same name."""
    return new_sealing_key()


@cache
def a_keyring() -> Keyring:
    """The keyring of every snapshot that asks for no other."""
    return Keyring((signing_key(),), (sealing_key(),))


def rule(kind: str, **value: object) -> Rule:
    """A rule as on the wire."""
    return Rule(kind, value)


EVERYONE = rule("everyone")
STAFF = rule("email_domain", domain="staff.example")


def email(address: str) -> Rule:
    """A rule for one address."""
    return rule("email", email=address)


def ip(network: str) -> Rule:
    """A rule for a range."""
    return rule("ip", ip=network)


def a_policy(
    id: str = "staff",
    action: Action = Action.ALLOW,
    include: Iterable[Rule] = (STAFF,),
    require: Iterable[Rule] = (),
    exclude: Iterable[Rule] = (),
    **more: Any,
) -> Policy:
    """A policy named like its id."""
    return Policy(PolicyId(id), id, action, tuple(include), tuple(require), tuple(exclude), **more)


def a_group(
    id: str,
    include: Iterable[Rule],
    require: Iterable[Rule] = (),
    exclude: Iterable[Rule] = (),
) -> Group:
    """A group named like its id."""
    return Group(GroupId(id), id, tuple(include), tuple(require), tuple(exclude))


def an_app(
    name: str = "app", *where: str | Destination, policies: Iterable[str] = ("staff",), **more: Any
) -> Application:
    """An application at the given `host/path` patterns; its id is its name."""
    destinations = tuple(
        one if isinstance(one, Destination) else _destination(one)
        for one in (where or (f"{name}.example",))
    )
    return Application(
        id=AppId(name),
        audience=Audience(hashlib.sha256(name.encode()).hexdigest()),
        name=name,
        type=AppType.SELF_HOSTED,
        destinations=destinations,
        policies=tuple(map(PolicyId, policies)),
        domain=destinations[0].host + destinations[0].path.rstrip("/"),
        **more,
    )


def _destination(pattern: str) -> Destination:
    host, slash, path = pattern.partition("/")
    return Destination(host, slash + path or "/")


def a_service_token(name: str = "st1", **more: Any) -> ServiceToken:
    """A service token whose secret is SECRET."""
    values: dict[str, Any] = {
        "id": TokenId(name),
        "name": name,
        "client_id": f"{name}.access",
        "secret_hash": hashlib.sha256(SECRET.encode()).digest(),
        "expires_at": NOW + timedelta(days=365),
    }
    return ServiceToken(**(values | more))


def records(
    *things: Application | Policy | Group | ItemList | ServiceToken,
    organization: Organization | None = None,
    idps: Iterable[IdpId] = (IDP, OTHER_IDP),
) -> Records:
    """The records that hold these, the policy `staff` when none is given, and two providers."""

    def those(kind: type[Any]) -> dict[Any, Any]:
        return {thing.id: thing for thing in things if isinstance(thing, kind)}

    return Records(
        organization=organization or Organization(),
        applications=those(Application),
        policies=those(Policy) or {PolicyId("staff"): a_policy()},
        groups=those(Group),
        lists=those(ItemList),
        identity_providers={id: IdentityProvider(id, str(id), "oidc") for id in idps},
        service_tokens=those(ServiceToken),
    )


def a_snapshot(
    *things: Application | Policy | Group | ItemList | ServiceToken,
    organization: Organization | None = None,
    keyring: Keyring | None = None,
    revocations: Revocations | None = None,
    team: Team = TEAM,
) -> Snapshot:
    """A compiled snapshot of these."""
    return compile_snapshot(
        records(*things, organization=organization),
        Setting(team, country_known=True),
        keyring or a_keyring(),
        revocations or Revocations(),
        1,
        NOW,
    )


def a_request(url: str = "https://app.example/", **more: Any) -> Request:
    """A browser's navigation to a URL; `headers` replace its headers, the rest Request's fields."""
    scheme, _, rest = url.partition("://")
    host, slash, target = rest.partition("/")
    path, query = split_target(slash + target or "/")
    headers = more.pop("headers", {"accept": "text/html"})
    values: dict[str, Any] = {
        "id": "request-1",
        "method": "GET",
        "scheme": scheme,
        "host": host,
        "path": path,
        "query": query,
        "headers": many(headers),
        "client_ip": address("203.0.113.9"),
    }
    return Request(**(values | more))


def many(headers: Mapping[str, str | tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Headers with every value a tuple."""
    return {
        name: value if isinstance(value, tuple) else (value,) for name, value in headers.items()
    }


def a_certificate(common_name: str = "svc", *, valid: bool = True) -> ClientCertificate:
    """A client certificate as a proxy reports it."""
    return ClientCertificate(common_name, valid)


def a_user(address: str = "alice@staff.example", **more: Any) -> Identity:
    """A person as the first provider described them."""
    values: dict[str, Any] = {
        "subject": str(uuid5(NAMESPACE_URL, address)),
        "email": address,
        "name": address.partition("@")[0].title(),
        "idp_id": IDP,
        "idp_type": "oidc",
        "idp_subject": f"idp|{address}",
        "auth_time": NOW - timedelta(minutes=5),
    }
    return Identity(**(values | more))


def claims_for(
    app: Application,
    user: Identity | None = None,
    *,
    policy: str = "staff",
    facts: int = 0,
    issued: datetime = NOW - timedelta(minutes=1),
    life: timedelta = timedelta(hours=1),
    session: str = "session-1",
    **changes: Any,
) -> dict[str, Any]:
    """The claims of an application token; `changes` replace members, None removes one."""
    grounds = Grounds(session, PolicyId(policy), facts)
    claims = app_claims(TEAM, app, user or a_user(), grounds, issued, life)
    claims |= changes
    return {name: value for name, value in claims.items() if value is not None}


def a_token(app: Application, user: Identity | None = None, **more: Any) -> str:
    """A signed application token; `key` chooses who signs, the rest as `claims_for`."""
    key = more.pop("key", None) or signing_key()
    return sign(claims_for(app, user, **more), key)


def a_team_token(user: Identity | None = None) -> str:
    """A signed team session."""
    issued = NOW - timedelta(minutes=1)
    claims = org_claims(TEAM, Organization(), user or a_user(), "session-1", issued)
    return sign(claims, signing_key())


def verifier(snapshot: Snapshot, now: datetime = NOW) -> Verify:
    """What the gate hands to `decide`, without its memory."""

    return lambda text: open_token(text, snapshot.keyring, now)
