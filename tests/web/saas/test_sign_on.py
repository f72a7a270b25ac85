"""A person signs on to a SaaS application: by the same pages and policies as everywhere."""

from pathlib import Path

import pytest

from lychgate.store.base import AuditFilter
from tests.web.installation import TEAM, Browser, Installation, forms
from tests.web.saas.installation import (
    CALLBACK,
    CLIENT_ID,
    ISSUER,
    OTHER_CALLBACK,
    SECRET,
    Client,
    authorization,
    code_of,
    config,
    leave,
    returned,
    sign_in,
    to_the_end,
    unsigned_claims,
)


def test_a_login_ends_at_the_application_with_a_code(installation: Installation) -> None:
    browser = installation.browser()
    page = browser.get(authorization())
    assert page.status_code == 200 and "CRM" in page.text
    answer = to_the_end(browser, page)
    told = returned(answer)
    assert answer.status_code == 302 and answer.headers["location"].startswith(CALLBACK + "?")
    assert set(told) == {"code", "state", "iss"}
    assert (told["state"], told["iss"]) == ("the state", ISSUER)
    tokens = Client(installation).redeem(told["code"])
    assert tokens.status == 200, tokens.body
    assert set(tokens.body) == {
        "access_token",
        "token_type",
        "expires_in",
        "id_token",
        "scope",
        "refresh_token",
    }
    assert (tokens.body["token_type"], tokens.body["expires_in"]) == ("Bearer", 600)
    assert tokens.body["scope"] == "openid email profile groups offline_access"
    assert "." in tokens.access and tokens.access.count(".") == 1


def test_whoever_is_logged_in_goes_straight_through(alice: Browser, client: Client) -> None:
    told = returned(leave(alice, alice.step(authorization(state="two"))))
    assert told["state"] == "two" and client.redeem(told["code"]).status == 200


def test_the_answer_keeps_the_query_that_the_address_has(alice: Browser) -> None:
    answer = leave(alice, alice.step(authorization(redirect_uri=OTHER_CALLBACK)))
    assert answer.headers["location"].startswith(OTHER_CALLBACK + "&code=")


def test_the_id_token_says_who_when_and_for_whom(client: Client, code: str) -> None:
    claims = client.redeem(code).id_claims
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (ISSUER, CLIENT_ID, "the nonce")
    assert claims["email"] == "alice@example.com" and claims["groups"] == []
    assert claims["exp"] - claims["iat"] == 600 and claims["auth_time"] <= claims["iat"]
    assert claims["at_hash"] and "type" not in claims and "nbf" not in claims


def test_userinfo_says_the_same_of_the_person(client: Client, code: str) -> None:
    tokens = client.redeem(code)
    said = client.userinfo(tokens.access)
    assert said.status_code == 200 and said.headers["cache-control"] == "no-store"
    assert said.json() == {name: tokens.id_claims[name] for name in ("sub", "email", "groups")}
    assert client.userinfo(tokens.access, "POST").json() == said.json()


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("openid", set()),
        ("openid email", {"email"}),
        ("openid groups", {"groups"}),
        ("email openid offline_access", {"email"}),
    ],
)
def test_a_scope_brings_its_claims(
    alice: Browser, client: Client, scope: str, claims: set[str]
) -> None:
    tokens = client.redeem(code_of(alice, scope=scope))
    people = {"email", "name", "custom", "groups"}
    assert set(tokens.id_claims) & people == claims
    assert set(client.userinfo(tokens.access).json()) == {"sub", *claims}


def test_a_scope_the_application_has_not_is_left_out(installation: Installation) -> None:
    installation.configure(config(scopes=["openid", "email"]))
    installation.clock.advance(2)
    browser = installation.browser()
    sign_in(browser)
    tokens = Client(installation).redeem(code_of(browser))
    assert tokens.body["scope"] == "openid email offline_access"
    assert "groups" not in tokens.id_claims


def test_people_whom_no_policy_admits_are_refused_on_our_page(
    installation: Installation,
) -> None:
    policies = """
        - {name: admins, decision: allow, include: [{group: {id: admins}}]}"""
    installation.configure(config(policies))
    installation.clock.advance(2)
    browser = installation.browser()
    browser.log_in("https://wiki.example.com/")
    refused = leave(browser, browser.step(authorization()))
    assert refused.status_code == 403 and "location" not in refused.headers
    (event,) = installation.store.audit.query(AuditFilter(actions=("refused",), limit=5))
    assert (event.email, event.reason) == ("alice@example.com", "no_policy_matched")


def test_a_mail_goes_only_to_those_the_application_could_admit(
    installation: Installation,
) -> None:
    browser = installation.browser()
    before = len(installation.mail.messages)
    browser.submit(browser.get(authorization()), {"email": "mallory@elsewhere.example"})
    assert len(installation.mail.messages) == before


