"""What a request may present: service tokens, linked tokens, bearers, cookies, and which counts."""

import hashlib
import json
import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lychgate.core.credentials import (
    MAX_COOKIES,
    Malformed,
    ServicePair,
    authenticate,
    holds_service_token,
    service_pair,
)
from lychgate.core.decision import Allow, Challenge, Deny, Reason, Redirect
from lychgate.core.identity import Service, User
from lychgate.core.keys import seal
from lychgate.core.model import (
    Action,
    Application,
    CookieSettings,
    Organization,
    Revocation,
    RevocationKind,
    TokenId,
)
from lychgate.core.revocations import Revocations
from lychgate.core.session import MANAGED_PURPOSE, SAAS_PURPOSE
from lychgate.core.snapshot import Snapshot
from lychgate.core.tokens import sign
from tests.core.s1 import (
    ADM,
    ALICE,
    APPS,
    BOB,
    LAX,
    MALLORY,
    PAIR,
    POLICIES,
    PUB,
    ROOT,
    S1,
    ST1,
    B,
    C,
    ask,
    cookie,
    outcome,
    token,
)
from tests.support.builders import (
    NOW,
    SECRET,
    a_certificate,
    a_group,
    a_policy,
    a_request,
    a_service_token,
    a_snapshot,
    a_team_token,
    a_token,
    an_app,
    claims_for,
    rule,
    sealing_key,
    signing_key,
)

B_URL = "https://b.example/"


def pair(client_id: str | tuple[str, ...], secret: str | tuple[str, ...]) -> dict[str, Any]:
    return {"cf-access-client-id": client_id, "cf-access-client-secret": secret}


# S rows: service tokens


WRONG = (
    pair("unknown.access", SECRET),
    pair("st1.access", "wrong"),
    pair("st1.access", "x" * len(SECRET)),
    pair("st1.access", "\u00e9" * len(SECRET)),
    pair("st1.access", "s" * 1_000_000),
    pair("st1.access", ""),
    pair("", SECRET),
    pair("", ""),
    {"cf-access-client-id": "st1.access"},
    {"cf-access-client-secret": SECRET},
)


@pytest.mark.parametrize("headers", WRONG)
def test_S01_guessing(headers: dict[str, str]) -> None:
    strict = ask(B_URL, headers)
    assert outcome(strict) == "401"
    assert strict.because.reason is Reason.SERVICE_TOKEN_INVALID
    assert outcome(ask(B_URL, headers, snapshot=LAX)) == "LOGIN b"


def test_S01_wrong_and_unknown_are_answered_alike() -> None:
    answers = {
        (decision.status, decision.headers)
        for headers in WRONG
        if isinstance(decision := ask(B_URL, headers), Deny)
    }
    assert len(answers) == 1


def test_S01_wrong_and_unknown_take_the_same_time() -> None:
    def cost(client_id: str) -> float:
        guess = ServicePair(client_id, "wrong")
        started = time.perf_counter()
        for _ in range(2000):
            assert authenticate(guess, S1, NOW) is None
        return time.perf_counter() - started

    known = min(cost("st1.access") for _ in range(5))
    unknown = min(cost("nobody.access") for _ in range(5))
    assert abs(known - unknown) < max(0.25 * known, 0.002)


@pytest.mark.parametrize(
    ("service", "headers", "detail"),
    [
        ({}, pair("st1.access", "wrong"), "wrong secret"),
        ({"enabled": False}, PAIR, "disabled"),
        ({"expires_at": NOW}, PAIR, "expired"),
        ({}, pair("unknown.access", "x"), "unknown client id"),
        ({}, {"cf-access-client-id": "st1.access"}, "malformed"),
    ],
)
def test_the_log_knows_why_and_only_of_tokens_that_exist(
    service: dict[str, Any], headers: dict[str, str], detail: str
) -> None:
    snapshot = a_snapshot(*APPS, *POLICIES, a_service_token(**service))
    because = ask(B_URL, headers, snapshot=snapshot).because
    assert because.detail == detail
    named = detail not in ("unknown client id", "malformed")
    assert isinstance(because.principal, Service) is named


