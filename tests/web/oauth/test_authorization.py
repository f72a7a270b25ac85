"""The authorization endpoint: what is asked is checked before anybody is sent anywhere."""

import html
import re
from urllib.parse import urlencode

import pytest

from lychgate.store.oauthbase import GrantKind
from lychgate.web.oauth.paths import AUTHORIZATION, CONSENT
from tests.web.installation import TEAM, Browser, Installation, Shown, forms
from tests.web.oauth.flow import (
    CALLBACK,
    CONFIG,
    OTHER,
    TOOLS,
    VERIFIER,
    Agent,
    answer_of,
    challenge,
    register,
    say,
)


@pytest.fixture(scope="module")
def client(shared: Installation) -> Agent:
    """A client whose requests go wrong in ways that keep nothing."""
    return register(shared)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"code_challenge": None, "code_challenge_method": None}, id="none"),
        pytest.param({"code_challenge_method": "plain", "code_challenge": VERIFIER}, id="plain"),
        pytest.param({"code_challenge": None}, id="no challenge"),
        pytest.param({"code_challenge_method": None}, id="no method"),
        pytest.param({"code_challenge_method": "S512"}, id="unknown method"),
        pytest.param({"code_challenge": challenge() + "="}, id="padding"),
        pytest.param({"code_challenge": challenge() + "\n"}, id="line end"),
    ],
)
def test_o01_pkce_is_required_and_only_s256(client: Agent, changes: dict[str, str | None]) -> None:
    answer = answer_of(client.installation.browser().step(client.url(**changes)))
    assert answer["error"] == "invalid_request"
    assert (answer["state"], answer["iss"]) == ("s t&a", TEAM)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"client_id": "nobody"}, id="unknown client"),
        pytest.param({"client_id": None}, id="no client"),
        pytest.param({"redirect_uri": "https://evil.example/cb"}, id="not registered"),
        pytest.param({"redirect_uri": CALLBACK + "/more"}, id="longer"),
        pytest.param(
            {"redirect_uri": "https://evil.example/cb", "response_type": "token"}, id="and type"
        ),
    ],
)
def test_o03_nobody_is_sent_to_an_address_that_is_not_the_clients(
    client: Agent, changes: dict[str, str | None]
) -> None:
    page = client.installation.browser().step(client.url(**changes))
    assert page.status_code == 400 and "location" not in page.headers
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request_uri": "https://evil.example/request"}, "invalid_request"),
    ],
)
def test_other_errors_go_back_to_the_client(
    client: Agent, changes: dict[str, str | None], error: str
) -> None:
    answer = answer_of(client.installation.browser().step(client.url(**changes)))
    assert (answer["error"], answer["iss"]) == (error, TEAM)


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:9/callback",
        "https://localhost:4711/callback",
        "http://127.0.0.1:4711/callback",
        "http://localhost:4711/other",
        "http://localhost:4711/callback?x=1",
        "http://localhost.evil.example:4711/callback",
    ],
)
def test_o06_only_the_port_of_a_loopback_address_may_differ(client: Agent, uri: str) -> None:
    page = client.installation.browser().step(client.url(redirect_uri=uri))
    assert page.status_code == (200 if uri == "http://localhost:9/callback" else 400)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_o07_a_repeated_client_or_address_is_a_page(client: Agent, name: str) -> None:
    url = client.url() + "&" + urlencode({name: client.id})
    page = client.installation.browser().step(url)
    assert page.status_code == 400 and "location" not in page.headers


@pytest.mark.parametrize("name", ["state", "response_type", "code_challenge", "scope"])
def test_o07_other_repeated_parameters_are_the_clients_fault(client: Agent, name: str) -> None:
    url = client.url(scope="a") + "&" + urlencode({name: "again"})
    assert answer_of(client.installation.browser().step(url))["error"] == "invalid_request"


