"""Requests as they arrive: limits, methods, addresses, and errors that never show a traceback."""

import asyncio
import threading
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from lychgate.store.base import AuditFilter
from lychgate.web.answering import Desk
from lychgate.web.app import ROUTES
from lychgate.web.bridge import QUICK_THREADS, Bridge
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.routing import TEAM as TEAM_HOST
from lychgate.web.routing import Endpoint, Table
from lychgate.web.services import Services
from tests.web.installation import TEAM, Browser, Installation, forms

WIKI = "https://wiki.example.com"
SECURITY = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def direct(installation: Installation, peer: str = "127.0.0.1") -> TestClient:
    """The companion without a proxy before it."""
    return TestClient(installation.companion, base_url=TEAM, client=(peer, 40000))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/cdn-cgi/access/login", 404),
        ("GET", "/cdn-cgi/access/login/", 404),
        ("GET", "/cdn-cgi/access/login/a/b", 404),
        ("POST", "/cdn-cgi/access/certs", 405),
        ("GET", "/cdn-cgi/access/pin", 405),
        ("DELETE", "/", 405),
        ("GET", "/cdn-cgi/access/authorized", 404),
        ("POST", "/cdn-cgi/access/pin", 400),
        ("GET", "/cdn-cgi/access/code", 400),
        ("GET", "/cdn-cgi/access/code?pin=a&pin=b", 400),
        ("GET", "/cdn-cgi/access/code?pin=%ff", 400),
        ("GET", "/cdn-cgi/access/callback?state=" + "x" * 20000, 400),
    ],
)
def test_W05_every_page_has_its_headers(
    shared: Installation, method: str, path: str, status: int
) -> None:
    client = direct(shared)
    answer = client.request(method, path, headers={"accept": "text/html"})
    assert answer.status_code == status
    for name, value in SECURITY.items():
        assert answer.headers[name] == value
    policy = answer.headers["content-security-policy"]
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert part in policy
    assert ("allow" in answer.headers) == (status == 405)


def test_W05_the_headers_of_a_login_page_and_of_redirects(browser: Browser) -> None:
    page = browser.get(f"{WIKI}/")
    for name, value in SECURITY.items():
        assert page.headers[name] == value
    answer = browser.step(f"{WIKI}/cdn-cgi/access/login")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("text", ['"><img src=x onerror=alert(1)>', "</script><script>x</script>"])
def test_W02_what_a_visitor_sends_is_inert(browser: Browser, text: str) -> None:
    for url in (
        f"{TEAM}/{text}",
        f"{TEAM}/cdn-cgi/access/login/{text}",
        f"{TEAM}/cdn-cgi/access/logout?returnTo={text}",
        f"{WIKI}/cdn-cgi/access/authorized?nonce={text}&state={text}",
    ):
        assert text not in browser.get(url).text


