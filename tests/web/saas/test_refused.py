"""What a SaaS application may not do: the documented answer, one log line, nothing changed."""

import base64
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lychgate.store.base import AuditFilter
from tests.web.configs import BASE
from tests.web.installation import Browser, Installation
from tests.web.saas.installation import (
    CALLBACK,
    CLIENT_ID,
    ISSUER,
    SECRET,
    VERIFIER,
    Client,
    authorization,
    code_of,
    config,
    query,
    returned,
    sign_in,
)


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """The lines the companion app wrote."""
    return [one for one in caplog.records if one.name == "lychgate.web"]


# the authorization endpoint: nowhere to send an error


@pytest.mark.parametrize(
    "asked",
    [
        query(redirect_uri=None),
        query(redirect_uri="https://evil.example/"),
        query(redirect_uri=CALLBACK + "/"),
        query(redirect_uri=CALLBACK.upper()),
        query() + f"&redirect_uri={CALLBACK}",
        query(client_id=None),
        query(client_id="another"),
        query() + f"&client_id={CLIENT_ID}",
        query(redirect_uri="https://evil.example/", response_type="bad"),
        query(state="x" * 5000),
        query() + "&%ff=1",
        "",
    ],
    ids=range(12),
)
def test_o03_without_a_sure_address_nobody_is_sent_anywhere(
    alice: Browser, caplog: pytest.LogCaptureFixture, asked: str
) -> None:
    with caplog.at_level(logging.INFO, "lychgate.web"):
        answer = alice.step(f"{ISSUER}/authorization?{asked}")
    assert answer.status_code == 400 and "location" not in answer.headers
    assert len(lines(caplog)) == 1 and lines(caplog)[0].exc_info is None


# the authorization endpoint: the client is told


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_type": "password"}, "unsupported_response_type"),
        ({"response_type": "token"}, "unauthorized_client"),
        ({"response_type": "code id_token"}, "unauthorized_client"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "email"}, "invalid_scope"),
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"scope": "openid\x00"}, "invalid_scope"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "²"}, "invalid_request"),
        ({"nonce": "n" * 2100}, "invalid_request"),
        ({"request": "e30.e30.x"}, "request_not_supported"),
        ({"request_uri": "https://evil.example/"}, "request_not_supported"),
    ],
)
def test_o01_what_is_asked_wrongly_is_said_at_the_clients_address(
    alice: Browser,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, str | None],
    error: str,
) -> None:
    with caplog.at_level(logging.INFO, "lychgate.web"):
        answer = alice.step(authorization(**changes))
    part = "fragment" if "#" in answer.headers["location"] else "query"
    told = returned(answer, part)
    assert (told["error"], told["state"], told["iss"]) == (error, "the state", ISSUER)
    assert len(lines(caplog)) == 1 and lines(caplog)[0].exc_info is None


def test_o07_a_repeated_parameter_is_refused(alice: Browser) -> None:
    for name in ("scope", "state", "nonce", "code_challenge", "unknown"):
        answer = alice.step(f"{authorization(unknown='1')}&{name}=x")
        assert returned(answer)["error"] == "invalid_request"


def test_o20_the_answer_cannot_leave_its_part_of_the_address(alice: Browser) -> None:
    told = returned(alice.step(authorization(state="a&code=forged#x", scope="email")))
    assert told["state"] == "a&code=forged#x" and "code" not in told


def test_pkce_can_be_demanded_and_is_for_clients_without_a_secret(
    installation: Installation,
) -> None:
    without: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
    for settings in (
        {"grant_types": ["authorization_code_with_pkce"]},
        {"client_secret": None, "allow_pkce_without_client_secret": True},
    ):
        # Without the application its secret goes: left out of the file alone, it stays.
        installation.configure(BASE)
        installation.configure(config(**settings))
        told = returned(installation.browser().step(authorization(**without)))
        assert told["error"] == "invalid_request" and "code_challenge" in told["error_description"]


# the token endpoint


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({"code": None}, 400, "invalid_request"),
        ({"code": "another"}, 400, "invalid_grant"),
        ({"code": "x" * 5000}, 400, "invalid_grant"),
        ({"redirect_uri": None}, 400, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, 400, "invalid_grant"),
        ({"code_verifier": None}, 400, "invalid_grant"),
        ({"code_verifier": "w" * 43}, 400, "invalid_grant"),
        ({"code_verifier": "v" * 42}, 400, "invalid_grant"),
        ({"code_verifier": VERIFIER + "\n"}, 400, "invalid_grant"),
    ],
)
def test_o02_o10_a_wrong_request_takes_nothing_from_the_right_one(
    client: Client,
    code: str,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, str | None],
    status: int,
    error: str,
) -> None:
    with caplog.at_level(logging.INFO, "lychgate.web"):
        refused = client.redeem(code, **changes)
    assert (refused.status, refused.body["error"]) == (status, error)
    assert len(lines(caplog)) == 1 and lines(caplog)[0].exc_info is None
    assert client.redeem(code).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"client_id": CLIENT_ID},
        {"client_id": CLIENT_ID, "client_secret": "wrong"},
        {"client_id": "another", "client_secret": SECRET},
        {"client_id": CLIENT_ID, "client_secret": "\u00e9"},
    ],
)
def test_o10_a_client_that_does_not_prove_itself_gets_nothing(
    client: Client, code: str, fields: dict[str, str]
) -> None:
    whole = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **fields}
    refused = client.post({**whole, "code_verifier": VERIFIER}, basic=None)
    assert (refused.status, refused.body["error"]) == (401, "invalid_client")
    basic = client.redeem(code, "wrong")
    assert basic.status == 401 and basic.headers["www-authenticate"].startswith("Basic")
    assert client.redeem(code).status == 200


