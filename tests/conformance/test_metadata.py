"""What clients read before they ask: the documents, their addresses, and whose name is in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

from tests.web.installation import TEAM, Installation
from tests.web.oauth.flow import CONFIG, TOOLS, Agent, answer_of, program, register

SERVER = "/.well-known/oauth-authorization-server"
RESOURCE = "/.well-known/oauth-protected-resource"
ACCESS = "/.well-known/cloudflare-access-protected-resource"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Applications with managed OAuth."""
    with Installation(tmp_path_factory.mktemp("conformance"), CONFIG) as opened:
        yield opened


@pytest.mark.parametrize("path", [SERVER, "/.well-known/openid-configuration"])
def test_the_metadata_is_what_rfc_8414_asks_for(installation: Installation, path: str) -> None:
    answer = program(installation).get(TEAM + path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    document = answer.json()
    AuthorizationServerMetadata(document).validate()
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["client_id_metadata_document_supported"] is True
    assert None not in document.values()


def test_the_issuer_is_the_address_it_was_found_at(installation: Installation) -> None:
    document = program(installation).get(get_well_known_url(TEAM, external=True)).json()
    assert document["issuer"] == TEAM


def test_the_copy_on_the_application_names_the_team(installation: Installation) -> None:
    http = program(installation)
    team = http.get(TEAM + SERVER).json()
    for path in (SERVER, SERVER + "/mcp"):
        copy = http.get(TOOLS + path).json()
        # Only another application offers the device flow.
        assert copy["grant_types_supported"] == ["authorization_code", "refresh_token"]
        assert "device_authorization_endpoint" not in copy
        assert set(copy) == set(team) - {"device_authorization_endpoint"}
        assert copy["issuer"] == TEAM


@pytest.mark.parametrize("prefix", [RESOURCE, ACCESS])
@pytest.mark.parametrize("path", ["", "/mcp", "/deep/mcp"])
def test_a_probing_client_finds_the_document(
    installation: Installation, prefix: str, path: str
) -> None:
    answer = program(installation).get(TOOLS + prefix + path)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json()["resource"] == TOOLS + path
    assert answer.json()["authorization_servers"] == [TEAM]


def test_o20_every_answer_names_the_issuer(installation: Installation) -> None:
    document = program(installation).get(TEAM + SERVER).json()
    assert document["authorization_response_iss_parameter_supported"] is True
    agent, browser = register(installation), installation.browser()
    good = agent.allow(browser, agent.consent_page(browser))
    refused = agent.allow(browser, browser.get(agent.url()), "refuse")
    bad = answer_of(browser.step(agent.url(resource=None)))
    assert "code" in good and "error" in refused and "error" in bad
    assert {one["iss"] for one in (good, refused, bad)} == {document["issuer"]}


def test_a_token_answer_may_not_be_kept(installation: Installation) -> None:
    agent, browser = register(installation), installation.browser()
    answer = agent.redeem(agent.code(browser))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("header", ["x-forwarded-host", "forwarded", "x-forwarded-proto"])
def test_o23_no_document_believes_the_request(installation: Installation, header: str) -> None:
    evil = {header: "host=evil.example" if header == "forwarded" else "evil.example"}
    http = program(installation)
    for url in (TEAM + SERVER, TOOLS + SERVER, TOOLS + RESOURCE + "/mcp", TOOLS + "/mcp"):
        answer = http.get(url, headers=evil)
        assert "evil" not in answer.text + str(answer.headers)


def test_o23_an_unknown_host_is_bad(installation: Installation) -> None:
    for path in (SERVER, RESOURCE, "/mcp"):
        answer = program(installation).get("https://evil.example" + path)
        assert answer.status_code in (400, 403)
        assert "evil" not in answer.headers.get("www-authenticate", "")


def test_an_application_without_it_is_judged_like_any_page(installation: Installation) -> None:
    answer = program(installation).get("https://plain.example.com" + RESOURCE)
    assert answer.status_code == 302


def test_where_it_is_off_the_access_form_alone_is_served(tmp_path: Path) -> None:
    off = CONFIG.replace("        enabled: true", "        enabled: false")
    with Installation(tmp_path, off) as installation:
        http = program(installation)
        assert http.get(TOOLS + ACCESS + "/mcp").status_code == 200
        assert http.get(TOOLS + RESOURCE).status_code == 302
        assert "registration_endpoint" not in http.get(TEAM + SERVER).json()
        browser = installation.browser()
        page = browser.step(Agent(installation, "nobody").url())
        assert page.status_code == 400
