"""A machine without a browser: it shows a code, a person enters it, the machine polls."""

import re
from typing import Any

import pytest
from httpx2 import Response

from lychgate.core.metadata import DEVICE_GRANT
from lychgate.web.oauth.paths import CONSENT, DEVICE, DEVICE_AUTHORIZATION, TOKEN
from tests.web.installation import TEAM, Browser, Installation, Shown
from tests.web.oauth.flow import CONFIG, OTHER, TOOLS, Agent, error_of, register


@pytest.fixture
def agent(installation: Installation) -> Agent:
    """A client for an application that offers the device flow."""
    uris = ["https://other-only.example/cb"]
    agent = register(installation, redirect_uris=uris, client_name="Television")
    agent.resource = OTHER
    return agent


def begin(agent: Agent) -> dict[str, Any]:
    """Ask for codes."""
    answer = agent.post(DEVICE_AUTHORIZATION, resource=agent.resource)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def poll(agent: Agent, told: dict[str, Any], wait: float = 6) -> Response:
    """Ask whether somebody answered, after a while."""
    agent.installation.clock.advance(wait)
    fields = {"grant_type": DEVICE_GRANT, "device_code": told["device_code"]}
    return agent.keep(agent.post(TOKEN, **fields))


def answer(browser: Browser, told: dict[str, Any], decision: str) -> Shown:
    """Enter the code as a person does, and answer."""
    page = browser.get(told["verification_uri_complete"])
    assert told["user_code"] in page.text
    consent = browser.submit(page, {"user_code": told["user_code"].lower().replace("-", " ")})
    assert "Television" in consent.text and told["user_code"] in consent.text
    return browser.submit(consent, {"decision": decision})


def logged_in(agent: Agent, browser: Browser) -> Browser:
    """The browser of somebody who is signed in."""
    browser.log_in(OTHER + "/")
    return browser


def test_a_device_gets_tokens_once_its_person_agrees(agent: Agent, browser: Browser) -> None:
    told = begin(agent)
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", told["user_code"])
    assert (told["verification_uri"], told["interval"]) == (TEAM + DEVICE, 5)
    assert error_of(poll(agent, told)) == "400 authorization_pending"
    assert "Allowed" in answer(logged_in(agent, browser), told, "allow").text
    assert poll(agent, told).status_code == 200
    assert agent.call().status_code == 200
    assert agent.refresh().status_code == 200
    assert error_of(poll(agent, told)) == "400 invalid_grant"


def test_a_person_who_is_not_signed_in_logs_in_first(agent: Agent, browser: Browser) -> None:
    told = begin(agent)
    page = browser.get(told["verification_uri_complete"])
    login = browser.submit(page, {"user_code": told["user_code"]})
    code_page = browser.submit(login, {"email": "alice@example.com"})
    again = browser.submit(code_page, {"code": agent.installation.mail.code()})
    assert told["user_code"] in again.text
    assert "Allowed" in answer(browser, told, "allow").text


def test_a_person_may_say_no(agent: Agent, browser: Browser) -> None:
    told = begin(agent)
    answer(logged_in(agent, browser), told, "refuse")
    assert error_of(poll(agent, told)) == "400 access_denied"


def test_an_impatient_device_is_slowed_down(agent: Agent) -> None:
    told = begin(agent)
    assert error_of(poll(agent, told, 0)) == "400 authorization_pending"
    assert error_of(poll(agent, told, 1)) == "400 slow_down"
    assert error_of(poll(agent, told, 6)) == "400 slow_down"
    assert error_of(poll(agent, told, 20)) == "400 authorization_pending"


def test_a_device_code_is_over_after_ten_minutes(agent: Agent, browser: Browser) -> None:
    told = begin(agent)
    agent.installation.clock.advance(601)
    assert error_of(poll(agent, told)) == "400 expired_token"
    page = logged_in(agent, browser).get(TEAM + DEVICE)
    assert "No device waits" in browser.submit(page, {"user_code": told["user_code"]}).text


def test_another_client_cannot_poll(agent: Agent) -> None:
    told = begin(agent)
    assert error_of(poll(register(agent.installation), told)) == "400 invalid_grant"


def test_where_it_is_off_nobody_is_asked(agent: Agent) -> None:
    agent.resource = TOOLS
    refused = agent.post(DEVICE_AUTHORIZATION, resource=TOOLS)
    assert error_of(refused) == "400 unauthorized_client"
    assert error_of(agent.post(DEVICE_AUTHORIZATION)) == "400 invalid_target"


def test_guesses_at_codes_are_limited(installation: Installation, browser: Browser) -> None:
    page = browser.get(TEAM + DEVICE)
    shown = [browser.submit(page, {"user_code": "BCDF-GHJK"}).status_code for _ in range(12)]
    assert shown[0] == 200 and shown[-1] == 429


def test_somebody_the_policies_refuse_cannot_allow_a_device(agent: Agent, browser: Browser) -> None:
    told = begin(agent)
    logged_in(agent, browser)
    start = CONFIG.index("name: all staff")
    changed = CONFIG[:start] + CONFIG[start:].replace(
        "email_domain: {domain: example.com}", "email: {email: bob@example.com}", 1
    )
    agent.installation.configure(changed)
    page = browser.get(told["verification_uri_complete"])
    assert browser.submit(page, {"user_code": told["user_code"]}).status_code == 403
    assert error_of(poll(agent, told)) == "400 authorization_pending"


def test_the_metadata_offers_it_where_an_application_does(shared: Installation) -> None:
    from tests.web.oauth.flow import program

    document = program(shared).get("/.well-known/oauth-authorization-server").json()
    assert document["device_authorization_endpoint"] == TEAM + DEVICE_AUTHORIZATION
    assert DEVICE_GRANT in document["grant_types_supported"]


def test_the_page_of_a_device_is_no_consent_of_a_client(agent: Agent, browser: Browser) -> None:
    told = begin(agent)
    page = logged_in(agent, browser).get(told["verification_uri_complete"])
    consent = browser.submit(page, {"user_code": told["user_code"]})
    sealed = re.search(r'name="consent" value="([^"]+)"', consent.text)
    assert sealed
    fields = {"consent": sealed[1], "decision": "allow"}
    answer = browser.http.post(TEAM + CONSENT, data=fields)
    assert answer.status_code == 400


def test_an_application_closed_to_registered_clients_is_closed_to_their_devices(
    agent: Agent, browser: Browser
) -> None:
    told = begin(agent)
    closed = CONFIG.replace("allow_any_on_localhost: false", "enabled: false")
    agent.installation.configure(closed)
    refused = agent.post(DEVICE_AUTHORIZATION, resource=OTHER)
    assert error_of(refused) == "400 unauthorized_client"
    page = logged_in(agent, browser).get(told["verification_uri_complete"])
    assert "No device waits" in browser.submit(page, {"user_code": told["user_code"]}).text
