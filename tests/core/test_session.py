"""Claims, lifetimes and cookie attributes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lychgate.core.decision import SetCookie
from lychgate.core.keys import seal
from lychgate.core.model import CookieSettings, Organization, PolicyId, SameSite
from lychgate.core.session import (
    IMMEDIATE_LIFE,
    MANAGED_PURPOSE,
    Grounds,
    Token,
    app_claims,
    app_duration,
    auth_cookie,
    bound_to,
    hash_app_session,
    identity_of,
    open_token,
    org_audience,
    org_claims,
    read,
    set_cookie_header,
    token_life,
)
from lychgate.core.tokens import MAX_LENGTH, Rejected, Signed, sign
from tests.support.builders import (
    NOW,
    TEAM,
    a_keyring,
    a_user,
    an_app,
    claims_for,
    sealing_key,
    signing_key,
)

APP = an_app("app")


def as_token(**changes: Any) -> Token:
    token = read(Signed("kid", claims_for(APP, **changes)))
    assert isinstance(token, Token)
    return token


def test_a_person_survives_the_trip_through_a_token() -> None:
    user = a_user(groups=("g1", "g2"), amr=("pwd", "mfa"), claims={"dept": "eng"})
    token = read(Signed("kid", claims_for(APP, user)))
    assert isinstance(token, Token)
    back = identity_of(token)
    assert back == replace(user, name="", idp_subject="", partial=True)


def test_what_a_token_has_no_room_for_is_unknown_and_not_absent() -> None:
    user = a_user(groups=tuple(f"group-{n}" for n in range(500)), claims={"dept": "x" * 2000})
    token = read(Signed("kid", claims_for(APP, user)))
    assert isinstance(token, Token)
    back = identity_of(token)
    assert back.groups is None
    assert back.claims == {}
    assert back.partial


@pytest.mark.parametrize(
    "changes",
    [
        {"idp": None, "groups": None, "custom": None, "amr": None, "auth_time": None},
        {"idp": "x", "groups": "x", "custom": "x", "amr": "x", "auth_time": "x"},
    ],
)
def test_claims_about_people_that_are_odd_say_nothing(changes: dict[str, Any]) -> None:
    back = identity_of(as_token(**changes))
    assert (back.idp_id, back.groups, back.amr, back.claims) == ("", None, (), {})
    assert back.auth_time == datetime.fromtimestamp(0, UTC)


def test_a_token_always_fits_into_a_cookie() -> None:
    user = a_user(
        "a" * 64 + "@" + "b" * 60 + ".example",
        groups=tuple("g" * 50 for _ in range(11)),
        amr=("m" * 10,) * 50,
        claims={"c": "x" * 780},
    )
    grounds = Grounds("s" * 43, PolicyId("p" * 36), 2**256, "PT")
    claims = app_claims(TEAM, APP, user, grounds, NOW, timedelta(hours=1))
    assert claims["country"] == "PT"
    cookie = auth_cookie(APP, sign(claims, signing_key()), timedelta(hours=1))
    assert len(set_cookie_header(cookie, False, NOW)) < 4096


def test_a_team_session_says_who_and_opens_nothing() -> None:
    organization = Organization(account_id="acc", session_duration=timedelta(hours=2))
    claims = org_claims(TEAM, organization, a_user(), "nonce", NOW)
    token = read(Signed("kid", claims))
    assert isinstance(token, Token)
    assert token.type == "org"
    assert token.audiences == (org_audience(organization),)
    assert token.expires_at - token.issued_at == 7200
    assert org_audience(organization) != org_audience(replace(organization, account_id="other"))


@pytest.mark.parametrize(
    ("app", "policy", "life"),
    [
        (timedelta(hours=3), None, timedelta(hours=3)),
        (timedelta(hours=3), timedelta(hours=1), timedelta(hours=1)),
        (timedelta(hours=3), timedelta(0), IMMEDIATE_LIFE),
        (timedelta(0), None, IMMEDIATE_LIFE),
    ],
)
def test_the_policys_duration_comes_before_the_applications(
    app: timedelta, policy: timedelta | None, life: timedelta
) -> None:
    assert token_life(app_duration(an_app("app", session_duration=app), policy)) == life


def test_the_later_of_issued_and_not_before_counts() -> None:
    token = as_token(nbf=int(NOW.timestamp()) + 5, iat=int(NOW.timestamp()))
    assert token.issued_at == int(NOW.timestamp()) + 5


def test_a_binding_is_a_text_or_nothing() -> None:
    assert bound_to(as_token(binding="x")) == "x"
    assert bound_to(as_token(binding=7)) is None
    assert bound_to(as_token()) is None


def test_an_app_session_of_any_bytes_has_a_hash() -> None:
    assert len(hash_app_session("\u0169\udcff")) == 64


@pytest.mark.parametrize(
    ("settings", "path", "shown"),
    [
        (CookieSettings(), "/x", ("/", True, "Lax")),
        (CookieSettings(path=True), "/x", ("/x", True, "Lax")),
        (CookieSettings(http_only=False, same_site=SameSite.NONE), "/", ("/", False, "None")),
        (CookieSettings(same_site=SameSite.STRICT), "/", ("/", True, "Strict")),
    ],
)
def test_C05_the_cookie_of_an_application(
    settings: CookieSettings, path: str, shown: tuple[str, bool, str]
) -> None:
    cookie = auth_cookie(an_app("app", cookie=settings), "v", timedelta(hours=1), path)
    assert (cookie.path, cookie.http_only, cookie.same_site) == shown
    assert (cookie.name, cookie.value, cookie.max_age) == ("CF_Authorization", "v", 3600)


@pytest.mark.parametrize(
    ("cookie", "plain", "header"),
    [
        (SetCookie("a", "b"), False, "a=b; Path=/; HttpOnly; Secure; SameSite=None"),
        (SetCookie("a", "b"), True, "a=b; Path=/; HttpOnly; SameSite=Lax"),
        (
            SetCookie("a", "b", "/x", 60, False, True, "Strict"),
            True,
            "a=b; Path=/x; Expires=Sat, 21 Nov 2026 12:01:00 GMT; Max-Age=60; SameSite=Strict",
        ),
        (
            SetCookie("a", "", max_age=0, secure=False),
            False,
            "a=; Path=/; Expires=Fri, 20 Nov 2026 12:00:00 GMT; Max-Age=0; HttpOnly; SameSite=None",
        ),
    ],
)
def test_C05_set_cookie(cookie: SetCookie, plain: bool, header: str) -> None:
    assert set_cookie_header(cookie, plain, NOW) == header


def test_a_sealed_token_that_is_too_long_is_not_opened() -> None:
    claims = claims_for(APP) | {"type": "oauth", "x": "y" * MAX_LENGTH}
    text = "oauth:" + seal(sealing_key(), MANAGED_PURPOSE, claims, b"n" * 12)
    assert open_token(text, a_keyring(), NOW) is Rejected.MALFORMED
    assert open_token("oauth:", a_keyring(), NOW) is Rejected.SIGNATURE
    assert open_token("a.b", a_keyring(), NOW) is Rejected.SIGNATURE


def test_a_sealed_token_holds_claims_of_its_own_kind() -> None:
    wrong = "oauth:" + seal(sealing_key(), MANAGED_PURPOSE, claims_for(APP), b"n" * 12)
    odd = "oauth:" + seal(sealing_key(), MANAGED_PURPOSE, {"type": "oauth"}, b"n" * 12)
    assert open_token(wrong, a_keyring(), NOW) is Rejected.TYPE
    assert open_token(odd, a_keyring(), NOW) is Rejected.AUDIENCE