def test_a_program_gets_a_problem_body(installation: Installation) -> None:
    client = direct(installation)
    answer = client.get("/nothing", headers={"accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
    assert answer.json()["request_id"]


def test_D01_a_large_body_is_refused(installation: Installation) -> None:
    client = direct(installation)
    assert client.post("/cdn-cgi/access/pin", content=b"a" * 70_000).status_code == 413
    chunks = (b"a" * 1000 for _ in range(100))
    assert client.post("/cdn-cgi/access/pin", content=chunks).status_code == 413
    small = b"visit=" + b"a" * 60_000
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/cdn-cgi/access/pin", content=small, headers=form).status_code == 400


def test_D01_too_many_headers_and_cookies(installation: Installation) -> None:
    client = direct(installation)
    many = {f"x-{n}": "1" for n in range(110)}
    assert client.get("/cdn-cgi/access/certs", headers=many).status_code == 431
    cookies = "; ".join(f"CF_Authorization=a.b.{n}" for n in range(1000))
    answer = client.get("/cdn-cgi/access/get-identity", headers={"cookie": cookies})
    assert answer.status_code == 400


def test_the_client_address_is_believed_from_our_proxy_only(installation: Installation) -> None:
    def source(peer: str, told: str) -> str:
        client = direct(installation, peer)
        headers = {"x-lychgate-client-ip": told}
        action, hidden = forms(client.get("/").text)[0]
        answer = client.post(action, data={**hidden, "email": "a@example.com"}, headers=headers)
        action, hidden = forms(answer.text)[0]
        client.post(action, data={**hidden, "code": "000000"}, headers=headers)
        events = installation.store.audit.query(AuditFilter(actions=("login_failed",)))
        return events[0].ip

    assert source("127.0.0.1", "198.51.100.1") == "198.51.100.1"
    assert source("203.0.113.5", "198.51.100.2") == "203.0.113.5"


def test_the_request_id_of_our_proxy_is_kept_and_a_strangers_is_not(
    installation: Installation,
) -> None:
    headers = {"accept": "application/json", "x-request-id": "0123456789abcdef"}
    ours = direct(installation).get("/nothing", headers=headers)
    assert ours.json()["request_id"] == "0123456789abcdef"
    strange = direct(installation, "203.0.113.5").get("/nothing", headers=headers)
    assert strange.json()["request_id"] != "0123456789abcdef"


def test_a_form_of_another_site_is_refused(browser: Browser) -> None:
    page = browser.get(f"{WIKI}/")
    action, hidden = forms(page.text)[0]
    for site in ("cross-site", "same-site"):
        answer = browser.http.post(
            TEAM + action,
            data={**hidden, "email": "alice@example.com"},
            headers={"sec-fetch-site": site},
        )
        assert answer.status_code == 403


def test_a_form_needs_no_origin(installation: Installation, browser: Browser) -> None:
    page = browser.get(f"{WIKI}/")
    browser.http.headers["origin"] = "null"
    browser.submit(page, {"email": "alice@example.com"})
    assert len(installation.mail.messages) == 1


def test_X01_without_the_store_logins_are_unavailable_and_never_loop(
    installation: Installation, browser: Browser
) -> None:
    browser.log_in(f"{WIKI}/")
    login = browser.step(f"{WIKI}/", headers={"cookie": ""}).headers["location"]
    installation.feed.stop()
    installation.store.close()
    (installation.folder / "lychgate.db").unlink()
    (installation.folder / "lychgate.db").mkdir()
    answer = browser.step(login)
    assert answer.status_code == 503
    assert "set-cookie" not in answer.headers
    assert browser.get(f"{TEAM}/cdn-cgi/access/certs").status_code == 200


def test_x01_nobody_waits_for_long_behind_others_who_wait(shared: Installation) -> None:
    """Every thread hangs in something outside; who comes then is told so, and when to come back."""
    over = threading.Event()

    def hang(_request: WebRequest, _services: Services) -> Reply:
        over.wait(30)
        return Reply(200)

    table = Table([Endpoint(TEAM_HOST, "GET", "/hang", hang), *ROUTES])
    transport = httpx.ASGITransport(Bridge(Desk(table, shared.services), wait=0.3))

    async def everybody() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=transport, base_url=TEAM) as client:
            stuck = [asyncio.create_task(client.get("/hang")) for _ in range(QUICK_THREADS)]
            await asyncio.sleep(0.1)
            late = await client.get("/hang", headers={"accept": "text/html"})
            over.set()
            return [late, *await asyncio.gather(*stuck), await client.get("/hang")]

    late, *others = asyncio.run(everybody())
    assert (late.status_code, late.headers["retry-after"]) == (503, "5")
    assert "equest id" in late.text
    assert {answer.status_code for answer in others} == {200}


TEXT = st.text(max_size=60)
PATHS = st.sampled_from(
    [
        "/cdn-cgi/access/login/wiki.example.com",
        "/cdn-cgi/access/callback",
        "/cdn-cgi/access/code",
        "/cdn-cgi/access/choose",
        "/cdn-cgi/access/start/x",
        "/cdn-cgi/access/logout",
        "/cdn-cgi/access/idp-test/x",
        "/cdn-cgi/access/approve/x",
        "/cdn-cgi/access/waiting/x",
        "/cdn-cgi/access/get-identity",
    ]
)
NAMES = st.sampled_from(["state", "meta", "visit", "pin", "code", "returnTo", "token", "kid", "x"])


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    path=PATHS,
    query=st.dictionaries(NAMES, TEXT, max_size=4),
    cookie=st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=80),
    method=st.sampled_from(["GET", "POST", "HEAD"]),
)
def test_G06_odd_input_is_a_clear_refusal_and_never_an_error(
    installation: Installation, path: str, query: dict[str, str], cookie: str, method: str
) -> None:
    client = direct(installation)
    query = {name: text.encode("utf-8", "ignore").decode() for name, text in query.items()}
    more: dict[str, Any] = {"data": query} if method == "POST" else {}
    answer = client.request(
        method, path, params=query, headers={"cookie": cookie}, follow_redirects=False, **more
    )
    assert answer.status_code < 500
    assert "Traceback" not in answer.text
