"""Nobody can make us send people elsewhere, or believe another host (L01, L02, L10)."""

import itertools
import random
from urllib.parse import quote, urlsplit

import pytest
from starlette.testclient import TestClient

from lychgate.core.model import Team
from lychgate.core.urls import app_origin
from lychgate.web.logout import return_url
from tests.web.installation import TEAM, Browser, Installation

WIKI = "https://wiki.example.com"
EVIL = [
    "//evil.example",
    "/\\evil.example",
    "https:evil.example",
    "https://evil.example",
    "/%09/evil.example",
    "/\t/evil.example",
    "https://wiki.example.com@evil.example",
    "https://wiki.example.com.evil.example",
    "https://evil.example\\@wiki.example.com",
    "https://wiki.example.com:8443/",
    "http://wiki.example.com/",
    "/x%0d%0aLocation: https://evil.example",
    "/x\r\nLocation: https://evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "///evil.example",
    "/./\\evil.example",
    " https://evil.example",
    "\\\\evil.example",
    "",
]


@pytest.fixture
def installation(shared: Installation) -> Installation:
    """Nothing here changes the installation."""
    return shared


def generated() -> list[str]:
    """At least 500 spellings of a foreign address, from a grammar of their own."""
    starts = ["", "/", "//", "///", "\\", "/\\", "\\/", "/.", "/..", "/%2f", "/%5c", "/%09", "\t"]
    schemes = ["", "https:", "HTTPS:", "http:", "javascript:", "//"]
    hosts = [
        "evil.example",
        "wiki.example.com@evil.example",
        "evil.example%00.wiki.example.com",
        "evil.example\\.wiki.example.com",
        "[::1]",
        "evil。example",
        "evil.example:443",
    ]
    all_of_them = ["".join(parts) for parts in itertools.product(starts, schemes, hosts)]
    return random.Random(7).sample(all_of_them, 520)


@pytest.mark.parametrize("target", EVIL)
def test_L01_redirect_url_stays_on_the_application(browser: Browser, target: str) -> None:
    encoded = quote(target, safe="")
    bounce = browser.step(f"{TEAM}/cdn-cgi/access/login/wiki.example.com?redirect_url={encoded}")
    assert bounce.headers["location"].startswith(f"{WIKI}/cdn-cgi/access/login?")
    answer = browser.step(f"{WIKI}/cdn-cgi/access/login?redirect_url={encoded}")
    assert answer.headers["location"].startswith(f"{TEAM}/cdn-cgi/access/login/wiki.example.com?")
    page = browser.get(answer.headers["location"])
    code_page = browser.submit(page, {"email": "alice@example.com"})
    done = browser.submit(code_page, {"code": browser.installation.mail.code()})
    assert done.url.host == "wiki.example.com"


def test_L01_hundreds_of_generated_addresses_stay_on_the_application(browser: Browser) -> None:
    browser.log_in(f"{WIKI}/")
    for target in generated():
        encoded = quote(target, safe="")
        answer = browser.step(f"{WIKI}/cdn-cgi/access/login?redirect_url={encoded}")
        location = urlsplit(answer.headers["location"])
        assert f"{location.scheme}://{location.netloc}" == TEAM
        redirect = location.query.split("redirect_url=")[1]
        assert redirect.startswith("%2F") and not redirect.startswith(("%2F%2F", "%2F%5C"))


@pytest.mark.parametrize("target", EVIL)
@pytest.mark.parametrize("host", [TEAM, WIKI])
def test_L02_logout_never_leads_elsewhere(browser: Browser, target: str, host: str) -> None:
    url = f"{host}/cdn-cgi/access/logout?returnTo={quote(target, safe='')}"
    answer = browser.step(url)
    while answer.status_code == 302:
        assert urlsplit(answer.headers["location"]).hostname in (
            "team.example.net",
            "wiki.example.com",
        )
        if urlsplit(answer.headers["location"]).path == "/":
            return
        answer = browser.step(answer.headers["location"])
    assert answer.status_code == 200


def test_L02_hundreds_of_generated_return_addresses_lead_nowhere(
    installation: Installation,
) -> None:
    snapshot = installation.services.current()
    for target in generated():
        wanted = return_url(snapshot, target, TEAM)
        assert wanted == "" or wanted.startswith((f"{TEAM}/", f"{WIKI}/"))


@pytest.mark.parametrize(
    ("target", "ends"),
    [
        ("/bye?x=1", "https://team.example.net/bye?x=1"),
        ("https://wiki.example.com/bye", "https://wiki.example.com/bye"),
        ("https://wiki.example.com", "https://wiki.example.com/"),
        ("https://team.example.net/x", "https://team.example.net/x"),
        ("https://other.example.com/", ""),
        ("https://wiki.example.com:443/", ""),
    ],
)
def test_logout_goes_back_to_our_own_places(
    installation: Installation, target: str, ends: str
) -> None:
    assert return_url(installation.services.current(), target, TEAM) == ends


def test_logout_of_an_application_comes_back_to_its_path(browser: Browser) -> None:
    answer = browser.step(f"{WIKI}/cdn-cgi/access/logout?returnTo=%2Fbye")
    encoded = quote(f"{WIKI}/bye", safe="")
    assert answer.headers["location"] == f"{TEAM}/cdn-cgi/access/logout?returnTo={encoded}"
    assert browser.step(answer.headers["location"]).headers["location"] == f"{WIKI}/bye"


def test_L10_our_links_never_come_from_the_request(
    installation: Installation, browser: Browser
) -> None:
    forged = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "javascript",
        "forwarded": "host=evil.example",
        "origin": "https://evil.example",
    }
    page = browser.get(f"{WIKI}/", headers=forged)
    assert "evil.example" not in page.text
    browser.submit(page, {"email": "alice@example.com"})
    assert "evil.example" not in installation.mail.messages[-1].html
    assert TEAM in installation.mail.messages[-1].html


def test_L10_an_unknown_host_is_refused_by_the_companion(installation: Installation) -> None:
    for host in ("evil.example", "wiki.example.com.evil.example", "", "a b", "wiki.example.com@x"):
        client = TestClient(installation.companion, base_url="https://wiki.example.com")
        answer = client.get("/cdn-cgi/access/certs", headers={"host": host})
        assert answer.status_code == 400


def test_a_team_with_a_port_writes_it_everywhere() -> None:
    team = Team("http://127.0.0.1:8080", "http", 8080)
    assert app_origin(team, "wiki.localhost") == "http://wiki.localhost:8080"