def test_a_good_pair_enters_with_a_token_of_its_own() -> None:
    for snapshot, lasting in ((S1, False), (LAX, True)):
        decision = ask(B_URL, PAIR, snapshot=snapshot)
        assert isinstance(decision, Allow)
        assert decision.because.principal == Service(
            "st1.access", "st1", TokenId("st1"), "st1.access"
        )
        assert decision.mint is not None
        claims = decision.mint.claims
        assert (claims["sub"], claims["common_name"]) == ("", "st1.access")
        assert claims["aud"] == [B.audience]
        assert "email" not in claims
        assert (decision.mint.cookie is not None) is lasting


def test_a_good_pair_that_is_not_allowed_here_is_refused() -> None:
    assert outcome(ask("https://a.example/", PAIR)) == "DENY"
    assert outcome(ask("https://a.example/", PAIR, snapshot=LAX)) == "LOGIN root"
    assert outcome(ask(B_URL, pair("st2.access", SECRET))) == "DENY"


def test_bypass_is_heard_before_a_bad_pair() -> None:
    assert outcome(ask("https://a.example/public/x", WRONG[1])) == "OK(bypassed) pub"
    policies = [
        a_policy("net", Action.SERVICE_AUTH, [rule("everyone")]),
        a_policy("open", Action.BYPASS, [rule("ip", ip="203.0.113.0/24")]),
    ]
    snapshot = a_snapshot(an_app("app", policies=["net", "open"]), *policies)
    bad = ask("https://app.example/", WRONG[1], snapshot=snapshot)
    assert (bad.because.reason, bad.because.policy) == (Reason.BYPASSED, "open")
    none = ask("https://app.example/", snapshot=snapshot)
    assert none.because.policy == "net"


def test_strict_service_tokens_decide_alone() -> None:
    both = PAIR | cookie(token(ROOT))
    assert outcome(ask("https://a.example/", both)) == "DENY"
    assert outcome(ask("https://a.example/", WRONG[1] | cookie(token(ROOT)))) == "401"
    assert outcome(ask("https://a.example/", both, snapshot=LAX)) == "OK(alice@staff.example) root"


def lives(**more: Any) -> str:
    service = a_service_token("st1", **more)
    return outcome(ask(B_URL, PAIR, snapshot=a_snapshot(*APPS, *POLICIES, service)))


SOON, PAST = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)
OLD = {"secret_hash": hashlib.sha256(b"new").digest()}
IS_OLD = OLD | {"previous_secret_hash": hashlib.sha256(SECRET.encode()).digest()}


@pytest.mark.parametrize(
    ("more", "good"),
    [
        ({}, True),
        ({"enabled": False}, False),
        ({"expires_at": SOON}, True),
        ({"expires_at": NOW}, False),
        ({"expires_at": PAST}, False),
        (OLD, False),
        (IS_OLD, False),
        (IS_OLD | {"previous_expires_at": SOON}, True),
        (IS_OLD | {"previous_expires_at": NOW}, False),
        (IS_OLD | {"previous_expires_at": SOON, "enabled": False}, False),
        (IS_OLD | {"previous_expires_at": SOON, "expires_at": PAST}, False),
    ],
)
def test_S03_the_life_of_a_service_token(more: dict[str, Any], good: bool) -> None:
    assert lives(**more) == ("OK(service_auth) b" if good else "401")


HEADER_APP = an_app(
    "app", policies=["machine"], service_token_header="authorization", allow_encoded_slash=False
)
SINGLE = json.dumps(PAIR)


def single(*values: str, **more: str) -> Any:
    headers: dict[str, Any] = {"authorization": values} | more
    snapshot = a_snapshot(HEADER_APP, *POLICIES[-1:], ST1)
    return ask("https://app.example/", headers, snapshot=snapshot)


DUPLICATES = (
    pair(("st1.access", "st1.access"), SECRET),
    pair("st1.access", (SECRET, SECRET)),
    pair("st1.access,st1.access", SECRET),
    pair("st1.access", f"{SECRET},{SECRET}"),
    pair(("st1.access", "st2.access"), (SECRET, SECRET)),
)


@pytest.mark.parametrize("headers", DUPLICATES)
def test_S04_duplicates(headers: dict[str, str]) -> None:
    assert outcome(ask(B_URL, headers)) == "401"
    assert outcome(ask(B_URL, headers, snapshot=LAX)) == "LOGIN b"


