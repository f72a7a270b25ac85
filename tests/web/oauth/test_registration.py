"""Registration: open to all, so it believes nothing, keeps little, and is limited."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lychgate.web.oauth.paths import REGISTRATION
from tests.web.installation import Browser, Installation
from tests.web.oauth.flow import CALLBACK, CONFIG, error_of, program, register

URI = "400 invalid_redirect_uri"
METADATA = "400 invalid_client_metadata"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation that is asked often."""
    config = CONFIG.replace("registrations_per_hour: 400", "registrations_per_hour: 100000")
    with Installation(tmp_path_factory.mktemp("registration"), config) as opened:
        yield opened


def ask(installation: Installation, **metadata: Any) -> Any:
    """Register with these members."""
    whole = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"} | metadata
    return program(installation).post(REGISTRATION, json=whole)


def kept(installation: Installation) -> int:
    """How many clients are kept."""
    return len(installation.store.oauth.clients.list(installation.clock(), 100_000))


@pytest.mark.parametrize(
    ("uris", "error"),
    [
        (["javascript:alert(1)"], URI),
        (["JaVaScRiPt:alert(1)"], URI),
        ([" javascript:alert(1)"], URI),
        (["data:text/html,x"], URI),
        (["file:///etc/passwd"], URI),
        (["http://evil/cb"], METADATA),
        (["http://localhost@evil/cb"], URI),
        (["http://localhost:80@evil/cb"], URI),
        (["http://localhost.evil/cb"], METADATA),
        (["http://127.0.0.1.nip.example/cb"], METADATA),
        (["https://ok.example/cb/a#f"], URI),
        (["https://u:p@ok.example/cb/a"], URI),
        (["https:///cb"], URI),
        (["https://ok.example\\@evil/cb/a"], URI),
        (["https://\u00f6k.example/cb/a"], URI),
        ([], URI),
        (None, URI),
        ("http://localhost/cb", URI),
        ([1], URI),
        ([f"http://localhost/{n}" for n in range(200)], METADATA),
        (["https://ok.example/cb/" + "a" * 10_000], URI),
        ([CALLBACK, "https://evil.example/cb"], METADATA),
        (["cursor://tools/callback/more"], METADATA),
        (["cursor://tools/callback#x"], URI),
        (["com.example.app:/cb"], METADATA),
    ],
)
def test_o04_a_redirect_uri_that_is_not_allowed_registers_nothing(
    shared: Installation, uris: Any, error: str
) -> None:
    before = kept(shared)
    assert error_of(ask(shared, redirect_uris=uris)) == error
    assert kept(shared) == before


@pytest.mark.parametrize(
    "uri",
    [
        "https://ok.example/cb/../x",
        "https://ok.example/cb/%2e%2e/x",
        "https://ok.example/cb/.%2E/x",
        "https://ok.example/cb/a%2fb",
        "https://ok.example/cb",
        "https://ok.example/cbx",
        "https://ok.example:444/cb/a",
        "http://ok.example/cb/a",
        "https://sub.ok.example/cb/a",
        "https://okXexample/cb/a",
    ],
)
def test_o05_a_star_reaches_no_further_than_its_path(shared: Installation, uri: str) -> None:
    assert ask(shared, redirect_uris=[uri]).status_code == 400


@pytest.mark.parametrize(
    "uri",
    [
        "https://ok.example/cb/a",
        "HTTPS://OK.example:443/cb/a/b?x=1",
        "cursor://tools/callback",
        "http://localhost/cb",
        "https://localhost:1/cb",
        "http://127.0.0.1:33418/",
        "http://[::1]:9/cb",
        "https://other-only.example/cb",
    ],
)
def test_what_any_application_takes_can_register(shared: Installation, uri: str) -> None:
    answer = ask(shared, redirect_uris=[uri])
    assert answer.status_code == 201
    assert answer.json()["redirect_uris"] == [uri]


@pytest.mark.parametrize(
    ("flag", "uri"),
    [
        ("allow_any_on_localhost", "http://localhost/cb"),
        ("allow_any_on_loopback", "http://127.0.0.1/cb"),
        ("allow_any_on_loopback", "http://[::1]/cb"),
    ],
)
def test_o06_each_loopback_switch_counts(tmp_path: Path, flag: str, uri: str) -> None:
    config = CONFIG.replace(
        'allowed_uris: ["https://ok.example',
        f'{flag}: false\n          allowed_uris: ["https://ok.example',
    )
    with Installation(tmp_path, config) as installation:
        assert error_of(ask(installation, redirect_uris=[uri])) == METADATA


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("client_name", "x" * 5000),
        ("client_name", 7),
        ("logo_uri", "javascript:alert(1)"),
        ("client_uri", "data:text/html,x"),
        ("tos_uri", ["https://a.example"]),
        ("grant_types", ["implicit"]),
        ("grant_types", "authorization_code"),
        ("response_types", ["token"]),
        ("token_endpoint_auth_method", "private_key_jwt"),
        ("token_endpoint_auth_method", {}),
    ],
)
def test_o16_what_is_not_on_offer_is_refused(shared: Installation, member: str, value: Any) -> None:
    before = kept(shared)
    assert error_of(ask(shared, **{member: value})) == METADATA
    assert kept(shared) == before


