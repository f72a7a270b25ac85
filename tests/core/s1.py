"""The installation most attacks are tried on, and short ways to ask it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from lychgate.core.decide import decide
from lychgate.core.decision import Allow, Challenge, Decision, Deny, Redirect
from lychgate.core.identity import User
from lychgate.core.model import Action, Destination, ManagedOAuth, Organization, TokenId
from lychgate.core.request import Request
from lychgate.core.snapshot import Snapshot
from tests.support.builders import (
    EVERYONE,
    NOW,
    SECRET,
    STAFF,
    TEAM,
    a_policy,
    a_request,
    a_service_token,
    a_snapshot,
    a_token,
    a_user,
    an_app,
    email,
    rule,
    verifier,
)

ALICE = a_user("alice@staff.example")
BOB = a_user("bob@staff.example")
MALLORY = a_user("mallory@evil.example")

PUB = an_app("pub", Destination("a.example", "/public/*"), policies=["anyone"])
ADM = an_app("adm", "a.example/admin", policies=["admins"])
ROOT = an_app("root", "a.example")
B = an_app("b", "b.example", policies=["staff", "from-root", "machine"], oauth=ManagedOAuth())
C = an_app("c", "c.example", policies=["from-b"])
LINKED_ONLY = an_app("linked-only", "l.example", policies=["from-root"])

ST1 = a_service_token("st1")
POLICIES = (
    a_policy("anyone", Action.BYPASS, [EVERYONE]),
    a_policy("admins", include=[email("bob@staff.example")]),
    a_policy("staff", include=[STAFF]),
    a_policy("from-root", Action.SERVICE_AUTH, [rule("linked_app_token", app_uid="root")]),
    a_policy("from-b", Action.SERVICE_AUTH, [rule("linked_app_token", app_uid="b")]),
    a_policy("machine", Action.SERVICE_AUTH, [rule("service_token", token_id="st1")]),
)
APPS = (PUB, ADM, ROOT, B, C, LINKED_ONLY)
S1 = a_snapshot(*APPS, *POLICIES, ST1, a_service_token("st2", id=TokenId("st2")))
LAX = replace(
    S1, records=replace(S1.records, organization=Organization(strict_service_tokens=False))
)
OPEN = replace(
    S1, records=replace(S1.records, organization=Organization(deny_unmatched_requests=False))
)
PAIR = {"cf-access-client-id": "st1.access", "cf-access-client-secret": SECRET}
FORGED = {
    "cf-access-jwt-assertion": "forged",
    "cf-access-authenticated-user-email": "root@x",
    "cf-access-authenticated-user-id": "0",
    "cf-access-user": "root",
    "cf-access-something-new": "root",
    "x-lychgate-client-ip": "10.0.0.1",
    "x-lychgate-client-cert": "forged",
}


def ask(
    url: str | Request,
    headers: Mapping[str, str | tuple[str, ...]] | None = None,
    *,
    snapshot: Snapshot = S1,
    now: datetime = NOW,
    **more: Any,
) -> Decision:
    """What is decided about a navigation to a URL, with more headers."""
    request = url
    if isinstance(request, str):
        request = a_request(request, headers={"accept": "text/html"} | dict(headers or {}), **more)
    return decide(request, snapshot, verifier(snapshot, now), now)


def cookie(*tokens: str, more: str = "") -> dict[str, str]:
    """A Cookie header with these application tokens."""
    pairs = [f"CF_Authorization={token}" for token in tokens]
    return {"cookie": "; ".join([*pairs, more] if more else pairs)}


def outcome(decision: Decision) -> str:
    """The outcome in the words of the catalogue: `LOGIN adm`, `BAD`, `OK(alice@…) root`, …"""
    match decision:
        case Redirect(location=location) if location.startswith(f"{TEAM.url}/cdn-cgi/access/login"):
            kid = location.partition("kid=")[2].partition("&")[0]
            return "LOGIN " + next((app.name for app in APPS if app.audience == kid), "other")
        case Deny(status=status):
            return {400: "BAD", 401: "401", 403: "DENY", 405: "405", 503: "UNAV"}[status]
        case Challenge():
            return "401"
        case Allow(because=because):
            who = because.principal
            name = who.email if isinstance(who, User) else because.reason.value
            return f"OK({name}) {because.app}"
    return type(decision).__name__


def token(app: Any = ROOT, user: Any = ALICE, **more: Any) -> str:
    """An application token of the installation; bob was admitted to ADM by `admins`."""
    if app is ADM:
        more.setdefault("policy", "admins")
    return a_token(app, user, **more)
