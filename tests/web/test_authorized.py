"""The hand-over to an application host: once, to one browser, on one host."""

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from lychgate.core.session import hash_app_session
from lychgate.core.tokens import sign
from tests.web.configs import BASE
from tests.web.installation import TEAM, Browser, Installation

WIKI = "https://wiki.example.com"
ADMIN = "https://admin.example.com"


def hand_over(browser: Browser, url: str = f"{WIKI}/page") -> str:
    """The address of the hand-over, not yet opened; the browser is logged in."""
    answer = browser.step(url)
    while not urlsplit(answer.headers["location"]).path.endswith("/authorized"):
        answer = browser.step(answer.headers["location"])
    return str(answer.headers["location"])


@pytest.fixture
def logged_in(browser: Browser) -> Browser:
    """A browser with a team session and no application cookie."""
    browser.log_in(f"{WIKI}/", "admin@example.com")
    browser.http.cookies.delete("CF_Authorization", domain="wiki.example.com")
    return browser


def test_L08_hand_over_used_twice_sets_no_cookie_and_goes_to_its_own_path(
    logged_in: Browser,
) -> None:
    url = hand_over(logged_in)
    assert "CF_Authorization=" in logged_in.step(url).headers["set-cookie"]
    again = logged_in.step(url)
    assert "set-cookie" not in again.headers
    assert (again.status_code, again.headers["location"]) == (302, "/page")


def test_L08_hand_over_in_another_browser_sets_no_cookie(
    installation: Installation, logged_in: Browser
) -> None:
    url = hand_over(logged_in)
    other = installation.browser()
    bare = other.step(url)
    assert (bare.status_code, "set-cookie" in bare.headers) == (400, False)
    other.step(f"{WIKI}/")
    answer = other.step(url)
    assert "set-cookie" not in answer.headers
    assert (answer.status_code, answer.headers["location"]) == (302, "/page")
    assert "CF_Authorization=" in logged_in.step(url).headers["set-cookie"]


def test_L08_hand_over_on_another_host_is_refused(logged_in: Browser) -> None:
    logged_in.step(f"{ADMIN}/")
    answer = logged_in.step(hand_over(logged_in).replace(WIKI, ADMIN))
    assert (answer.status_code, "set-cookie" in answer.headers) == (400, False)


def test_L08_hand_over_after_five_minutes_is_refused(
    installation: Installation, logged_in: Browser
) -> None:
    url = hand_over(logged_in)
    installation.clock.advance(301)
    answer = logged_in.step(url)
    assert (answer.status_code, "set-cookie" in answer.headers) == (400, False)


@pytest.mark.parametrize("query", ["", "?nonce=a&state=b", "?nonce=&state=", "?state=x.y.z"])
def test_L08_forged_or_absent_hand_over_is_refused(logged_in: Browser, query: str) -> None:
    answer = logged_in.step(f"{WIKI}/cdn-cgi/access/authorized{query}")
    assert (answer.status_code, "set-cookie" in answer.headers) == (400, False)


def test_L08_hand_over_with_a_changed_nonce_or_state_is_refused(logged_in: Browser) -> None:
    url = hand_over(logged_in)
    query = parse_qs(urlsplit(url).query)
    state = query["state"][0]
    flipped = state[:-3] + ("A" if state[-3] != "A" else "B") + state[-2:]
    base = f"{WIKI}/cdn-cgi/access/authorized"
    for nonce, given in ((query["nonce"][0] + "x", state), (query["nonce"][0], flipped)):
        answer = logged_in.step(f"{base}?nonce={nonce}&state={given}")
        assert (answer.status_code, "set-cookie" in answer.headers) == (400, False)


def test_hand_over_after_logout_sets_no_cookie(
    installation: Installation, logged_in: Browser
) -> None:
    url = hand_over(logged_in)
    logged_in.get(f"{TEAM}/cdn-cgi/access/logout")
    answer = logged_in.step(url)
    assert "set-cookie" not in answer.headers
    assert answer.headers["location"] == "/page"


def test_hand_over_after_the_rules_changed_judges_by_the_new_ones(
    installation: Installation, logged_in: Browser
) -> None:
    url = hand_over(logged_in)
    rule = "include: [{email_domain: {domain: example.com}}]"
    installation.configure(BASE.replace(rule, "include: [{email: {email: bob@example.com}}]"))
    answer = logged_in.step(url)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_a_token_is_never_issued_in_the_second_of_a_change_that_concerns_it(
    installation: Installation, logged_in: Browser
) -> None:
    url = hand_over(logged_in)
    changed_at = int(installation.clock().timestamp())
    installation.configure(BASE.replace("name: staff,", "name: staff, session_duration: 2h,"))
    answer = logged_in.step(url)
    assert int(installation.clock().timestamp()) > changed_at
    assert "Max-Age=7200" in answer.headers["set-cookie"]
    assert logged_in.get(f"{WIKI}/page").json()["path"] == "/page"


