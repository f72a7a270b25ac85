"""What an origin gets to see: the rows about headers, on every outcome that forwards."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychgate.core.decision import Allow
from lychgate.core.urls import OWNED_HEADERS, is_owned, split_cookies, touches_reserved
from tests.core.s1 import FORGED, LAX, OPEN, PAIR, ROOT, S1, B, ask, cookie, outcome, token
from tests.support.builders import a_snapshot, a_token, an_app

FORWARDING: dict[str, tuple[str, dict[str, str], Any]] = {
    "a session": ("https://a.example/", cookie(token()), S1),
    "a session in a header": ("https://a.example/", {"cf-access-token": token()}, S1),
    "bypass": ("https://a.example/public/x", cookie("x"), S1),
    "nobody's host": ("https://z.example/", cookie("x"), OPEN),
    "a service token": ("https://b.example/", PAIR, S1),
    "a service token, not strict": ("https://b.example/", PAIR, LAX),
    "a linked token": ("https://b.example/", {"cf-access-token": token(ROOT)}, S1),
}


def forwarded(case: str, **headers: str) -> Allow:
    url, own, snapshot = FORWARDING[case]
    merged = dict(headers) | own
    if "cookie" in headers and "cookie" in own:
        merged["cookie"] = f"{headers['cookie']}; {own['cookie']}"
    decision = ask(url, merged, snapshot=snapshot)
    assert isinstance(decision, Allow), case
    return decision


@pytest.mark.parametrize("case", FORWARDING)
def test_H01_H02_no_forged_header_reaches_an_origin(case: str) -> None:
    decision = forwarded(case, **FORGED)
    gone = set(decision.remove_headers) | {name for name, _ in decision.set_headers}
    assert set(FORGED) <= gone
    assert "forged" not in dict(decision.set_headers).values()
    assert "root@x" not in dict(decision.set_headers).values()


@pytest.mark.parametrize("case", FORWARDING)
@given(names=st.sets(st.sampled_from(sorted(OWNED_HEADERS | {"cf-access-x"}))))
def test_what_is_set_and_what_is_removed_never_meet(case: str, names: set[str]) -> None:
    _, own, _ = FORWARDING[case]
    forged = {name: "forged" for name in names if name not in FORGING_CREDENTIALS}
    decision = forwarded(case, **forged)
    put, removed = {name for name, _ in decision.set_headers}, set(decision.remove_headers)
    assert put.isdisjoint(removed)
    assert len(decision.remove_headers) == len(removed)
    for name in (*forged, *own):
        assert not is_owned(name) or name in put | removed


FORGING_CREDENTIALS = {"cf-access-token", "cf-access-client-id", "cf-access-client-secret"}


@pytest.mark.parametrize("case", FORWARDING)
def test_H05_our_credentials_stay_with_us(case: str) -> None:
    decision = forwarded(
        case,
        cookie="a=1; CF_Binding=b; CF_AppSession=s; CF_Session=t; theme=x; a=2",
        authorization="Basic Zm9yZWlnbg==",
    )
    kept = split_cookies({"cookie": (decision.cookie or "",)})
    assert [pair for pair in kept if pair[0] != "CF_Authorization"] == [
        ("a", "1"),
        ("theme", "x"),
        ("a", "2"),
    ]
    assert "authorization" not in decision.remove_headers
    ours = [name for name in decision.remove_headers if name in FORGING_CREDENTIALS]
    own = FORWARDING[case][1]
    assert set(ours) == FORGING_CREDENTIALS & set(own)


@pytest.mark.parametrize("case", FORWARDING)
@pytest.mark.parametrize(
    "evil",
    [
        "CF_Authorization=evil",
        "=CF_Authorization=evil",
        "CF_Authorization =evil",
        "a=b, CF_Authorization=evil",
        'a="x" CF_Authorization=evil',
        "CF_Authorization",
    ],
)
def test_H05_one_cookie_of_ours_reaches_an_origin_or_none(case: str, evil: str) -> None:
    decision = forwarded(case, cookie=evil)
    assert "evil" not in (decision.cookie or "")
    kept = split_cookies({"cookie": (decision.cookie or "",)})
    ours = [value for name, value in kept if touches_reserved(name, value)]
    assert ours == ([token()] if case == "a session" else [])


def test_H05_a_managed_token_never_reaches_an_origin() -> None:
    for case in FORWARDING:
        if case != "a session":
            headers = {"authorization": "Bearer oauth:x"}
            decision = forwarded(case, **headers)
            assert "authorization" in decision.remove_headers, case


def test_a_session_that_came_in_a_header_is_a_cookie_for_origins_that_want_one() -> None:
    wanting = an_app("app", cookie_for_origin=True)
    snapshot = a_snapshot(wanting)
    text = a_token(wanting)
    with_others = ask(
        "https://app.example/", {"cf-access-token": text, "cookie": "a=b"}, snapshot=snapshot
    )
    alone = ask("https://app.example/", {"cf-access-token": text}, snapshot=snapshot)
    by_cookie = ask("https://app.example/", cookie(text), snapshot=snapshot)
    assert isinstance(with_others, Allow) and isinstance(alone, Allow)
    assert isinstance(by_cookie, Allow)
    assert with_others.cookie == f"a=b; CF_Authorization={text}"
    assert alone.cookie == by_cookie.cookie == f"CF_Authorization={text}"


def test_the_jump_destination_is_the_origins() -> None:
    decision = forwarded("a session", **{"cf-access-jump-destination": "host:22"})
    assert "cf-access-jump-destination" not in decision.remove_headers


def test_a_session_of_one_application_never_reaches_another() -> None:
    decision = ask("https://a.example/", cookie(token(B), token(ROOT)))
    assert outcome(decision).startswith("OK(alice")
    assert isinstance(decision, Allow)
    assert decision.cookie == f"CF_Authorization={token(ROOT)}"