def test_S04_both_ways_at_once_are_neither() -> None:
    assert isinstance(single(SINGLE), Allow)
    assert outcome(single(SINGLE, **PAIR)) == "401"
    assert outcome(single(SINGLE, SINGLE)) == "401"
    assert outcome(single(SINGLE, "Bearer x")) == "401"
    assert isinstance(single("Bearer x", **PAIR), Allow)


@pytest.mark.parametrize(
    ("value", "strict"),
    [
        (SINGLE, "OK(service_auth) app"),
        (
            SINGLE.upper().replace(SECRET.upper(), SECRET).replace("ST1.ACCESS", "st1.access"),
            "OK(service_auth) app",
        ),
        ("  " + SINGLE, "OK(service_auth) app"),
        ("Bearer x", "DENY"),
        ("{", "DENY"),
        ("{}", "DENY"),
        ("[]", "DENY"),
        ('{"a": 1}', "DENY"),
        ("{" * 2000, "DENY"),
        ('{"a":' * 400, "DENY"),
        ('{"a": ' + "9" * 1990 + "}", "DENY"),
        ("{" + "x" * 100_000, "DENY"),
        (json.dumps({"x": PAIR}), "DENY"),
        (json.dumps({"cf-access-client-id": "st1.access"}), "401"),
        (json.dumps({"cf-access-client-secret": SECRET}), "401"),
        (json.dumps(PAIR | {"cf-access-client-id": 7}), "401"),
        (json.dumps(PAIR | {"cf-access-client-secret": [SECRET]}), "401"),
        (json.dumps(PAIR | {"cf-access-client-secret": ""}), "401"),
        (json.dumps(PAIR | {"cf-access-client-secret": "\u00e9"}), "401"),
        (SINGLE[:-1] + ', "cf-access-client-id": "st1.access"}', "401"),
        (SINGLE[:-1] + ', "CF-Access-Client-Id": "st1.access"}', "401"),
        (SINGLE[:-1] + ', "x": "' + "y" * 100_000 + '"}', "401"),
    ],
)
def test_S05_the_single_header(value: str, strict: str) -> None:
    decision = single(value)
    assert outcome(decision) == strict
    if isinstance(decision, Allow):
        assert "authorization" in decision.remove_headers


def test_S05_a_foreign_value_of_the_single_header_reaches_the_origin() -> None:
    decision = single("Bearer x", **PAIR)
    assert isinstance(decision, Allow)
    assert "authorization" not in decision.remove_headers
    assert holds_service_token(SINGLE) and not holds_service_token("Bearer x")


def test_a_header_nobody_configured_is_not_looked_at() -> None:
    request = a_request(headers={"authorization": SINGLE})
    assert service_pair(request, None) is None
    assert service_pair(request, "authorization") == ServicePair("st1.access", SECRET)
    assert service_pair(a_request(headers=PAIR), "x-other") == ServicePair("st1.access", SECRET)
    assert service_pair(a_request(headers=DUPLICATES[0]), None) is Malformed.MALFORMED


# S06, S07: linked tokens


def linked(text: str, url: str = B_URL, snapshot: Snapshot = S1, now: datetime = NOW) -> Any:
    return ask(url, {"cf-access-token": text}, snapshot=snapshot, now=now)


def test_S06_only_a_token_of_the_linked_application_enters() -> None:
    assert outcome(linked(token(ROOT))) == "OK(alice@staff.example) b"
    assert outcome(linked(token(ROOT), "https://l.example/")) == (
        "OK(alice@staff.example) linked-only"
    )
    for text in (
        token(PUB),
        token(ADM),
        a_team_token(ALICE),
        token(ROOT, issued=NOW - timedelta(hours=3)),
        token(ROOT, iss="https://other.example"),
        token(ROOT, type="meta", aud=ROOT.audience),
        "x.y.z",
    ):
        assert outcome(linked(text)) == "LOGIN b"
        assert outcome(linked(text, "https://l.example/")) == "DENY"
    assert outcome(linked(token(B), "https://a.example/")) == "LOGIN root"


