"""The shell around `decide`: it never raises, remembers only what may be remembered, and signs."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lychgate.answer import Answer
from lychgate.core.decision import Reason
from lychgate.core.events import AccessEvent
from lychgate.core.keys import Keyring
from lychgate.core.model import (
    Action,
    Application,
    Cors,
    Organization,
    Revocation,
    RevocationKind,
    Team,
)
from lychgate.core.request import Address, Request
from lychgate.core.revocations import Revocations
from lychgate.core.session import hash_app_session
from lychgate.core.snapshot import Snapshot
from lychgate.core.tokens import Signed, verify
from lychgate.gate import Forward, Gate, Memo, Minted, Outcome, ToCompanion, View
from tests.core.s1 import ALICE, APPS, FORGED, LAX, PAIR, POLICIES, ROOT, S1, ST1, B, cookie, token
from tests.support.builders import (
    NOW,
    STAFF,
    a_keyring,
    a_policy,
    a_request,
    a_service_token,
    a_snapshot,
    a_token,
    an_app,
    rule,
    sealing_key,
    signing_key,
)


class Stand:
    """A gate with a clock, a configuration and a store that the test moves."""

    def __init__(
        self, snapshot: Snapshot | None = S1, country: Callable[[Address], str | None] | None = None
    ) -> None:
        self.now = NOW
        self.snapshot = snapshot
        self.age = timedelta(0)
        self.events: list[AccessEvent] = []
        self.gate = Gate(
            self.view, lambda: self.now, self.observe, timedelta(minutes=1), country, read=1
        )

    def view(self) -> View | None:
        return None if self.snapshot is None else View(self.snapshot, self.age)

    def observe(self, event: AccessEvent) -> None:
        self.events.append(event)

    def check(
        self,
        url: str = "https://a.example/",
        headers: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Outcome:
        return self.gate.check(
            a_request(url, headers={"accept": "text/html"} | dict(headers or {}), **more)
        )


def claims(text: str, keyring: Keyring | None = None) -> Mapping[str, Any]:
    signed = verify(text, keyring or a_keyring(), NOW)
    assert isinstance(signed, Signed)
    return signed.claims


def forward(outcome: Outcome) -> Forward:
    assert isinstance(outcome, Forward)
    return outcome


def answer(outcome: Outcome, status: int) -> Answer:
    assert isinstance(outcome, Answer)
    assert outcome.status == status
    return outcome


def assertion(outcome: Outcome) -> str:
    return dict(forward(outcome).set_headers)["cf-access-jwt-assertion"]


# failing closed


class Broken(Exception):
    """What a broken part raises."""


def broken(*args: object) -> Any:
    raise Broken


@pytest.mark.parametrize("headers", [{}, {"upgrade": "websocket"}, {"accept": "application/json"}])
def test_F01_whatever_raises_is_a_refusal(
    headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    stand = Stand()
    working = cookie(token()) | FORGED | headers
    gates = {
        "view": Gate(broken, lambda: NOW, stand.observe, timedelta(1)),
        "clock": Gate(stand.view, broken, stand.observe, timedelta(1)),
        "observe": Gate(stand.view, lambda: NOW, broken, timedelta(1)),
        "country": Gate(stand.view, lambda: NOW, stand.observe, timedelta(1), broken),
    }
    for name, gate in gates.items():
        got = answer(gate.check(a_request("https://a.example/", headers=working)), 503)
        assert got.because.reason is Reason.ERROR, name
        assert b"Broken" not in got.body and b"Traceback" not in got.body
        assert token() not in caplog.text
    noted = [(event.decision, event.because.reason) for event in stand.events]
    assert noted == [("deny", Reason.ERROR)] * 2, "what broke neither clock nor observer is noted"


def test_F02_what_cannot_be_shown_is_still_refused() -> None:
    request = a_request("https://a.example/", id="\udcff", path="/\udcfc")
    got = Stand(country=broken).gate.check(request)
    assert isinstance(got, Answer)
    assert got.status == 503
    assert Stand().gate.check(request).status in (400, 503)  # type: ignore[union-attr]


def test_F01_a_request_that_is_no_request_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    nothing: Any = a_request()
    for field in ("headers", "path", "host", "method"):
        broken_request = replace(nothing, **{field: None})
        answer(Stand().gate.check(broken_request), 503)


def test_X02_without_a_configuration_everything_is_refused() -> None:
    stand = Stand(None)
    got = answer(stand.check(headers=cookie(token())), 503)
    assert got.because.reason is Reason.STALE
    assert dict(got.headers)["retry-after"] == "5"
    assert [event.because.reason for event in stand.events] == [Reason.STALE]


def test_X01_a_stale_configuration_decides_for_as_long_as_allowed() -> None:
    stand = Stand()
    stand.age = timedelta(minutes=1)
    forward(stand.check(headers=cookie(token())))
    stand.age = timedelta(minutes=1, microseconds=1)
    answer(stand.check(headers=cookie(token())), 503)
    answer(stand.check("https://a.example/public/x"), 503)
    stand.age = timedelta(0)
    forward(stand.check(headers=cookie(token())))


# remembering signatures


def others(stand: Stand) -> None:
    """Push the token that was read last out, so that nothing but its signature is remembered."""
    for minutes in (11, 12, 13):
        forward(stand.check(headers=cookie(token(life=timedelta(minutes=minutes)))))
    stand.events.clear()


def nobody(stand: Stand) -> None:
    """Leave the token that was read last as it is."""
    stand.events.clear()


between = pytest.mark.parametrize("between", [nobody, others])


@between
def test_a_remembered_token_is_judged_anew_every_time(between: Callable[[Stand], None]) -> None:
    stand = Stand()
    text = token(life=timedelta(minutes=5))
    forward(stand.check(headers=cookie(text)))
    between(stand)
    forward(stand.check(headers=cookie(text)))
    answer(stand.check("https://b.example/", cookie(text)), 302)
    stand.now = NOW + timedelta(minutes=5)
    answer(stand.check(headers=cookie(text)), 302)
    stand.now = NOW
    ended = Revocations().adding(
        [Revocation(RevocationKind.USER, ALICE.subject, NOW, NOW + timedelta(1))], NOW
    )
    stand.snapshot = replace(S1, revocations=ended)
    answer(stand.check(headers=cookie(text)), 302)
    assert [event.because.reason for event in stand.events] == [
        Reason.ALLOWED,
        Reason.TOKEN_INVALID,
        Reason.TOKEN_EXPIRED,
        Reason.TOKEN_REVOKED,
    ]


@between
def test_X04_a_remembered_token_dies_with_its_key(between: Callable[[Stand], None]) -> None:
    stand = Stand()
    text = token(life=timedelta(days=20))
    forward(stand.check(headers=cookie(text)))
    between(stand)
    retired = replace(signing_key(), retired_at=NOW)
    ring = Keyring((retired, signing_key("next")), (sealing_key(),))
    stand.snapshot = replace(S1, keyring=ring)
    stand.now = NOW + timedelta(days=6)
    forward(stand.check(headers=cookie(text)))
    stand.now = NOW + timedelta(days=7)
    answer(stand.check(headers=cookie(text)), 302)
    stand.snapshot = replace(S1, keyring=Keyring((signing_key("next"),), (sealing_key(),)))
    stand.now = NOW
    answer(stand.check(headers=cookie(text)), 302)


def test_a_rejected_token_is_not_remembered() -> None:
    stand = Stand(replace(S1, keyring=Keyring((signing_key("next"),), (sealing_key(),))))
    answer(stand.check(headers=cookie(token())), 302)
    stand.snapshot = S1
    forward(stand.check(headers=cookie(token())))


def test_a_memo_is_bounded_and_keeps_the_newer_half() -> None:
    memo: Memo[int, int] = Memo(1000)
    for number in range(3000):
        memo.put(number, number)
    kept = [number for number in range(3000) if memo.get(number) is not None]
    assert kept == list(range(1000, 3000))


# minting


def test_a_machine_gets_an_assertion_that_is_signed_once_in_a_while() -> None:
    stand = Stand()
    first = assertion(stand.check("https://b.example/", PAIR))
    assert claims(first)["common_name"] == "st1.access"
    stand.now = NOW + timedelta(seconds=59)
    assert assertion(stand.check("https://b.example/", PAIR)) == first
    stand.now = NOW + timedelta(seconds=60)
    assert assertion(stand.check("https://b.example/", PAIR)) != first
    stand.now = NOW - timedelta(seconds=1)
    assert assertion(stand.check("https://b.example/", PAIR)) != first


def test_another_configuration_mints_anew() -> None:
    stand = Stand()
    first = assertion(stand.check("https://b.example/", PAIR))
    stand.now = NOW + timedelta(seconds=1)
    stand.snapshot = replace(S1, revision=2)
    assert assertion(stand.check("https://b.example/", PAIR)) != first


def test_S07_a_minted_token_never_outlives_the_one_it_goes_back_to() -> None:
    stand = Stand()
    long = token(ROOT, life=timedelta(minutes=50))
    short = token(ROOT, life=timedelta(minutes=5))
    for text in (long, short, long):
        minted = assertion(stand.check("https://b.example/", {"cf-access-token": text}))
        assert claims(minted)["exp"] == claims(text)["exp"]


@pytest.mark.parametrize(
    ("later", "wanted", "serves"),
    [(0, 100, True), (0, 99, False), (49, 100, True), (50, 100, False), (-1, 200, False)],
)
def test_a_minted_token_serves_while_it_is_fresh(later: int, wanted: int, serves: bool) -> None:
    start = int(NOW.timestamp())
    minted = Minted("text", NOW, start + 100)
    assert minted.serves(start + wanted, NOW + timedelta(seconds=later)) is serves


def test_X07_two_applications_and_two_machines_never_share_an_assertion() -> None:
    any_token = a_policy("any", Action.SERVICE_AUTH, [rule("any_valid_service_token")])
    snapshot = a_snapshot(
        an_app("x", policies=["any"]),
        an_app("y", policies=["any"]),
        any_token,
        ST1,
        a_service_token("st2"),
    )
    stand = Stand(snapshot)
    other = PAIR | {"cf-access-client-id": "st2.access"}
    texts = {
        assertion(stand.check(f"https://{app}.example/", pair))
        for app in "xy"
        for pair in (PAIR, other)
    }
    assert len(texts) == 4


# cookies


def test_a_lasting_machine_gets_a_cookie_and_a_strict_one_does_not() -> None:
    assert forward(Stand().check("https://b.example/", PAIR)).response_cookies == ()
    lax = forward(Stand(LAX).check("https://b.example/", PAIR))
    (header,) = lax.response_cookies
    text = header.partition(";")[0].removeprefix("CF_Authorization=")
    assert text == assertion(lax)
    assert "; Secure; SameSite=Lax" in header and "HttpOnly" in header
    again = forward(Stand(LAX).check("https://b.example/", cookie(text)))
    assert again.because.reason is Reason.SERVICE_AUTH


def wanting(**more: Any) -> Application:
    return an_app("app", policies=["staff", "any"], cookie_for_origin=True, **more)


def test_origins_that_read_the_cookie_get_the_minted_token_there() -> None:
    any_token = a_policy("any", Action.SERVICE_AUTH, [rule("any_valid_service_token")])
    stand = Stand(a_snapshot(wanting(), a_policy(include=[STAFF]), any_token, ST1))
    for headers, others in ((PAIR, ""), (PAIR | {"cookie": "a=b"}, "a=b; ")):
        outcome = forward(stand.check("https://app.example/", headers))
        expected = f"{others}CF_Authorization={assertion(outcome)}"
        assert dict(outcome.set_headers)["cookie"] == expected


def test_the_cookie_header_is_replaced_or_removed_but_never_both() -> None:
    for url, headers in (
        ("https://a.example/", cookie(token(), more="a=b")),
        ("https://a.example/public/x", cookie("x")),
        ("https://a.example/public/x", {}),
        ("https://a.example/public/x", {"cookie": "a=b"}),
    ):
        outcome = forward(Stand().check(url, headers))
        put, gone = dict(outcome.set_headers), set(outcome.remove_headers)
        assert set(put).isdisjoint(gone)
        assert ("cookie" in put) or ("cookie" in gone) is ("cookie" in headers)


# what the gate answers itself


def redirected(stand: Stand, **headers: str) -> tuple[Answer, Mapping[str, Any]]:
    got = answer(stand.check(headers=headers), 302)
    location = dict(got.headers)["location"]
    (meta,) = parse_qs(urlsplit(location).query)["meta"]
    return got, claims(meta)


def test_the_login_is_signed_and_bound_to_the_browser() -> None:
    got, meta = redirected(Stand())
    headers = dict(got.headers)
    assert headers["cache-control"] == "no-store"
    name, _, value = headers["set-cookie"].partition(";")[0].partition("=")
    assert name == "CF_AppSession"
    assert meta["app_session_hash"] == hash_app_session(value)
    assert "Secure; SameSite=None" in headers["set-cookie"]
    other, _ = redirected(Stand())
    assert dict(other.headers)["set-cookie"] != headers["set-cookie"]


def test_a_browser_that_has_its_cookie_keeps_it() -> None:
    got, meta = redirected(Stand(), cookie="CF_AppSession=" + "a" * 43)
    assert "set-cookie" not in dict(got.headers)
    assert meta["app_session_hash"] == hash_app_session("a" * 43)


def test_on_loopback_the_cookie_is_lax() -> None:
    team = Team("http://127.0.0.1:8080", "http", 8080)
    stand = Stand(a_snapshot(an_app("app"), team=team))
    got = answer(stand.check("http://app.example/"), 302)
    assert "Secure" not in dict(got.headers)["set-cookie"]
    assert "SameSite=Lax" in dict(got.headers)["set-cookie"]


def test_a_configured_page_is_a_redirect_without_meta() -> None:
    from lychgate.core.model import DenySettings

    app = an_app("app", policies=[], deny=DenySettings(non_identity_url="https://why.example/"))
    got = answer(Stand(a_snapshot(app)).check("https://app.example/"), 302)
    assert dict(got.headers)["location"] == "https://why.example/"


def test_documents_and_preflights_are_answered_whole() -> None:
    path = "/.well-known/cloudflare-access-protected-resource"
    got = answer(Stand().check(f"https://a.example{path}"), 200)
    assert b'"resource": "https://a.example"' in got.body
    app = an_app("app", cors=Cors(all_origins=True, all_methods=True))
    asking = {"origin": "https://x.example", "access-control-request-method": "PUT"}
    stand = Stand(a_snapshot(app))
    assert answer(stand.check("https://app.example/", asking, method="OPTIONS"), 200).body == b""


def test_the_companion_gets_no_header_of_ours_from_a_client() -> None:
    outcome = Stand().check("https://a.example/cdn-cgi/access/logout", FORGED | PAIR)
    assert isinstance(outcome, ToCompanion)
    assert set(outcome.remove_headers) >= set(FORGED) | set(PAIR)
    assert outcome.set_headers == (("x-request-id", "request-1"),)


def test_the_country_is_looked_up_for_the_address() -> None:
    geo = a_policy("geo", Action.BYPASS, [rule("geo", country_code="PT")])
    snapshot = a_snapshot(an_app("app", policies=["geo"]), geo)
    seen: list[Address] = []

    def portugal(address: Address) -> str | None:
        seen.append(address)
        return "PT"

    forward(Stand(snapshot, portugal).check("https://app.example/"))
    assert [str(one) for one in seen] == ["203.0.113.9"]
    answer(Stand(snapshot, lambda address: None).check("https://app.example/"), 403)
    answer(Stand(snapshot, portugal).check("https://app.example/", client_ip=None), 403)
    spoofed = a_request("https://app.example/", country="PT")
    assert isinstance(Stand(snapshot, lambda address: None).gate.check(spoofed), Answer)


def test_every_decision_is_observed_once() -> None:
    stand = Stand()
    for url in ("https://a.example/", "https://a.example/public/x", "https://z.example/"):
        stand.check(url)
    assert [event.decision for event in stand.events] == ["login", "allow", "deny"]
    assert all(0 < event.seconds < 5 for event in stand.events)


def test_F08_the_gate_carries_nothing_from_one_request_to_the_next() -> None:
    stand = Stand(a_snapshot(*APPS, *POLICIES, ST1, organization=Organization()))
    forward(stand.check(headers=cookie(token())))
    answer(stand.check(), 302)
    bob = a_token(B, policy="staff", user=replace(ALICE, subject="bob", email="bob@staff.example"))
    assert forward(stand.check("https://b.example/", cookie(bob))).because.principal != (
        forward(stand.check(headers=cookie(token()))).because.principal
    )


def test_the_clock_is_read_once_for_a_request() -> None:
    ticks: list[datetime] = []

    def clock() -> datetime:
        ticks.append(NOW)
        return NOW

    gate = Gate(lambda: View(S1, timedelta(0)), clock, lambda event: None, timedelta(1))
    request: Request = a_request("https://a.example/")
    gate.check(request)
    assert len(ticks) == 1