def test_o16_a_software_statement_is_not_approved(shared: Installation) -> None:
    answer = ask(shared, software_statement="eyJ.eyJ.x")
    assert error_of(answer) == "400 unapproved_software_statement"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "text/plain"),
        (b"redirect_uris=x", "application/x-www-form-urlencoded"),
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b"{", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"[" * 30_000, "application/json"),
        (b'{"redirect_uris":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "application/json"),
    ],
)
def test_o16_a_body_that_is_no_registration(shared: Installation, body: bytes, kind: str) -> None:
    answer = program(shared).post(REGISTRATION, content=body, headers={"content-type": kind})
    assert error_of(answer).startswith("400 invalid_")


def test_a_body_too_large_is_refused(shared: Installation) -> None:
    answer = ask(shared, client_name="x" * 100_000)
    assert error_of(answer) == "400 invalid_request"


def test_o16_the_client_does_not_choose_its_id_and_unknown_members_go(
    shared: Installation,
) -> None:
    answer = ask(shared, client_id="admin", client_secret="mine", jwks_uri="https://a.example/k")
    told = answer.json()
    assert answer.status_code == 201
    assert told["client_id"] != "admin"
    assert not {"client_secret", "jwks_uri"} & set(told)


def test_what_is_left_out_has_the_defaults_of_the_rfc(shared: Installation) -> None:
    answer = program(shared).post(REGISTRATION, json={"redirect_uris": [CALLBACK]})
    told = answer.json()
    assert answer.status_code == 201 and "no-store" in answer.headers["cache-control"]
    assert told["token_endpoint_auth_method"] == "client_secret_basic"
    assert told["grant_types"] == ["authorization_code"]
    assert told["response_types"] == ["code"]
    assert told["client_secret"] and told["client_secret_expires_at"] == 0
    assert isinstance(told["client_id_issued_at"], int)
    assert None not in told.values()


def test_a_public_client_stays_public(shared: Installation) -> None:
    told = ask(shared, application_type="native").json()
    assert told["token_endpoint_auth_method"] == "none" and "client_secret" not in told
    assert told["application_type"] == "native"


def test_d03_a_flood_is_stopped_and_told_when_to_come_back(installation: Installation) -> None:
    http = program(installation, "198.51.100.7")
    body = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}
    answers = [http.post(REGISTRATION, json=body) for _ in range(405)]
    assert [one.status_code for one in answers].count(201) == 400
    last = answers[-1]
    assert error_of(last) == "429 too_many_requests"
    assert 1 <= int(last.headers["retry-after"]) <= 3600
    assert ask(installation).status_code == 201


def test_d03_a_registration_that_is_not_used_is_forgotten(
    installation: Installation, browser: Browser
) -> None:
    unused, used = register(installation), register(installation)
    used.log_in(browser)
    installation.clock.advance(25 * 3600)
    installation.store.prune(installation.clock())
    assert kept(installation) == 1
    assert browser.get(unused.url()).status_code == 400
    assert "localhost:4711" in used.consent_page(browser).text
    installation.clock.advance(91 * 86400)
    installation.store.prune(installation.clock())
    assert kept(installation) == 0


def test_without_an_application_that_takes_clients_there_is_no_registration(
    tmp_path: Path,
) -> None:
    closed = CONFIG.replace(
        "dynamic_client_registration:", "dynamic_client_registration:\n          enabled: false"
    )
    with Installation(tmp_path, closed) as installation:
        assert error_of(ask(installation)) == "400 access_denied"
        http = program(installation)
        document = http.get("/.well-known/oauth-authorization-server").json()
        assert "registration_endpoint" not in document
        assert "client_id_metadata_document_supported" not in document


def test_o16_half_a_character_in_a_name_breaks_no_page(
    installation: Installation, browser: Browser
) -> None:
    agent = register(installation)
    agent.code(browser)
    about = json.dumps({"redirect_uris": [CALLBACK], "client_name": "x\ud83dy"})
    kind = {"content-type": "application/json"}
    told = agent.http.post(REGISTRATION, content=about, headers=kind).json()
    agent.id = told["client_id"]
    assert told["client_name"] == "x y"
    assert "Allow <q><bdi>x y</bdi>" in browser.get(agent.url()).text