@pytest.mark.parametrize(
    "revocation",
    [
        (RevocationKind.USER, ALICE.subject),
        (RevocationKind.SESSION, "session-1"),
        (RevocationKind.APP, "root"),
    ],
)
def test_S06_what_is_revoked_at_the_source_is_revoked_here(
    revocation: tuple[RevocationKind, str],
) -> None:
    ended = Revocations().adding(
        [Revocation(*revocation, NOW - timedelta(minutes=1), NOW + timedelta(days=1))], NOW
    )
    snapshot = replace(S1, revocations=ended)
    assert outcome(linked(token(ROOT), snapshot=snapshot)) == "LOGIN b"
    assert outcome(linked(token(ROOT, issued=NOW), snapshot=snapshot)) == (
        "OK(alice@staff.example) b"
    )


def test_S06_a_token_older_than_the_policies_of_its_application_is_dead_here_too() -> None:
    policies = tuple(
        replace(p, rules_changed_at=NOW - timedelta(seconds=30)) if p.id == "staff" else p
        for p in POLICIES
    )
    snapshot = a_snapshot(*APPS, *policies, ST1)
    assert outcome(linked(token(ROOT), "https://l.example/", snapshot)) == "DENY"
    fresh = token(ROOT, issued=NOW - timedelta(seconds=29))
    assert outcome(linked(fresh, "https://l.example/", snapshot)).startswith("OK(alice")


def assertion(decision: Any, **changes: Any) -> str:
    """The token that the gate would mint for an admission."""
    assert isinstance(decision, Allow)
    assert decision.mint is not None
    return sign(dict(decision.mint.claims) | changes, signing_key())


def test_S07_laundering() -> None:
    at_b = linked(token(ROOT, life=timedelta(minutes=10)))
    text = assertion(at_b)
    claims = at_b.mint.claims
    assert claims["linked_from"] == "root"
    assert claims["aud"] == [B.audience]
    assert claims["exp"] == int((NOW + timedelta(minutes=9)).timestamp())
    assert outcome(linked(text, "https://c.example/")) == "OK(alice@staff.example) c"
    assert outcome(linked(token(ROOT), "https://c.example/")) == "DENY"
    assert outcome(linked(text, B_URL)) == "LOGIN b"
    assert outcome(ask(B_URL, cookie(text))) == "LOGIN b"
    assert outcome(linked(text, "https://a.example/")) == "LOGIN root"
    at_c = linked(text, "https://c.example/")
    assert at_c.mint.claims["linked_from"] == "root"
    assert at_c.mint.claims["exp"] == claims["exp"]
    assert at_c.because.principal == User(
        ALICE.subject, ALICE.email, "session-1", at_c.because.policy, ROOT.id
    )


def test_S07_the_end_of_the_first_application_ends_the_chain() -> None:
    text = assertion(linked(token(ROOT)))
    ended = Revocations().adding(
        [Revocation(RevocationKind.APP, "root", NOW - timedelta(seconds=30), NOW + timedelta(1))],
        NOW,
    )
    assert outcome(linked(text, "https://c.example/", replace(S1, revocations=ended))) == "DENY"
    changed = replace(ROOT, rules_changed_at=NOW - timedelta(seconds=30))
    others = [app for app in APPS if app.id != "root"]
    edited = a_snapshot(changed, *others, *POLICIES, ST1)
    assert outcome(linked(text, "https://c.example/", edited)) == "DENY"
    gone = replace(S1, apps={id: app for id, app in S1.apps.items() if id != "root"})
    assert outcome(linked(text, "https://c.example/", gone)) == "DENY"


def test_a_linked_token_takes_no_binding_and_no_facts_along() -> None:
    decision = linked(token(ROOT, facts=7, binding="x" * 64, common_name="ignored"))
    assert {"binding", "facts", "nbf"}.isdisjoint(decision.mint.claims)
    assert decision.mint.claims["policy_id"] == "from-root"


