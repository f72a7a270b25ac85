"""The whole way: challenge, discovery, registration, login, consent, tokens, refresh."""

import re
from datetime import timedelta

from lychgate.core.urls import ASSERTION
from tests.web.installation import TEAM, Browser, Installation
from tests.web.oauth.flow import CALLBACK, TOOLS, Agent, answer_of, program, register, say


def test_a_program_finds_its_way_from_the_challenge(installation: Installation) -> None:
    http = program(installation)
    refused = http.post(TOOLS + "/mcp")
    assert refused.status_code == 401
    challenge = refused.headers["www-authenticate"]
    assert challenge.startswith("Bearer ") and "error=" not in challenge
    found = re.search(r'resource_metadata="([^"]+)"', challenge)
    assert found
    resource = http.get(found[1]).json()
    assert resource["resource"] == TOOLS + "/mcp"
    issuer = resource["authorization_servers"][0]
    server = http.get(issuer + "/.well-known/oauth-authorization-server")
    assert server.headers["access-control-allow-origin"] == "*"
    document = server.json()
    assert document["issuer"] == TEAM == resource["authorization_servers"][0]
    assert document["registration_endpoint"].startswith(TEAM)
    openid = http.get(TEAM + "/.well-known/openid-configuration").json()
    assert document.items() <= openid.items()


def test_a_login_ends_in_tokens_that_open_the_application(agent: Agent, browser: Browser) -> None:
    page = agent.consent_page(browser)
    for shown in ("Tester", "localhost:4711", "Tools", "alice@example.com"):
        assert shown in page.text
    back = say(browser, page)
    assert back.headers["location"].startswith(CALLBACK + "?")
    answer = answer_of(back)
    assert set(answer) == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("s t&a", TEAM)
    tokens = agent.redeem(answer["code"]).json()
    assert tokens["access_token"].startswith("oauth:")
    assert tokens["refresh_token"].startswith("oauth:")
    rest = {name: tokens[name] for name in ("token_type", "expires_in", "scope", "resource")}
    assert rest == {"token_type": "bearer", "expires_in": 900, "scope": "", "resource": TOOLS + "/"}
    called = agent.call()
    assert called.status_code == 200
    headers = called.json()["headers"]
    assert ASSERTION in headers and "authorization" not in headers


def test_a_token_opens_every_domain_of_its_application(agent: Agent, browser: Browser) -> None:
    agent.log_in(browser)
    assert agent.call("https://tools-too.example.com/part").status_code == 200
    assert agent.call("https://other.example.com/").status_code == 401


def test_a_refresh_rotates_and_the_new_tokens_work(agent: Agent, browser: Browser) -> None:
    agent.log_in(browser)
    first = dict(agent.tokens)
    agent.installation.clock.advance(901)
    assert agent.call().status_code == 401
    assert agent.refresh().status_code == 200
    assert agent.tokens["refresh_token"] != first["refresh_token"]
    assert agent.call().status_code == 200


def test_a_grant_ends_when_it_was_to_end_however_often_it_is_refreshed(
    agent: Agent, browser: Browser
) -> None:
    agent.log_in(browser)
    for _ in range(3):
        agent.installation.clock.advance(timedelta(hours=7, minutes=59).total_seconds())
        assert agent.refresh().status_code == 200
    assert 0 < agent.tokens["expires_in"] <= 180
    agent.installation.clock.advance(300)
    assert agent.refresh().json()["error"] == "invalid_grant"
    assert agent.call().status_code == 401


def test_a_confidential_client_may_use_the_header_or_the_form(
    installation: Installation, browser: Browser
) -> None:
    agent = register(installation, token_endpoint_auth_method="client_secret_basic")
    assert agent.secret
    assert agent.log_in(browser).call().status_code == 200
    answer = agent.http.post(
        "/cdn-cgi/access/oauth/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": agent.tokens["refresh_token"],
            "resource": TOOLS,
        },
        auth=(agent.id, agent.secret),
    )
    assert answer.status_code == 200
    wrong = agent.refresh(client_secret="nonsense")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    basic = agent.http.post(
        "/cdn-cgi/access/oauth/token", data={"grant_type": "refresh_token"}, auth=(agent.id, "x")
    )
    assert basic.headers["www-authenticate"].startswith("Basic")
    assert agent.refresh(client_secret=None).json()["error"] == "invalid_client"


def test_a_web_client_is_remembered_and_a_local_one_is_asked_again(
    installation: Installation, browser: Browser
) -> None:
    web = register(
        installation, redirect_uris=["https://ok.example/cb/a", "https://ok.example/cb/b"]
    )
    assert web.code(browser)
    again = browser.step(web.url())
    assert answer_of(again)["code"]
    web.redirect_uri = "https://ok.example/cb/b"
    assert answer_of(browser.step(web.url()))["code"]
    local = register(installation)
    assert local.code(browser)
    assert "Allow" in browser.get(local.url()).text
    scheme = register(installation, redirect_uris=["cursor://tools/callback"])
    assert scheme.code(browser)
    assert "Any program there" in browser.get(scheme.url()).text


def test_a_private_scheme_gets_its_answer(installation: Installation, browser: Browser) -> None:
    agent = register(installation, redirect_uris=["cursor://tools/callback"])
    page = agent.consent_page(browser)
    assert "form-action 'self' cursor:;" in page.headers["content-security-policy"]
    assert say(browser, page).headers["location"].startswith("cursor://tools/callback?code=")


def test_somebody_the_policies_refuse_can_go_back_to_the_client(
    agent: Agent, browser: Browser
) -> None:
    browser.log_in("https://plain.example.com/", "alice@example.com")
    agent.installation.configure(_only("bob@example.com"))
    page = browser.get(agent.url())
    assert page.status_code == 403
    link = re.search(r'href="(/cdn-cgi/access/oauth/decline[^"]+)"', page.text)
    assert link and "Return to" in page.text
    answer = answer_of(browser.step(TEAM + link[1]))
    assert answer["error"] == "access_denied"
    assert (answer["state"], answer["iss"]) == ("s t&a", TEAM)


def _only(email: str) -> str:
    from tests.web.oauth.flow import CONFIG

    return CONFIG.replace(
        "{name: staff, decision: allow, include: [{email_domain: {domain: example.com}}]}",
        f"{{name: staff, decision: allow, include: [{{email: {{email: {email}}}}}]}}",
    )