def test_a_purpose_is_asked_for_before_the_answer(installation: Installation) -> None:
    policies = """
        - name: asked
          decision: allow
          purpose_justification_required: true
          purpose_justification_prompt: Why the CRM?
          include: [{email_domain: {domain: example.com}}]"""
    installation.configure(config(policies))
    installation.clock.advance(2)
    browser = installation.browser()
    browser.log_in("https://wiki.example.com/")
    asked = leave(browser, browser.step(authorization()))
    assert "Why the CRM?" in asked.text
    answered = browser.http.post(
        str(asked.url.join("/cdn-cgi/access/purpose")),
        data={**_hidden(asked.text), "purpose": "a customer called"},
        headers={"sec-fetch-site": "same-origin"},
    )
    assert "code" in returned(leave(browser, answered))


def _hidden(page: str) -> dict[str, str]:
    return forms(page)[0][1]


def test_prompt_login_and_max_age_ask_for_a_new_login(installation: Installation) -> None:
    browser = installation.browser()
    sign_in(browser)
    first = Client(installation).redeem(code_of(browser)).id_claims["auth_time"]
    installation.clock.advance(120)
    assert "code" in returned(leave(browser, browser.step(authorization(max_age="600"))))
    for again in ({"prompt": "login"}, {"max_age": "60"}):
        page = leave(browser, browser.step(authorization(**again)))
        assert page.status_code == 200 and "CRM" in page.text
        told = returned(to_the_end(browser, page))
        second = Client(installation).redeem(told["code"]).id_claims["auth_time"]
        assert second > first
        installation.clock.advance(120)


def test_prompt_none_never_shows_a_page(installation: Installation) -> None:
    browser = installation.browser()
    told = returned(browser.step(authorization(prompt="none")))
    assert (told["error"], told["state"], told["iss"]) == ("login_required", "the state", ISSUER)
    sign_in(browser)
    assert "code" in returned(browser.step(authorization(prompt="none")))
    installation.configure(
        config("""
        - {name: admins, decision: allow, include: [{group: {id: admins}}]}""")
    )
    installation.clock.advance(2)
    assert returned(browser.step(authorization(prompt="none")))["error"] == "access_denied"


def test_an_application_without_sessions_asks_each_time(installation: Installation) -> None:
    policies = """
        - name: at once
          decision: allow
          session_duration: 0s
          include: [{email_domain: {domain: example.com}}]"""
    installation.configure(config(policies))
    installation.clock.advance(2)
    browser = installation.browser()
    told = returned(sign_in(browser))
    client = Client(installation)
    tokens = client.redeem(told["code"])
    assert tokens.body["expires_in"] <= 60
    page = leave(browser, browser.step(authorization()))
    assert page.status_code == 200 and "location" not in page.headers
    assert returned(browser.step(authorization(prompt="none")))["error"] == "login_required"
    assert client.refresh(tokens.refresh).body["error"] == "invalid_grant"


def test_another_browser_cannot_go_on_with_a_sign_on(installation: Installation) -> None:
    browser, other = installation.browser(), installation.browser()
    sign_in(browser)
    sign_in(other, "bob@example.com")
    address = browser.step(authorization()).headers["location"]
    assert "/sign-on?entrance=" in address
    assert other.step(address).status_code == 400
    assert "code" in returned(browser.step(address))
    assert browser.step(f"{ISSUER}/sign-on?entrance=junk").status_code == 400
    assert browser.step(f"{ISSUER}/sign-on").status_code == 400


# hybrid and implicit


def _front(tmp_path: Path, *grants: str, **options: bool) -> Installation:
    front = {
        "return_id_token_from_authorization_endpoint": True,
        "return_access_token_from_authorization_endpoint": True,
    } | options
    grant_types = ["authorization_code", *grants]
    text = config(hybrid_and_implicit_options=front, grant_types=grant_types)
    return Installation(tmp_path, text)


def test_hybrid_ties_the_id_token_to_code_and_access_token(tmp_path: Path) -> None:
    with _front(tmp_path, "hybrid") as installation:
        browser = installation.browser()
        told = returned(sign_in(browser, response_type="code id_token token"), "fragment")
        claims = unsigned_claims(told["id_token"])
        assert claims["nonce"] == "the nonce" and claims["at_hash"] and claims["c_hash"]
        client = Client(installation)
        assert client.userinfo(told["access_token"]).json()["sub"] == claims["sub"]
        tokens = client.redeem(told["code"])
        assert tokens.status == 200 and "refresh_token" not in tokens.body
        assert told["token_type"] == "Bearer" and int(told["expires_in"]) <= 600