def test_a_linked_machine_stays_a_machine_and_dies_with_its_token() -> None:
    machines = a_policy("machine", Action.SERVICE_AUTH, [rule("service_token", token_id="st1")])
    apps = (an_app("a", policies=["machine"]), an_app("z", policies=["from-a"]))
    from_a = a_policy("from-a", Action.SERVICE_AUTH, [rule("linked_app_token", app_uid="a")])
    snapshot = a_snapshot(*apps, machines, from_a, ST1)
    text = assertion(ask("https://a.example/", PAIR, snapshot=snapshot))
    entered = linked(text, "https://z.example/", snapshot)
    assert isinstance(entered, Allow)
    assert entered.because.principal == Service("st1.access", "st1.access")
    assert "email" not in entered.mint.claims  # type: ignore[union-attr]
    for dead in (a_service_token(enabled=False), a_service_token(expires_at=PAST)):
        later = a_snapshot(*apps, machines, from_a, dead)
        assert isinstance(linked(text, "https://z.example/", later), Deny)


def test_a_linked_nobody_is_nobody() -> None:
    net = a_policy("net", Action.SERVICE_AUTH, [rule("ip", ip="203.0.113.0/24")])
    from_a = a_policy("from-a", Action.SERVICE_AUTH, [rule("linked_app_token", app_uid="a")])
    snapshot = a_snapshot(
        an_app("a", policies=["net"]), an_app("z", policies=["from-a"]), net, from_a
    )
    text = assertion(ask("https://a.example/", snapshot=snapshot))
    entered = linked(text, "https://z.example/", snapshot)
    assert entered.because.principal == Service("", "")
    assert "common_name" not in entered.mint.claims


def test_a_linked_rule_may_stand_in_a_group() -> None:
    inner = a_group("inner", [rule("linked_app_token", app_uid="root")])
    outer = a_group("outer", [rule("group", id="inner")], require=[rule("everyone")])
    policy = a_policy(
        "p", Action.SERVICE_AUTH, [rule("ip", ip="10.0.0.1"), rule("group", id="outer")]
    )
    app = an_app("n", policies=["p"])
    snapshot = a_snapshot(*APPS, app, policy, *POLICIES, ST1, inner, outer)
    assert outcome(linked(token(ROOT), "https://n.example/", snapshot)).startswith("OK(alice")
    net = a_policy("p", Action.SERVICE_AUTH, [rule("ip", ip="203.0.113.0/24")])
    plain = a_snapshot(*APPS, app, net, *POLICIES, ST1)
    entered = linked(token(ROOT), "https://n.example/", plain)
    assert entered.because.principal == Service("", "")


def test_a_rule_about_people_sees_the_person_of_a_linked_token() -> None:
    both = a_policy(
        "both",
        Action.SERVICE_AUTH,
        [rule("linked_app_token", app_uid="root")],
        require=[rule("email", email=ALICE.email)],
    )
    nested = an_app("n", policies=["both"])
    snapshot = a_snapshot(*APPS, nested, both, *POLICIES, ST1)
    assert isinstance(linked(token(ROOT), "https://n.example/", snapshot), Allow)
    assert isinstance(linked(token(ROOT, BOB), "https://n.example/", snapshot), Deny)
    assert isinstance(ask("https://n.example/", snapshot=snapshot), Deny)


# S08: several credentials in one request


def test_S08_two_identities() -> None:
    everything = PAIR | {"cf-access-token": token(ROOT, ALICE)} | cookie(token(B, BOB))
    for snapshot in (S1, LAX):
        decision = ask(B_URL, everything, snapshot=snapshot)
        assert decision.because.principal == Service(
            "st1.access", "st1", TokenId("st1"), "st1.access"
        )
        assert decision.because.policy == "machine"
    no_pair = {"cf-access-token": token(ROOT, ALICE)} | cookie(token(B, BOB))
    assert outcome(ask(B_URL, no_pair)) == "OK(alice@staff.example) b"
    own = {"cf-access-token": token(B, ALICE)} | cookie(token(B, BOB))
    assert outcome(ask(B_URL, own)) == "OK(alice@staff.example) b"
    bad = {"cf-access-token": "x.y.z"} | cookie(token(B, BOB))
    assert outcome(ask(B_URL, bad)) == "LOGIN b"
    twice = {"cf-access-token": (token(B), token(B))}
    assert outcome(ask(B_URL, twice)) == "LOGIN b"


