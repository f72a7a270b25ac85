"""What is remembered of a decision, and that nothing secret is."""

from dataclasses import astuple
from typing import Any

import pytest

from lychgate.core.decision import (
    Because,
    Challenge,
    Decision,
    Deny,
    Reason,
    Redirect,
    Respond,
    Serve,
)
from lychgate.core.events import access_event
from lychgate.core.identity import ANONYMOUS, Principal, Service, User
from lychgate.core.model import PolicyId, TokenId
from tests.core.s1 import PAIR, ask, cookie, token
from tests.support.builders import NOW, SECRET, a_certificate, a_request

BECAUSE = Because(Reason.NO_SESSION)


@pytest.mark.parametrize(
    ("decision", "name", "status"),
    [
        (Redirect(BECAUSE, "/", meta={}), "login", 302),
        (Redirect(BECAUSE, "/"), "deny", 302),
        (Challenge(BECAUSE), "challenge", 401),
        (Deny(BECAUSE, 403), "deny", 403),
        (Respond(BECAUSE, 204), "respond", 204),
        (Serve(BECAUSE), "serve", 0),
    ],
)
def test_every_decision_has_a_name(decision: Decision, name: str, status: int) -> None:
    event = access_event(a_request(), decision, NOW)
    assert (event.decision, event.status, event.at) == (name, status, NOW)


def test_an_event_holds_no_token_cookie_secret_or_query() -> None:
    text = token()
    headers = cookie(text, more="k=cookie") | PAIR | {"cf-access-token": text}
    request = a_request(
        "https://a.example/public/x?q=query",
        headers=headers,
        certificate=a_certificate("svc"),
        country="PT",
    )
    shown = repr(astuple(access_event(request, ask(request), NOW)))
    assert "PT" in shown and "203.0.113.9" in shown and "/public/x" in shown
    for secret in (text, SECRET, "query", "cookie"):
        assert secret not in shown


@pytest.mark.parametrize(
    ("principal", "fields"),
    [
        (
            User("sub", "a@b.example", "nonce", PolicyId("p")),
            {"user": "a@b.example", "session": "nonce"},
        ),
        (Service("id", "name", TokenId("t")), {"service_token": "t", "common_name": "name"}),
        (Service("", ""), {}),
        (ANONYMOUS, {}),
    ],
)
def test_who_asked(principal: Principal, fields: dict[str, Any]) -> None:
    decision = Deny(Because(Reason.BLOCKED, principal=principal), 403)
    assert access_event(a_request(), decision, NOW).principal() == fields


def test_plain_allows_and_bypasses_are_told_apart() -> None:
    allowed = access_event(a_request(), ask("https://a.example/", cookie(token())), NOW)
    bypassed = access_event(a_request(), ask("https://a.example/public/x"), NOW)
    assert (allowed.decision, allowed.status) == ("allow", 0)
    assert (allowed.plain_allow, allowed.bypass) == (True, False)
    assert (bypassed.plain_allow, bypassed.bypass) == (False, True)


def test_an_event_without_an_address_says_nothing() -> None:
    event = access_event(a_request(client_ip=None), Deny(BECAUSE, 403), NOW)
    assert (event.ip, event.country, event.certificate) == ("", "", "")
