"""What is answered when there is no usable session: the table, row by row, and its headers."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from lychgate.core.answers import app_session, from_browser, is_navigation
from lychgate.core.decision import Challenge, Decision, Redirect
from lychgate.core.model import Application, Cors, ManagedOAuth, Team
from lychgate.core.session import hash_app_session
from tests.core.s1 import ask
from tests.support.builders import (
    NOW,
    a_certificate,
    a_request,
    a_snapshot,
    an_app,
)

PLAIN = an_app("app")
MANAGED = an_app("app", oauth=ManagedOAuth())
HTML = {"accept": "text/html"}
NAVIGATION = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
SOCKET = {"upgrade": "WebSocket", "connection": "Upgrade", "sec-websocket-key": "x"}


def said(app: Application, headers: dict[str, str], **more: str) -> str:
    request = a_request("https://app.example/mcp", headers=headers, **more)
    decision = ask(request, snapshot=a_snapshot(app))
    match decision:
        case Redirect():
            return "login"
        case Challenge(headers=pairs):
            return "bearer" if "www-authenticate" in dict(pairs) else "401"
    raise AssertionError(decision)


@pytest.mark.parametrize(
    ("headers", "more", "plain", "managed"),
    [
        pytest.param({"cf-access-token": "x"}, {}, "login", "login", id="Cf-Access-Token"),
        pytest.param(
            {"cf-access-token": "x", "sec-fetch-mode": "cors"}, {}, "login", "login", id="even then"
        ),
        pytest.param({}, {"query": "cloudflared_token_check=true"}, "login", "login", id="check"),
        pytest.param({"user-agent": "cloudflared/1"}, {}, "login", "login", id="cloudflared"),
        pytest.param(HTML, {}, "login", "login", id="accepts HTML"),
        pytest.param(NAVIGATION, {}, "login", "login", id="navigation"),
        pytest.param(NAVIGATION, {"method": "HEAD"}, "login", "login", id="HEAD navigation"),
        pytest.param({}, {}, "login", "bearer", id="no header at all"),
        pytest.param({"accept": "*/*"}, {}, "login", "bearer", id="curl"),
        pytest.param(
            {"accept": "application/json"}, {"method": "POST"}, "login", "bearer", id="sdk"
        ),
        pytest.param({"sec-fetch-mode": "cors"}, {}, "401", "bearer", id="fetch"),
        pytest.param({"sec-fetch-mode": "no-cors"}, {}, "401", "bearer", id="image"),
        pytest.param({"sec-fetch-mode": "same-origin"}, {}, "401", "bearer", id="worker"),
        pytest.param(HTML | {"x-requested-with": "XMLHttpRequest"}, {}, "401", "bearer", id="xhr"),
        pytest.param({"content-type": "application/grpc+proto"}, {}, "401", "bearer", id="grpc"),
        pytest.param(NAVIGATION, {"method": "POST"}, "401", "bearer", id="form"),
        pytest.param(HTML, {"method": "PUT"}, "401", "bearer", id="upload of a browser"),
        pytest.param(SOCKET, {}, "login", "bearer", id="websocket of a program"),
        pytest.param(SOCKET | {"origin": "https://x"}, {}, "401", "bearer", id="of a browser"),
        pytest.param(
            SOCKET | {"sec-fetch-dest": "websocket"}, {}, "401", "bearer", id="of another"
        ),
        pytest.param(
            HTML | {"authorization": "Bearer oauth:x"}, {}, "login", "bearer", id="a bad bearer"
        ),
    ],
)
def test_the_kind_of_client_decides(
    headers: dict[str, str], more: dict[str, str], plain: str, managed: str
) -> None:
    assert said(PLAIN, headers, **more) == plain
    assert said(MANAGED, headers, **more) == managed


@pytest.mark.parametrize("mode", [("navigate", "cors"), ("", "navigate")])
def test_a_repeated_fetch_mode_is_no_navigation(mode: tuple[str, ...]) -> None:
    request = a_request(headers={"accept": "text/html", "sec-fetch-mode": mode})
    assert not is_navigation(request)
    assert from_browser(request)


def login(url: str = "https://app.example/a?b=c", **more: object) -> Redirect:
    app = an_app("app")
    decision: Decision = ask(url, snapshot=a_snapshot(app), **more)  # type: ignore[arg-type]
    assert isinstance(decision, Redirect)
    return decision


def test_the_login_url_is_what_clients_recognise() -> None:
    decision = login()
    parts = urlsplit(decision.location)
    assert (parts.netloc, parts.path) == ("team.example", "/cdn-cgi/access/login/app.example")
    assert parse_qs(parts.query) == {"kid": [PLAIN.audience], "redirect_url": ["/a?b=c"]}
    headers = dict(decision.headers)
    assert headers["www-authenticate"] == (
        "Cloudflare-Access resource_metadata="
        '"https://app.example/.well-known/cloudflare-access-protected-resource/a"'
    )
    assert headers["cf-access-domain"] == "app.example"


def test_the_login_carries_the_facts_of_the_request() -> None:
    decision = login(certificate=a_certificate("svc"), country="PT")
    meta = decision.meta
    assert meta is not None
    assert meta["type"] == "meta"
    assert meta["aud"] == PLAIN.audience
    assert (meta["hostname"], meta["redirect_url"]) == ("app.example", "/a?b=c")
    assert (meta["real_country"], meta["ip"]) == ("PT", "203.0.113.9")
    assert meta["exp"] - meta["iat"] == 300
    assert meta["iat"] == int(NOW.timestamp())
    assert meta["auth_status"] == "SUCCESS"
    assert meta["mtls_auth"]["common_name"] == "svc"


@pytest.mark.parametrize(
    ("certificate", "status"),
    [(None, "NONE"), (a_certificate(valid=False), "FAILED"), (a_certificate(), "SUCCESS")],
)
def test_the_login_says_what_became_of_a_certificate(certificate: object, status: str) -> None:
    meta = login(certificate=certificate).meta
    assert meta is not None
    assert meta["mtls_auth"]["auth_status"] == status


KEPT = "a" * 43


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([KEPT], KEPT),
        ([KEPT, KEPT], KEPT),
        ([KEPT, "b" * 43], None),
        (["short"], None),
        (["a" * 42 + "!"], None),
        ([], None),
    ],
)
def test_a_well_formed_app_session_is_kept(values: list[str], kept: str | None) -> None:
    assert app_session([("CF_AppSession", value) for value in values]) == kept


def test_a_kept_app_session_travels_as_its_hash() -> None:
    decision = login(headers={"cookie": f"CF_AppSession={KEPT}"})
    assert decision.meta is not None
    assert decision.meta["app_session_hash"] == hash_app_session(KEPT)
    assert not decision.new_app_session
    assert login().new_app_session


def test_L10_urls_come_from_the_settings_and_never_from_the_request() -> None:
    hostile = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "javascript",
        "forwarded": "host=evil.example",
    }
    decision = login(headers=hostile)
    assert "evil" not in decision.location + str(decision.headers)
    team = Team("http://127.0.0.1:8080", "http", 8080)
    snapshot = a_snapshot(PLAIN, team=team)
    local = ask("https://APP.example:9999/x", snapshot=snapshot)
    assert isinstance(local, Redirect)
    assert local.location.startswith("http://127.0.0.1:8080/cdn-cgi/access/login/app.example?")
    assert '"http://app.example:8080/.well-known' in dict(local.headers)["www-authenticate"]


def challenge(headers: dict[str, str], cors: Cors | None = None) -> dict[str, str]:
    app = replace(MANAGED, cors=cors)
    request = a_request("https://app.example/mcp", headers=headers)
    decision = ask(request, snapshot=a_snapshot(app))
    assert isinstance(decision, Challenge)
    return dict(decision.headers)


def test_the_challenge_names_the_document_and_an_error_only_for_a_token() -> None:
    url = "https://app.example/.well-known/cloudflare-access-protected-resource/mcp"
    assert challenge({})["www-authenticate"] == f'Bearer realm="OAuth", resource_metadata="{url}"'
    bad = challenge({"authorization": "Bearer x"})["www-authenticate"]
    assert 'error="invalid_token"' in bad


def test_scripts_of_allowed_origins_can_read_the_challenge() -> None:
    cors = Cors(origins=("https://x.example",), credentials=True)
    headers = challenge({"origin": "https://x.example"}, cors)
    assert headers["access-control-expose-headers"] == "WWW-Authenticate"
    assert headers["access-control-allow-credentials"] == "true"
    plain = Cors(all_origins=True)
    assert "access-control-allow-credentials" not in challenge({"origin": "https://y"}, plain)
    assert "access-control-allow-origin" not in challenge({"origin": "https://evil"}, cors)
