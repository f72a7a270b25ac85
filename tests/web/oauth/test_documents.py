"""A client that never registered: it is known by its metadata document."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lychgate.web.app import companion
from tests.oauth.documents import DocumentServer, document_server
from tests.web.installation import Browser, Installation
from tests.web.oauth.flow import OTHER, Agent


@pytest.fixture
def document(installation: Installation, tmp_path: Path) -> Iterator[DocumentServer]:
    """A good document that this installation can reach."""
    with document_server(tmp_path) as (server, outbound):
        installation.services = replace(installation.services, outbound=outbound)
        installation.companion = companion(installation.services)
        server.describe()
        yield server


def test_o24_a_described_client_gets_tokens(
    installation: Installation, browser: Browser, document: DocumentServer
) -> None:
    agent = Agent(installation, document.url)
    page = agent.consent_page(browser)
    assert "Described" in page.text
    assert agent.redeem(agent.allow(browser, page)["code"]).status_code == 200
    assert agent.call().status_code == 200
    assert agent.refresh().status_code == 200
    assert agent.revoke(agent.tokens["refresh_token"]).status_code == 200
    installation.catch_up()
    assert agent.call().status_code == 401


def test_o24_the_applications_rules_hold_for_it_too(
    installation: Installation, browser: Browser, document: DocumentServer
) -> None:
    agent = Agent(installation, document.url, resource=OTHER)
    page = browser.step(agent.url())
    assert page.status_code == 400 and "location" not in page.headers


def test_o24_a_document_that_names_another_client_is_a_page(
    installation: Installation, browser: Browser, document: DocumentServer
) -> None:
    document.describe(client_id="https://client.example/other")
    page = browser.step(Agent(installation, document.url).url())
    assert page.status_code == 400 and "not known here" in page.text


def test_o24_an_address_not_in_the_document_is_not_gone_to(
    installation: Installation, browser: Browser, document: DocumentServer
) -> None:
    agent = Agent(installation, document.url)
    page = browser.step(agent.url(redirect_uri="http://localhost:4711/elsewhere"))
    assert page.status_code == 400 and "location" not in page.headers


def test_o24_a_described_client_has_no_secret(
    installation: Installation, document: DocumentServer
) -> None:
    agent = Agent(installation, document.url, secret="made up")
    assert agent.redeem("x").json()["error"] == "invalid_client"