def test_a_token_says_which_rules_and_revocations_it_is_younger_than(
    installation: Installation, browser: Browser
) -> None:
    def vouched() -> tuple[str, int]:
        browser.log_in(f"{WIKI}/")
        token = browser.cookie("CF_Authorization", "wiki.example.com")
        claims = jwt.decode(token or "", options={"verify_signature": False})
        issued, ends, newest = map(int, claims["times"].split(","))
        assert (issued, ends) == (claims["iat"], claims["exp"]) and issued > newest
        return claims["rules"], newest

    digest, newest = vouched()
    assert newest == 0
    assert re.fullmatch(r"[0-9]+[.][0-9a-f]{32}", digest)
    browser.get(f"{TEAM}/cdn-cgi/access/logout")
    at = int(installation.clock().timestamp())
    installation.clock.advance(61)
    assert vouched() == (digest, at)


def test_C05_attributes_of_every_cookie(installation: Installation, browser: Browser) -> None:
    first = browser.step(f"{WIKI}/")
    page = browser.step(first.headers["location"])
    session = page.headers["set-cookie"]
    assert session.startswith("CF_Session=")
    assert "; Path=/;" in session and "Max-Age=14400" in session
    for part in ("HttpOnly", "Secure", "SameSite=None"):
        assert part in session
    browser.log_in(f"{WIKI}/")
    browser.http.cookies.delete("CF_Authorization", domain="wiki.example.com")
    cookie = browser.step(hand_over(browser)).headers["set-cookie"]
    for part in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=86400", "Expires="):
        assert part in cookie
    assert "Domain" not in cookie
    assert len(cookie) < 4096


def test_durations_policy_before_application(tmp_path: Path) -> None:
    config = """
team: {url: "https://team.example.net"}
limits: {pins_per_hour: 100}
resources:
  identity_providers: [{name: PIN, type: onetimepin, config: {}}]
  applications:
    - name: One
      type: self_hosted
      session_duration: 30m
      destinations: [{type: public, uri: one.example.com}]
      policies:
        - name: a
          decision: allow
          include: [{email: {email: a@example.com}}]
          session_duration: 10m
        - {name: b, decision: allow, include: [{everyone: {}}]}
    - name: Zero
      type: self_hosted
      session_duration: 0s
      destinations: [{type: public, uri: zero.example.com}]
      policies: [{name: b, decision: allow, include: [{everyone: {}}]}]
"""
    with Installation(tmp_path, config) as installation:
        one = "https://one.example.com/"
        ages = []
        for email in ("a@example.com", "b@example.com"):
            browser = installation.browser()
            browser.log_in(one, email)
            browser.http.cookies.delete("CF_Authorization", domain="one.example.com")
            cookie = browser.step(hand_over(browser, one)).headers["set-cookie"]
            ages.append(cookie.split("Max-Age=")[1].split(";")[0])
        assert ages == ["600", "1800"]
        page = browser.get("https://zero.example.com/")
        assert "Zero" in page.text and page.url.host == "team.example.net"
        code_page = browser.submit(page, {"email": "b@example.com"})
        done = browser.submit(code_page, {"code": installation.mail.code()})
        assert done.json()["path"] == "/"
        installation.clock.advance(61)
        again = browser.get("https://zero.example.com/")
        assert again.url.host == "team.example.net"
        assert browser.get(one).status_code == 200


def test_L09_meta_that_is_tampered_with_late_or_foreign_is_an_error_page(
    installation: Installation, browser: Browser
) -> None:
    location = browser.step(f"{WIKI}/").headers["location"]
    query = parse_qs(urlsplit(location).query)
    meta = query["meta"][0]
    base = f"{TEAM}/cdn-cgi/access/login"
    for host, text in (
        ("wiki.example.com", meta[:-4] + "AAAA"),
        ("admin.example.com", meta),
        ("evil.example", meta),
        ("wiki.example.com", "x.y.z"),
    ):
        answer = browser.step(f"{base}/{host}?kid={query['kid'][0]}&meta={text}")
        assert (answer.status_code, "<form" in answer.text) == (400, False)
    installation.clock.advance(301)
    late = browser.step(location)
    assert (late.status_code, "<form" in late.text) == (400, False)


def test_L09_a_token_of_another_type_is_no_meta(
    installation: Installation, browser: Browser
) -> None:
    snapshot = installation.services.current()
    app = next(iter(snapshot.apps.values())).app
    now = installation.clock()
    issued = int(now.timestamp())
    claims = {
        "type": "app",
        "aud": [app.audience],
        "iss": TEAM,
        "sub": "x",
        "hostname": "wiki.example.com",
        "redirect_url": "/",
        "app_session_hash": hash_app_session("x"),
        "iat": issued,
        "exp": issued + int(timedelta(minutes=5).total_seconds()),
    }
    token = sign(claims, snapshot.keyring.current(now))
    answer = browser.step(f"{TEAM}/cdn-cgi/access/login/wiki.example.com?meta={token}")
    assert (answer.status_code, "<form" in answer.text) == (400, False)