@pytest.mark.parametrize(
    "resource",
    [
        None,
        "https://plain.example.com",
        "https://nobody.example.net",
        TOOLS + "/#part",
        "http://tools.example.com",
        "https://tools.example.com:444",
        "https://user@tools.example.com",
        "https://tools.example.com.evil.example",
        "tools.example.com",
        "https://tools-too.example.com/",
    ],
)
def test_o14_the_resource_must_be_one_application(client: Agent, resource: str | None) -> None:
    answer = answer_of(client.installation.browser().step(client.url(resource=resource)))
    assert answer["error"] == "invalid_target"


def test_o14_two_resources_must_be_one_application(client: Agent) -> None:
    browser = client.installation.browser()
    both = client.url() + "&" + urlencode({"resource": OTHER})
    assert answer_of(browser.step(both))["error"] == "invalid_target"
    same = client.url() + "&" + urlencode({"resource": "https://tools-too.example.com/part"})
    assert browser.step(same).status_code == 200


@pytest.mark.parametrize("resource", ["HTTPS://Tools.Example.COM", TOOLS + "/", TOOLS + "/mcp"])
def test_a_resource_may_be_spelled_in_many_ways(client: Agent, resource: str) -> None:
    assert client.installation.browser().step(client.url(resource=resource)).status_code == 200


def test_o14_each_application_keeps_its_own_redirect_rules(client: Agent) -> None:
    page = client.installation.browser().step(client.url(resource=OTHER))
    assert page.status_code == 400 and "location" not in page.headers
    assert "does not take this client" in page.text


def test_unknown_parameters_scopes_and_prompts_are_ignored(client: Agent) -> None:
    url = client.url(scope="openid email profile", prompt="consent", nonsense="1")
    assert client.installation.browser().step(url).status_code == 200


def test_a_long_request_is_refused_before_it_is_carried_around(client: Agent) -> None:
    assert client.installation.browser().step(client.url(state="x" * 7000)).status_code == 400


def test_o17_a_second_client_of_the_same_name_is_asked_for(
    installation: Installation, browser: Browser
) -> None:
    first = register(installation, redirect_uris=["https://ok.example/cb/a"])
    assert first.code(browser)
    second = register(installation, redirect_uris=["https://ok.example/cb/a"])
    page = browser.get(second.url())
    assert page.status_code == 200 and "ok.example" in page.text


def test_o17_another_redirect_host_is_asked_for(
    installation: Installation, browser: Browser
) -> None:
    uris = ["https://ok.example/cb/a", "cursor://tools/callback"]
    agent = register(installation, redirect_uris=uris)
    assert agent.code(browser)
    agent.redirect_uri = uris[1]
    assert browser.get(agent.url()).status_code == 200


def test_o17_a_refusal_is_told_and_not_remembered(agent: Agent, browser: Browser) -> None:
    answer = agent.allow(browser, agent.consent_page(browser), "refuse")
    assert answer["error"] == "access_denied"
    assert browser.get(agent.url()).status_code == 200


def test_o17_consent_needs_a_post_of_this_browser_and_person(
    agent: Agent, browser: Browser
) -> None:
    page = agent.consent_page(browser)
    _, hidden = forms(page.text)[0]
    allowed = {**hidden, "decision": "allow"}
    assert browser.step(TEAM + CONSENT + "?" + urlencode(allowed)).status_code == 405
    bare = browser.http.post(TEAM + CONSENT, data={"decision": "allow"}, follow_redirects=False)
    assert bare.status_code == 400
    elsewhere = browser.http.post(
        TEAM + CONSENT, data=allowed, headers={"sec-fetch-site": "cross-site"}
    )
    assert elsewhere.status_code == 403
    stranger = agent.installation.browser()
    other_page = agent.consent_page(stranger, "bob@example.com")
    foreign = stranger.http.post(TEAM + CONSENT, data=allowed, follow_redirects=False)
    assert foreign.status_code == 400
    assert say(stranger, other_page).status_code == 303