def test_the_secret_may_come_in_the_form_but_not_twice(client: Client, code: str) -> None:
    form = {"client_id": CLIENT_ID, "client_secret": SECRET}
    twice = client.redeem(code, SECRET, **form)
    assert (twice.status, twice.body["error"]) == (400, "invalid_request")
    assert client.redeem(code, None, **form).status == 200


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"grant_type": "authorization_code"}', "application/json"),
        (b"grant_type=authorization_code", ""),
        (b"grant_type=refresh_token&grant_type=refresh_token", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"a=1&" * 100, "application/x-www-form-urlencoded"),
    ],
)
def test_o21_a_body_that_is_no_form_is_a_400(client: Client, content: bytes, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    answer = client.http.post(f"{ISSUER}/token", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"x").decode(), "Digest x"]
)
def test_o21_a_malformed_authorization_is_a_401(client: Client, code: str, header: str) -> None:
    answer = client.http.post(
        f"{ISSUER}/token",
        data={"grant_type": "authorization_code", "code": code},
        headers={"authorization": header},
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_o21_other_methods_are_refused(client: Client) -> None:
    answer = client.http.get(f"{ISSUER}/token")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert client.http.post(f"{ISSUER}/authorization").status_code == 405


def test_o08_a_replayed_code_ends_what_it_brought(
    shared: Installation, alice: Browser, client: Client
) -> None:
    code = code_of(alice)
    tokens = client.redeem(code)
    shared.clock.advance(1)
    assert client.userinfo(tokens.access).status_code == 200
    again = client.redeem(code)
    assert (again.status, again.body["error"]) == (400, "invalid_grant")
    assert client.userinfo(tokens.access).status_code == 401
    assert client.refresh(tokens.refresh).body["error"] == "invalid_grant"
    (event, *_) = shared.store.audit.query(AuditFilter(actions=("grant_revoked",), limit=5))
    assert event.reason == "code_replayed" and event.email == "alice@example.com"


def test_o09_of_many_redemptions_at_once_one_succeeds_at_most(
    shared: Installation, alice: Browser
) -> None:
    code = code_of(alice)

    def redeem(_: int) -> int:
        return Client(shared).redeem(code).status

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(redeem, range(16)))
    assert statuses.count(200) <= 1 and set(statuses) <= {200, 400}


def test_o10_an_old_code_is_refused(installation: Installation) -> None:
    browser = installation.browser()
    told = returned(sign_in(browser))
    installation.clock.advance(61)
    assert Client(installation).redeem(told["code"]).body["error"] == "invalid_grant"


# refresh


def test_each_refresh_brings_a_new_token_and_asks_the_policies(
    installation: Installation,
) -> None:
    browser, client = installation.browser(), Client(installation)
    first = client.redeem(returned(sign_in(browser))["code"])
    installation.clock.advance(300)
    second = client.refresh(first.refresh)
    assert second.status == 200 and second.refresh != first.refresh
    assert second.id_claims["sub"] == first.id_claims["sub"]
    assert second.id_claims["auth_time"] == first.id_claims["auth_time"]
    assert "nonce" not in second.id_claims
    installation.configure(
        config("""
        - {name: admins, decision: allow, include: [{group: {id: admins}}]}""")
    )
    installation.clock.advance(2)
    refused = client.refresh(second.refresh)
    assert (refused.status, refused.body["error"]) == (400, "invalid_grant")
    (event, *_) = installation.store.audit.query(AuditFilter(actions=("grant_refused",), limit=5))
    assert event.reason == "no_policy_matched"


def test_o11_a_refresh_token_used_again_later_ends_the_grant(installation: Installation) -> None:
    browser, client = installation.browser(), Client(installation)
    first = client.redeem(returned(sign_in(browser))["code"])
    second = client.refresh(first.refresh)
    assert client.refresh(first.refresh).refresh == second.refresh
    installation.clock.advance(11)
    assert client.refresh(first.refresh).body["error"] == "invalid_grant"
    assert client.refresh(second.refresh).body["error"] == "invalid_grant"
    assert client.userinfo(second.access).status_code == 401