def test_implicit_gives_tokens_at_once(tmp_path: Path) -> None:
    with _front(tmp_path, "implicit") as installation:
        browser = installation.browser()
        both = returned(sign_in(browser, response_type="id_token token"), "fragment")
        assert "code" not in both and "c_hash" not in unsigned_claims(both["id_token"])
        answer = leave(browser, browser.step(authorization(response_type="id_token")))
        only = returned(answer, "fragment")
        assert set(only) == {"id_token", "state", "iss"}
        assert "at_hash" not in unsigned_claims(only["id_token"])


@pytest.mark.parametrize(
    ("grants", "options", "response_type"),
    [
        ((), {}, "code id_token"),
        ((), {}, "id_token"),
        (("hybrid",), {}, "id_token"),
        (("implicit",), {}, "code token"),
        (
            ("implicit",),
            {"return_access_token_from_authorization_endpoint": False},
            "id_token token",
        ),
        (("hybrid",), {"return_id_token_from_authorization_endpoint": False}, "code id_token"),
    ],
)
def test_only_what_the_settings_allow_is_returned_here(
    tmp_path: Path, grants: tuple[str, ...], options: dict[str, bool], response_type: str
) -> None:
    with _front(tmp_path, *grants, **options) as installation:
        answer = installation.browser().step(authorization(response_type=response_type))
        assert returned(answer, "fragment")["error"] == "unauthorized_client"


# documents


def test_discovery_describes_this_application(shared: Installation, client: Client) -> None:
    answer = client.http.get(f"{ISSUER}/.well-known/openid-configuration")
    found = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert found["issuer"] == ISSUER
    assert found["authorization_endpoint"] == f"{ISSUER}/authorization"
    assert found["response_types_supported"] == ["code"]
    assert found["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert found["token_endpoint_auth_methods_supported"] == [
        "client_secret_basic",
        "client_secret_post",
    ]
    assert found["id_token_signing_alg_values_supported"] == ["RS256"]
    keys = client.http.get(found["jwks_uri"]).json()["keys"]
    assert [key["kid"] for key in keys] == [key.kid for key in shared.store.keys.keyring().signing]
    assert all({"kid", "kty", "alg", "use", "e", "n"} == set(key) for key in keys)


def test_a_client_nobody_knows_is_a_404_without_a_redirect(client: Client) -> None:
    base = ISSUER.removesuffix(CLIENT_ID) + "unknown"
    for path in (".well-known/openid-configuration", "jwks", "authorization", "userinfo"):
        answer = client.http.get(f"{base}/{path}", follow_redirects=False)
        assert answer.status_code == 404
    answer = client.http.post(f"{base}/token")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("path", ["token", "userinfo"])
def test_scripts_of_any_origin_may_call(client: Client, path: str) -> None:
    asked = {"origin": "https://spa.example", "access-control-request-method": "POST"}
    answer = client.http.options(f"{ISSUER}/{path}", headers=asked)
    assert answer.status_code == 204 and answer.headers["access-control-allow-origin"] == "*"


def test_the_secret_is_kept_as_a_hash_only(installation: Installation) -> None:
    database = (installation.folder / "lychgate.db").read_bytes()
    wal = installation.folder / "lychgate.db-wal"
    whole = database + (wal.read_bytes() if wal.exists() else b"")
    assert b"client_secret_hash" in whole and SECRET.encode() not in whole


def test_an_address_of_the_gate_itself_is_no_redirect_uri(installation: Installation) -> None:
    for mine in (f"{TEAM}/x", "https://wiki.example.com/cb"):
        installation.configure(config(redirect_uris=[mine]))
        answer = installation.browser().step(authorization(redirect_uri=mine))
        assert answer.status_code == 400 and "location" not in answer.headers


def test_nobody_enters_without_a_claim_that_is_required(installation: Installation) -> None:
    claim = {"name": "cost_center", "required": True, "source": {"name": "cc"}}
    installation.configure(config(custom_claims=[claim]))
    installation.clock.advance(2)
    refused = sign_in(installation.browser())
    assert refused.status_code == 403 and "location" not in refused.headers
    assert "cost_center" in refused.text
    (event,) = installation.store.audit.query(AuditFilter(actions=("refused",), limit=5))
    assert (event.email, event.reason) == ("alice@example.com", "claim_missing")


def test_the_launcher_shows_an_application_elsewhere_that_says_where(
    installation: Installation,
) -> None:
    browser = installation.browser()
    sign_in(browser)
    assert "crm.example.org" not in browser.get(TEAM + "/").text
    installation.configure(config(app_launcher_url="https://crm.example.org/start"))
    assert 'href="https://crm.example.org/start"' in browser.get(TEAM + "/").text


def test_a_login_and_a_grant_are_audited_with_their_person(installation: Installation) -> None:
    browser = installation.browser()
    Client(installation).redeem(returned(sign_in(browser))["code"])
    for action in ("login", "grant"):
        (event,) = installation.store.audit.query(AuditFilter(actions=(action,), limit=5))
        assert event.email == "alice@example.com" and event.session and event.allowed