def test_o17_a_consent_page_is_void_once_somebody_else_signed_in(
    agent: Agent, browser: Browser
) -> None:
    page = agent.consent_page(browser)
    browser.get(TEAM + "/cdn-cgi/access/logout")
    agent.consent_page(browser, "bob@example.com")
    assert say(browser, page).status_code == 400


def test_o18_a_login_that_another_browser_began_is_refused(agent: Agent, browser: Browser) -> None:
    page = browser.get(agent.url())
    code_page = browser.submit(page, {"email": "alice@example.com"})
    victim = agent.installation.browser()
    action, hidden = forms(code_page.text)[0]
    code = agent.installation.mail.code()
    answer = victim.http.post(str(code_page.url.join(action)), data={**hidden, "code": code})
    assert answer.status_code == 400


def test_o19_the_consent_page_cannot_be_framed_and_says_what_it_is_about(
    agent: Agent, browser: Browser
) -> None:
    page = agent.consent_page(browser)
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy and page.headers["x-frame-options"] == "DENY"
    assert "form-action 'self' http://localhost:4711;" in policy
    text = html.unescape(re.sub(r"<[^>]+>", " ", page.text))
    assert "Tester" in text and "localhost:4711" in text
    assert "runs on your own computer" in text


def test_o19_a_web_client_shows_its_host_without_the_warning(
    installation: Installation, browser: Browser
) -> None:
    agent = register(installation, redirect_uris=["https://ok.example/cb/a"])
    page = agent.consent_page(browser)
    assert "ok.example" in page.text and "runs on your own computer" not in page.text


@pytest.mark.parametrize(
    "name", ['"><img src=x onerror=alert(1)>', "</script><script>", "{{7*7}}${7*7}%(x)s"]
)
def test_w01_a_clients_name_is_inert(
    installation: Installation, browser: Browser, name: str
) -> None:
    page = register(installation, client_name=name).consent_page(browser)
    assert name in html.unescape(page.text)
    assert "<img src=x" not in page.text and "<script>" not in page.text


def test_w01_a_clients_name_cannot_turn_the_reading_direction(
    installation: Installation, browser: Browser
) -> None:
    page = register(installation, client_name="good\u202eevil\u2066").consent_page(browser)
    assert "\u202e" not in page.text and "good evil" in page.text


def test_an_application_with_a_question_asks_it_first(
    installation: Installation, browser: Browser
) -> None:
    asked = CONFIG.replace("{name: staff,", "{name: staff, purpose_justification_required: true,")
    agent = register(installation)
    installation.configure(asked)
    page = agent.consent_page(browser)
    assert "purpose" in page.text
    consent = browser.submit(page, {"purpose": "a good reason"})
    assert "localhost:4711" in consent.text
    assert agent.redeem(agent.allow(browser, consent)["code"]).status_code == 200


def test_a_grant_is_written_down(agent: Agent, browser: Browser) -> None:
    agent.log_in(browser)
    grants = agent.installation.store.oauth.grants.list(agent.installation.clock())
    assert [(one.kind, one.client, one.email) for one in grants] == [
        (GrantKind.MANAGED, agent.id, "alice@example.com")
    ]
    from lychgate.store.base import AuditFilter

    events = agent.installation.store.audit.query(AuditFilter(actions=("grant",)))
    assert [one.details["client_name"] for one in events] == ["Tester"]


def test_the_address_answers_get_alone(shared: Installation) -> None:
    posted: Shown = shared.browser().http.post(TEAM + AUTHORIZATION)
    assert posted.status_code == 405


@pytest.mark.parametrize("origin", [TEAM, "https://plain.example.com"])
def test_o03_no_code_goes_to_a_host_of_ours(
    installation: Installation, browser: Browser, origin: str
) -> None:
    installation.configure(CONFIG.replace("https://ok.example/cb/*", f"{origin}/*"))
    client = register(installation, redirect_uris=[f"{origin}/cb"])
    answer = browser.step(client.url())
    assert answer.status_code == 400 and "location" not in answer.headers