@pytest.mark.parametrize(
    "end",
    [
        lambda i, b: i.store.revocations.revoke_user("alice@example.com", i.clock()),
        lambda i, b: b.get("https://team.example.net/cdn-cgi/access/logout"),
        lambda i, b: i.clock.advance(2 * 3600),
        lambda i, b: i.configure(config(scopes=["openid"]).replace("CRM", "Other")),
    ],
    ids=["revoked", "logged out", "lifetime over", "application gone"],
)
def test_o12_a_refresh_after_the_end_is_refused(
    installation: Installation, end: Callable[[Installation, Browser], Any]
) -> None:
    browser, client = installation.browser(), Client(installation)
    tokens = client.redeem(returned(sign_in(browser))["code"])
    installation.clock.advance(5)
    end(installation, browser)
    installation.catch_up()
    installation.clock.advance(2)
    post = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
    answer = client.http.post(
        f"{ISSUER}/token", data={**post, "client_id": CLIENT_ID, "client_secret": SECRET}
    )
    assert answer.status_code in (400, 401)
    assert client.userinfo(tokens.access).status_code in (401, 404)


def test_refreshing_can_be_switched_off(installation: Installation) -> None:
    browser, client = installation.browser(), Client(installation)
    tokens = client.redeem(returned(sign_in(browser))["code"])
    installation.configure(config(grant_types=["authorization_code"]))
    assert client.refresh(tokens.refresh).body["error"] == "unsupported_grant_type"
    installation.clock.advance(2)
    later = client.redeem(code_of(browser))
    assert later.status == 200 and "refresh_token" not in later.body
    assert later.body["expires_in"] == 600


def test_nothing_outlives_the_team_session(installation: Installation) -> None:
    installation.configure(
        config(refresh_token_options={"lifetime": "90d"}).replace(
            "organization: {name: Example}",
            "organization: {name: Example, session_duration: 30m}",
        )
    )
    installation.clock.advance(2)
    browser, client = installation.browser(), Client(installation)
    tokens = client.redeem(returned(sign_in(browser))["code"])
    installation.clock.advance(25 * 60)
    later = client.refresh(tokens.refresh)
    assert later.status == 200 and later.body["expires_in"] <= 300
    installation.clock.advance(6 * 60)
    assert client.refresh(later.refresh).body["error"] == "invalid_grant"


def test_without_a_secret_pkce_alone_is_enough_where_allowed(
    installation: Installation,
) -> None:
    installation.configure(config(allow_pkce_without_client_secret=True))
    installation.clock.advance(2)
    browser, client = installation.browser(), Client(installation)
    code = returned(sign_in(browser))["code"]
    tokens = client.redeem(code, None, client_id=CLIENT_ID)
    assert tokens.status == 200
    assert client.refresh(tokens.refresh, None, client_id=CLIENT_ID).status == 200
    bare: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
    plain = code_of(browser, **bare)
    refused = client.redeem(plain, None, client_id=CLIENT_ID, code_verifier=None)
    assert refused.body["error"] == "invalid_grant"
    assert client.redeem(plain, SECRET, code_verifier=None).status == 200


# tokens in wrong places


def test_o13_no_other_token_is_an_access_token(
    shared: Installation, alice: Browser, client: Client
) -> None:
    tokens = client.redeem(code_of(alice))
    session = alice.cookie("CF_Authorization", "team.example.net")
    wrong = [tokens.refresh, tokens.body["id_token"], str(session), tokens.access + "A", "x", ""]
    for token in wrong:
        answer = client.userinfo(token)
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    bare = client.http.get(f"{ISSUER}/userinfo?access_token={tokens.access}")
    assert (bare.status_code, bare.headers["www-authenticate"]) == (401, "Bearer")
    assert client.refresh(tokens.access).body["error"] == "invalid_grant"
    assert client.redeem(tokens.refresh).body["error"] == "invalid_grant"


def test_s06_only_the_access_token_opens_what_is_linked(
    shared: Installation, alice: Browser, client: Client
) -> None:
    tokens = client.redeem(code_of(alice))
    shared.clock.advance(1)

    def ask(host: str, **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = client.http.get(f"https://{host}/", headers=named, follow_redirects=False)
        return answer.status_code

    assert ask("api.example.com", authorization=f"Bearer {tokens.access}") == 200
    assert ask("api.example.com", authorization=f"Bearer {tokens.body['id_token']}") == 403
    assert ask("api.example.com", authorization=f"Bearer {tokens.refresh}") == 403
    for token in (tokens.access, tokens.body["id_token"]):
        assert ask("api.example.com", cf_access_token=token) == 403
        assert ask("wiki.example.com", cf_access_token=token) == 302
        assert ask("wiki.example.com", authorization=f"Bearer {token}") == 302
        assert ask("wiki.example.com", cookie=f"CF_Authorization={token}") == 302
        identity = client.http.get(
            "https://wiki.example.com/cdn-cgi/access/get-identity",
            headers={"cookie": f"CF_Authorization={token}"},
        )
        assert identity.status_code == 400


def test_an_access_token_ends_with_the_session(installation: Installation) -> None:
    browser, client = installation.browser(), Client(installation)
    tokens = client.redeem(returned(sign_in(browser))["code"])
    installation.clock.advance(2)
    bearer = {"authorization": f"Bearer {tokens.access}"}
    assert client.http.get("https://api.example.com/", headers=bearer).status_code == 200
    browser.get("https://team.example.net/cdn-cgi/access/logout")
    installation.catch_up()
    assert client.http.get("https://api.example.com/", headers=bearer).status_code == 403