def test_S08_one_policy_with_both_counts_the_service_token_first() -> None:
    either = a_policy(
        "either",
        Action.SERVICE_AUTH,
        [rule("linked_app_token", app_uid="root"), rule("any_valid_service_token")],
    )
    needs = a_policy(
        "needs",
        Action.SERVICE_AUTH,
        [rule("linked_app_token", app_uid="root")],
        require=[rule("any_valid_service_token")],
    )
    for policy, kind in ((either, Service), (needs, User)):
        app = an_app("app", policies=[policy.id])
        snapshot = a_snapshot(*APPS, app, *POLICIES, policy, ST1)
        headers = PAIR | {"cf-access-token": token(ROOT)}
        decision = ask("https://app.example/", headers, snapshot=snapshot)
        assert isinstance(decision.because.principal, kind)


# machines with a cookie


def test_a_machines_cookie_serves_while_its_service_token_is_good() -> None:
    text = assertion(ask(B_URL, PAIR, snapshot=LAX))
    assert outcome(ask(B_URL, cookie(text), snapshot=LAX)) == "OK(service_auth) b"
    assert outcome(ask(B_URL, cookie(text))) == "LOGIN b"
    lax = Organization(strict_service_tokens=False)
    for dead in (a_service_token(enabled=False), a_service_token(expires_at=PAST)):
        snapshot = a_snapshot(*APPS, *POLICIES, dead, organization=lax)
        assert outcome(ask(B_URL, cookie(text), snapshot=snapshot)) == "LOGIN b"
    others = tuple(
        replace(p, include=(rule("service_token", token_id="st2"),)) if p.id == "machine" else p
        for p in POLICIES
    )
    st2 = a_service_token("st2")
    moved = a_snapshot(*APPS, *others, ST1, st2, organization=lax)
    decision = ask(B_URL, cookie(text), snapshot=moved)
    assert (outcome(decision), decision.because.reason) == ("LOGIN b", Reason.TOKEN_OUTDATED)


def test_a_certificate_cannot_pass_for_a_service_token_of_its_name() -> None:
    certificates = a_policy("cert", Action.SERVICE_AUTH, [rule("certificate")])
    machine = a_policy("machine", Action.SERVICE_AUTH, [rule("service_token", token_id="st1")])
    lax = Organization(strict_service_tokens=False)
    app = an_app("app", policies=["cert", "machine"])
    snapshot = a_snapshot(app, certificates, machine, ST1, organization=lax)
    entered = ask(
        "https://app.example/", certificate=a_certificate("st1.access"), snapshot=snapshot
    )
    text = assertion(entered)
    assert isinstance(ask("https://app.example/", cookie(text), snapshot=snapshot), Deny)


# C rows


def test_C01_cookie_tossing() -> None:
    foreign, own = token(ADM, MALLORY), token(ROOT)
    for texts in ((foreign, own), (own, foreign)):
        decision = ask("https://a.example/", cookie(*texts, more="k=v"))
        assert outcome(decision) == "OK(alice@staff.example) root"
        assert isinstance(decision, Allow)
        assert decision.cookie == f"CF_Authorization={own}; k=v"
    for texts in ((token(ROOT, BOB), own), (own, token(ROOT, BOB))):
        decision = ask("https://a.example/", cookie(*texts))
        assert outcome(decision) == "LOGIN root"
        assert decision.because.reason is Reason.AMBIGUOUS_SESSION
    again = token(ROOT, session="session-2")
    assert outcome(ask("https://a.example/", cookie(own, again))).startswith("OK(alice")


def test_C01_so_many_cookies_are_looked_at_and_no_more() -> None:
    junk = [f"junk{n}" for n in range(MAX_COOKIES - 1)]
    assert isinstance(ask("https://a.example/", cookie(*junk, token())), Allow)
    assert isinstance(ask("https://a.example/", cookie(*junk, "one more", token())), Redirect)


def test_C02_split_cookie_lines() -> None:
    lines = {"cookie": ("a=1", f"CF_Authorization={token()}; b=2")}
    decision = ask("https://a.example/", lines)
    assert isinstance(decision, Allow)
    assert decision.cookie == f"a=1; CF_Authorization={token()}; b=2"
    joined = {"cookie": f"CF_Authorization={token()},CF_Authorization={token()}"}
    assert outcome(ask("https://a.example/", joined)) == "LOGIN root"


