"""What is measured with: configurations of any size and the requests of an ordinary browser."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lychgate.core.identity import Identity
from lychgate.core.keys import Keyring, new_sealing_key, new_signing_key
from lychgate.core.model import (
    Action,
    AppId,
    Application,
    AppType,
    Audience,
    Destination,
    IdpId,
    ManagedOAuth,
    Policy,
    PolicyId,
    Records,
    Rule,
    ServiceToken,
    Team,
    TokenId,
)
from lychgate.core.request import Request, address
from lychgate.core.revocations import Revocations
from lychgate.core.session import Grounds, app_claims
from lychgate.core.snapshot import Setting, Snapshot, compile_snapshot
from lychgate.core.tokens import sign

NOW = datetime.now(UTC)  # noqa: TID251 - a measurement reads the clock
TEAM = Team("https://team.example.com")
POLICIES = 5
"""Policies of each application."""


def host(index: int) -> str:
    """The host of an application."""
    return f"app{index}.example.com"


def records(applications: int, tokens: int = 0, *, managed: bool = False) -> Records:
    """So many applications of five policies each, and so many service tokens.

    `managed`: with managed OAuth on.
    """
    apps: dict[AppId, Application] = {}
    policies: dict[PolicyId, Policy] = {}
    for index in range(applications):
        ids = tuple(PolicyId(f"policy-{index}-{number}") for number in range(POLICIES))
        for number, id in enumerate(ids):
            policies[id] = _policy(id, number)
        app = AppId(f"app-{index}")
        apps[app] = Application(
            id=app,
            audience=Audience(f"{index:064x}"),
            name=f"application {index}",
            type=AppType.SELF_HOSTED,
            destinations=(Destination(host(index)),),
            policies=ids,
            domain=host(index),
            oauth=ManagedOAuth() if managed else None,
        )
    return Records(
        applications=apps,
        policies=policies,
        service_tokens={TokenId(str(n)): _token(n) for n in range(tokens)},
    )


def _policy(id: PolicyId, number: int) -> Policy:
    rules = (
        Rule("email_domain", {"domain": f"team{number}.example.com"}),
        Rule("email", {"email": f"person{number}@example.com"}),
    )
    return Policy(id, f"policy {number}", Action.ALLOW, rules)


def _token(number: int) -> ServiceToken:
    digest = number.to_bytes(32, "big")
    return ServiceToken(
        TokenId(str(number)),
        f"token {number}",
        f"{number:032x}.access",
        digest,
        NOW + timedelta(days=365),
    )


def snapshot(applications: int, tokens: int = 0, *, managed: bool = False) -> Snapshot:
    """A compiled configuration of that size."""
    keyring = Keyring((new_signing_key(NOW),), (new_sealing_key(),))
    content = records(applications, tokens, managed=managed)
    return compile_snapshot(content, Setting(TEAM), keyring, Revocations(), 1, NOW)


def session(snapshot: Snapshot, index: int) -> str:
    """A good application token."""
    return sign(claims(snapshot, index, timedelta(hours=24)), snapshot.keyring.current(NOW))


def claims(snapshot: Snapshot, index: int, life: timedelta) -> dict[str, Any]:
    """What a good application token says."""
    app = snapshot.apps[AppId(f"app-{index}")].app
    person = Identity(
        "5b2f6f0e", "person0@example.com", "Person", IdpId("idp"), "oidc", "1", NOW, ("staff",)
    )
    grounds = Grounds("nonce-of-a-session", app.policies[0], 0, "PT")
    return app_claims(snapshot.team, app, person, grounds, NOW, life)


def browser_request(index: int, token: str) -> Request:
    """What a browser sends: some 1.5 kB of headers and three cookies."""
    headers = {
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537",
        "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
        "accept-language": "en-GB,en;q=0.9,pt;q=0.8",
        "accept-encoding": "gzip, deflate, br, zstd",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
        "sec-fetch-site": "same-origin",
        "referer": f"https://{host(index)}/dashboard",
        "cookie": f"theme=dark; CF_AppSession={'s' * 43}; CF_Authorization={token}; lang=en",
        "x-forwarded-proto": "https",
    }
    return Request(
        id="b2f0c9f2-7d5f-4b54-9a3c-1a4c8a5f0e11",
        method="GET",
        scheme="https",
        host=host(index),
        path="/reports/2026/november",
        query="page=2",
        headers={name: (value,) for name, value in headers.items()},
        client_ip=address("192.0.2.7"),
    )
