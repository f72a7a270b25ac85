"""Login through an OpenID provider, and what a forged or stolen answer comes to."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from lychgate.core.keys import Keyring
from lychgate.core.model import IdpId
from lychgate.web.idptest import test_url as url_of_test
from tests.support.oidc_fake import FakeProvider, FakeServer, Page, fake_server, page
from tests.web.configs import with_oidc
from tests.web.installation import TEAM, Browser, Installation, Shown

WIKI = "https://wiki.example.com"


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    """The listener behind `fake`."""
    with fake_server() as running:
        yield running


@pytest.fixture
def fake(server: FakeServer) -> FakeProvider:
    """A provider whose answers a test bends."""
    return server.fresh()


@pytest.fixture
def installation(tmp_path: Path, fake: FakeProvider) -> Iterator[Installation]:
    """One application, one provider, straight to it."""
    with Installation(tmp_path, with_oidc(fake.origin, auto_redirect=True)) as opened:
        yield opened


def to_provider(browser: Browser, url: str = f"{WIKI}/page") -> dict[str, str]:
    """Go as far as the provider; what it was given."""
    answer = browser.step(url)
    while urlsplit(answer.headers["location"]).path != "/authorize":
        answer = browser.step(answer.headers["location"])
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


def back(browser: Browser, asked: dict[str, str], fake: FakeProvider, **more: str) -> Shown:
    """Come back from the provider with a good code."""
    fake.nonce = asked["nonce"]
    query = {"code": "a code", "state": asked["state"], **more}
    return browser.http.get(f"{TEAM}/cdn-cgi/access/callback", params=query, follow_redirects=True)


def test_straight_to_the_only_provider_and_back_to_the_page(
    browser: Browser, fake: FakeProvider
) -> None:
    asked = to_provider(browser)
    assert asked["redirect_uri"] == f"{TEAM}/cdn-cgi/access/callback"
    assert asked["code_challenge_method"] == "S256"
    done = back(browser, asked, fake)
    assert done.json()["path"] == "/page"
    headers = done.json()["headers"]
    assert headers["cf-access-authenticated-user-email"] == "alice@example.com"


def test_the_login_page_offers_the_provider_by_name(tmp_path: Path, fake: FakeProvider) -> None:
    with Installation(tmp_path, with_oidc(fake.origin)) as installation:
        browser = installation.browser()
        shown = browser.get(f"{WIKI}/page")
        assert "Corp" in shown.text
        link = shown.text.split('href="/cdn-cgi/access/start/', 1)[1].split('"', 1)[0]
        url = f"{TEAM}/cdn-cgi/access/start/{link.replace('&amp;', '&')}"
        answer = browser.step(url + "&fragment=%23%2Fa%3Fb%3Dc%26d")
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        asked = {name: values[0] for name, values in query.items()}
        fake.nonce = asked["nonce"]
        answer = browser.step(f"{TEAM}/cdn-cgi/access/callback?code=c&state={asked['state']}")
        answer = browser.step(answer.headers["location"])
        assert answer.headers["location"] == "/page#/a?b=c&d"


def test_L03_callback_in_another_browser_is_refused(
    installation: Installation, browser: Browser, fake: FakeProvider
) -> None:
    asked = to_provider(browser)
    other = installation.browser()
    for _ in range(2):
        answer = back(other, asked, fake)
        assert answer.status_code == 400
        assert "set-cookie" not in answer.headers
        other.get(f"{TEAM}/cdn-cgi/access/certs")
        other.step(other.step(f"{WIKI}/").headers["location"])
    assert fake.asked("/token") == []


def test_L04_state_used_twice_is_refused_and_the_provider_is_not_asked(
    browser: Browser, fake: FakeProvider
) -> None:
    asked = to_provider(browser)
    assert back(browser, asked, fake).status_code == 200
    assert back(browser, asked, fake).status_code == 400
    assert len(fake.asked("/token")) == 1


def test_L04_state_with_a_flipped_bit_is_refused(browser: Browser, fake: FakeProvider) -> None:
    asked = to_provider(browser)
    state = asked["state"]
    for index in (0, 5, 20, len(state) // 2, len(state) - 2):
        letter = "A" if state[index] != "A" else "B"
        forged = {**asked, "state": state[:index] + letter + state[index + 1 :]}
        assert back(browser, forged, fake).status_code == 400
    assert fake.asked("/token") == []


def test_L04_state_after_ten_minutes_is_refused(
    installation: Installation, browser: Browser, fake: FakeProvider
) -> None:
    asked = to_provider(browser)
    installation.clock.advance(601)
    assert back(browser, asked, fake).status_code == 400
    assert fake.asked("/token") == []


def test_L05_a_code_with_the_state_of_another_login_is_refused(
    installation: Installation, browser: Browser, fake: FakeProvider
) -> None:
    victims = to_provider(installation.browser())
    attackers = to_provider(browser)
    fake.nonce = victims["nonce"]
    query = {"code": "the victim's code", "state": attackers["state"]}
    answer = browser.http.get(f"{TEAM}/cdn-cgi/access/callback", params=query)
    assert answer.status_code >= 400
    assert "CF_Authorization" not in answer.headers.get("set-cookie", "")
    verifier = fake.asked("/token")[0].form["code_verifier"]
    assert verifier


def test_L06_a_bad_id_token_makes_no_person(
    installation: Installation, browser: Browser, fake: FakeProvider
) -> None:
    for bent in ({"aud": "another"}, {"exp": 1}, {"sub": None}, {"nonce": "another"}):
        asked = to_provider(browser)
        fake.claims = {"email": "alice@example.com", **bent}
        answer = back(browser, asked, fake)
        assert answer.status_code >= 400
        assert "Traceback" not in answer.text
    assert installation.store.users.list() == ()


def test_L07_an_answer_that_names_another_issuer_is_refused(
    browser: Browser, fake: FakeProvider
) -> None:
    assert back(browser, to_provider(browser), fake).status_code == 200
    browser.get(f"{TEAM}/cdn-cgi/access/logout")
    asked = to_provider(browser)
    answer = back(browser, asked, fake, iss="https://other.example")
    assert answer.status_code >= 400


def test_L16_a_provider_removed_between_redirect_and_callback_is_refused(
    installation: Installation, browser: Browser, fake: FakeProvider
) -> None:
    asked = to_provider(browser)
    installation.configure(with_oidc(fake.origin).replace("name: Corp", "name: Other"))
    assert back(browser, asked, fake).status_code == 400
    assert fake.asked("/token") == []


def test_a_provider_that_is_down_gets_a_page_that_says_so(
    browser: Browser, fake: FakeProvider
) -> None:
    asked = to_provider(browser)
    fake.routes["/token"] = lambda _: Page(b"oops", 500)
    answer = back(browser, asked, fake)
    assert answer.status_code == 502
    assert "Corp" in answer.text
    assert "/cdn-cgi/access/choose?visit=" in answer.text


def test_W02_what_the_provider_says_of_an_error_is_inert(
    browser: Browser, fake: FakeProvider
) -> None:
    asked = to_provider(browser)
    evil = "<script>alert(1)</script>"
    query = {"error": "access_denied", "error_description": evil, "state": asked["state"]}
    answer = browser.http.get(f"{TEAM}/cdn-cgi/access/callback", params=query)
    assert answer.status_code == 400
    assert evil not in answer.text


def test_refresh_identity_goes_to_the_same_provider_and_reads_groups_anew(
    installation: Installation, browser: Browser, fake: FakeProvider
) -> None:
    back(browser, to_provider(browser), fake)
    fake.claims = {**fake.claims, "groups": ["new"]}
    asked = to_provider(browser, f"{TEAM}/cdn-cgi/access/refresh-identity")
    done = back(browser, asked, fake)
    assert str(done.url).endswith("?success=true")
    document = browser.get(f"{TEAM}/cdn-cgi/access/get-identity").json()
    assert document["groups"] == ["new"]
    installation.catch_up()
    assert browser.get(f"{WIKI}/").status_code == 200


def _test_url(installation: Installation) -> str:
    snapshot = installation.services.current()
    idp = next(iter(snapshot.idps))
    keyring: Keyring = snapshot.keyring
    return url_of_test(installation.settings.team, keyring, idp, installation.clock, bytes(12))


def test_testing_a_provider_shows_the_identity_and_makes_no_session(
    installation: Installation, browser: Browser, fake: FakeProvider
) -> None:
    asked = to_provider(browser, _test_url(installation))
    done = back(browser, asked, fake)
    assert "Your connection works!" in done.text
    assert "alice@example.com" in done.text
    assert browser.cookie("CF_Authorization", "team.example.net") is None
    assert installation.store.sessions.live() == ()
    assert installation.store.users.list() == ()


def test_testing_a_provider_that_answers_rubbish_explains_it(
    installation: Installation, browser: Browser, fake: FakeProvider
) -> None:
    asked = to_provider(browser, _test_url(installation))
    fake.routes["/jwks"] = lambda _: page({"keys": []})
    done = back(browser, asked, fake)
    assert "The connection does not work" in done.text


def test_the_link_of_a_provider_test_is_signed_and_good_for_ten_minutes(
    installation: Installation, browser: Browser
) -> None:
    url = _test_url(installation)
    assert browser.step(url[:-3] + "AAA").status_code == 400
    other = url.replace("/idp-test/", f"/idp-test/{IdpId('x')}")
    assert browser.step(other).status_code == 400
    installation.clock.advance(601)
    assert browser.step(url).status_code == 400