@pytest.mark.parametrize(
    "line",
    [
        "=CF_Authorization=evil; CF_Authorization={}",
        "a=1; bad[=x; CF_Authorization={}",
        'x="; CF_Authorization={}; y="',
        ";;; ; CF_Authorization={};",
        "CF_Authorization=; CF_Authorization={}",
        "a\x00b=c; CF_Authorization={}",
        "CF_Authorization=\u00e9; CF_Authorization={}",
        "=; CF_Authorization={}; =x",
    ],
)
def test_C03_malformed_cookies(line: str) -> None:
    text = token()
    decision = ask("https://a.example/", {"cookie": line.format(text)})
    assert outcome(decision) == "OK(alice@staff.example) root"
    assert isinstance(decision, Allow)
    assert decision.cookie is not None
    assert decision.cookie.count("CF_Authorization") == 1
    assert "evil" not in decision.cookie


@pytest.mark.parametrize(
    "name",
    [
        "cf_authorization",
        "CF_Authorization ",
        "__Host-CF_Authorization",
        "CF_Authorization[0]",
        "CF-Authorization",
        "",
    ],
)
def test_C04_near_names(name: str) -> None:
    assert outcome(ask("https://a.example/", {"cookie": f"{name}={token()}"})) == "LOGIN root"
    decision = ask("https://a.example/", {"cookie": f"{name}=evil; CF_Authorization={token()}"})
    assert isinstance(decision, Allow)


def bound_app() -> Application:
    return an_app("app", cookie=CookieSettings(binding=True))


BOUND = hashlib.sha256(b"mine").hexdigest()


@pytest.mark.parametrize(
    ("binding", "more", "good"),
    [
        (BOUND, "CF_Binding=mine", True),
        (BOUND, "", False),
        (BOUND, "CF_Binding=theirs", False),
        (BOUND, "CF_Binding=mine; CF_Binding=theirs", False),
        (BOUND, "CF_Binding=mine; CF_Binding=mine", False),
        (BOUND, "CF_Binding=\u0169", False),
        (None, "CF_Binding=mine", False),
        ("\u00e9", "CF_Binding=mine", False),
        (["x"], "CF_Binding=mine", False),
    ],
)
def test_C09_binding_cookie(binding: Any, more: str, good: bool) -> None:
    snapshot = a_snapshot(bound_app())
    text = a_token(bound_app(), binding=binding)
    for headers in (cookie(text, more=more), {"cf-access-token": text, "cookie": more}):
        decision = ask("https://app.example/", headers, snapshot=snapshot)
        assert isinstance(decision, Allow) is good
        if isinstance(decision, Allow):
            assert "CF_Binding" not in (decision.cookie or "")
        else:
            assert decision.because.reason is Reason.BINDING_MISSING


def test_C10_an_edit_of_the_policies_ends_what_they_had_admitted() -> None:
    edited = a_policy(rules_changed_at=NOW - timedelta(seconds=60))
    snapshot = a_snapshot(an_app("app"), edited)
    same_second = a_token(an_app("app"), issued=NOW - timedelta(seconds=60))
    decision = ask("https://app.example/", cookie(same_second), snapshot=snapshot)
    assert decision.because.reason is Reason.TOKEN_OUTDATED
    newer = a_token(an_app("app"), issued=NOW - timedelta(seconds=59))
    assert isinstance(ask("https://app.example/", cookie(newer), snapshot=snapshot), Allow)


@pytest.mark.parametrize("policy", ["gone", "", "block"])
def test_a_token_of_a_policy_that_admits_nobody_is_outdated(policy: str) -> None:
    block = a_policy("block", Action.DENY, [rule("email", email="x@y.example")])
    snapshot = a_snapshot(an_app("app", policies=["block", "staff"]), block, a_policy())
    text = a_token(an_app("app"), policy=policy)
    decision = ask("https://app.example/", cookie(text), snapshot=snapshot)
    assert decision.because.reason is Reason.TOKEN_OUTDATED


def test_C08_the_second_of_a_revocation_counts_as_revoked() -> None:
    ended = Revocations().adding(
        [Revocation(RevocationKind.USER, ALICE.subject, NOW, NOW + timedelta(days=1))], NOW
    )
    snapshot = replace(S1, revocations=ended)
    at = ask("https://a.example/", cookie(token(issued=NOW)), snapshot=snapshot)
    assert at.because.reason is Reason.TOKEN_REVOKED
    after = NOW + timedelta(seconds=1)
    text = token(issued=after)
    assert isinstance(ask("https://a.example/", cookie(text), snapshot=snapshot, now=after), Allow)


# bearer tokens of ours


def sealed(app: Application, kind: str = "oauth", **changes: Any) -> str:
    claims = claims_for(app, ALICE) | {"type": kind, "grant_id": "grant-1", "client_id": "c"}
    purpose = MANAGED_PURPOSE if kind == "oauth" else SAAS_PURPOSE
    text = seal(sealing_key(), purpose, claims | changes, b"n" * 12)
    return f"oauth:{text}" if kind == "oauth" else text


def bearer(text: str, url: str = B_URL, snapshot: Snapshot = S1) -> Any:
    return ask(url, {"authorization": f"Bearer {text}"}, snapshot=snapshot)


def test_O13_a_managed_token_is_a_session_of_its_application_alone() -> None:
    entered = bearer(sealed(B))
    assert outcome(entered) == "OK(alice@staff.example) b"
    assert "authorization" in entered.remove_headers
    assert entered.mint is not None
    assert entered.mint.claims["type"] == "app"
    assert isinstance(bearer(sealed(ROOT)), Challenge)
    assert isinstance(bearer(sealed(B)[:-1]), Challenge)
    assert isinstance(bearer(sealed(B) + "A"), Challenge)
    assert isinstance(bearer("oauth:" + token(B)), Challenge)
    assert outcome(bearer(sealed(ROOT), "https://a.example/")) == "LOGIN root"
    assert outcome(ask(B_URL, cookie(sealed(B)))) == "LOGIN b"
    assert outcome(ask(B_URL, {"cf-access-token": sealed(B)})) == "LOGIN b"


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"authorization": f"bearer {sealed(B)}"}, Allow),
        ({"authorization": f"Bearer  {sealed(B)}"}, Allow),
        ({"authorization": f"Basic {sealed(B)}"}, Redirect),
        ({"authorization": f"Bearer {token(B)}"}, Redirect),
        ({"authorization": (f"Bearer {sealed(B)}", f"Bearer {sealed(B)}")}, Challenge),
        ({"authorization": sealed(B)}, Redirect),
    ],
)
def test_O15_a_token_is_presented_in_one_way(headers: Any, said: type) -> None:
    assert isinstance(ask(B_URL, headers), said)


def test_O11_a_revoked_grant_is_dead_at_once() -> None:
    ended = Revocations().adding(
        [Revocation(RevocationKind.GRANT, "grant-1", NOW, NOW + timedelta(days=1))], NOW
    )
    assert isinstance(bearer(sealed(B), snapshot=replace(S1, revocations=ended)), Challenge)


def test_a_saas_token_enters_by_a_linked_rule_alone() -> None:
    entered = bearer(sealed(ROOT, "saas"))
    assert outcome(entered) == "OK(alice@staff.example) b"
    assert "client_id" not in entered.mint.claims
    assert "authorization" in entered.remove_headers
    assert outcome(bearer(sealed(B, "saas"), "https://a.example/")) == "LOGIN root"
    assert outcome(bearer(sealed(C, "saas"))) == "LOGIN b"
    assert outcome(bearer(sealed(ROOT, "saas", type="oauth"))) == "LOGIN b"


def test_a_foreign_bearer_is_the_origins() -> None:
    decision = ask(B_URL, cookie(token(B)) | {"authorization": "Bearer foreign.token"})
    assert isinstance(decision, Allow)
    assert "authorization" not in decision.remove_headers


def test_a_sealed_type_cannot_be_signed() -> None:
    for kind in ("oauth", "saas"):
        text = sign(claims_for(B, ALICE) | {"type": kind}, signing_key())
        assert outcome(ask(B_URL, cookie(text))) == "LOGIN b"
        assert outcome(bearer("oauth:" + text, snapshot=S1)) == "401"
