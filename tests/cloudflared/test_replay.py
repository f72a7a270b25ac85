"""Every request that `cloudflared access` sends, of both generations, through both proxies."""

import threading
import time

import jwt
import pytest

from tests.cloudflared.browser import Browser
from tests.cloudflared.client import ALIAS, NEW, TRANSFER, Cloudflared, Failed
from tests.support.both import claims_of
from tests.support.catalogue import ALICE, BOB, TEAM, Catalogue
from tests.support.front import exchange, request_bytes

ROOT = "https://a.example/"
SPOILED = "eyJhbGciOiJSUzI1NiJ9.e30.AAAA"


class Waiting(threading.Thread):
    """A `cloudflared` that waits for the browser."""

    def __init__(self, client: Cloudflared) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.tokens: dict[str, str] = {}
        self.start()
        time.sleep(0.2)

    def run(self) -> None:
        """Wait for the tokens."""
        self.tokens = self.client.collect()

    def done(self) -> dict[str, str]:
        """What it got."""
        self.join(20)
        assert not self.is_alive()
        return self.tokens


# -- finding the application --------------------------------------------------------------------


def test_both_generations_find_the_application(
    client: Cloudflared, installation: Catalogue
) -> None:
    found = client.discover("https://x.w.example/some/page")
    assert found.audience == installation.aud("W")
    assert found.domain == "*.w.example"
    assert found.auth_domain == (ALIAS if client.agent == NEW else TEAM)


@pytest.mark.parametrize("path", ["/managed/x", "/admin", "/"])
def test_the_path_decides_which_application_it_is(
    client: Cloudflared, installation: Catalogue, path: str
) -> None:
    name = {"/managed/x": "MANAGED", "/admin": "ADM", "/": "ROOT"}[path]
    assert client.discover(f"https://a.example{path}").audience == installation.aud(name)


def test_the_header_is_on_whatever_is_answered(front: str, installation: Catalogue) -> None:
    client = Cloudflared(front)
    token = installation.token(ALICE, "ROOT")
    answers: dict[str, tuple[str, dict[str, str]]] = {
        "a redirect to the login": (ROOT, {}),
        "the origin, for a person": (ROOT, {"cookie": f"CF_Authorization={token}"}),
        "the origin, by bypass": ("https://a.example/public/page", {}),
        "a refusal": ("https://named.example/", {}),
        "a preflight": ("https://preflight.example/", {"origin": "https://b.example"}),
    }
    for what, (url, headers) in answers.items():
        claims = client.metadata(url, **headers)
        assert claims["hostname"] == url.split("/")[2], what
        assert set(claims) == {"type", "hostname", "auth_domain", "aud", "app_hostname", "iat"}
    assert {one.target for one in installation.log.read()} == {"/", "/public/page"}
    assert not any(one.all("cf-access-metadata-request") for one in installation.log.read())


def test_no_application_no_header(front: str) -> None:
    with pytest.raises(Failed, match="failed to find"):
        Cloudflared(front).metadata("https://free.example/")
    answer = Cloudflared(front).ask("HEAD", ROOT, cf_access_metadata_request="yes please")
    assert "cf-access-metadata" not in answer.headers


def test_an_origin_cannot_name_the_application(front: str, installation: Catalogue) -> None:
    answer = Cloudflared(front).ask(
        "GET", "https://a.example/public/x", cf_access_metadata_request="true"
    )
    assert len(answer.headers.get_list("cf-access-metadata")) == 1


def test_the_old_generation_reads_refusals_too(front: str, installation: Catalogue) -> None:
    answer = Cloudflared(front).ask("HEAD", "https://named.example/")
    assert answer.status_code == 403
    assert answer.headers["cf-access-aud"] == installation.aud("NAMED")
    assert answer.headers["cf-access-domain"] == "named.example"


# -- login --------------------------------------------------------------------------------------


def test_a_person_logs_in_and_the_tokens_work(
    client: Cloudflared, browser: Browser, installation: Catalogue
) -> None:
    info = client.discover(ROOT)
    waiting = Waiting(client)
    page = browser.get(client.browser_url(ROOT, info))
    question = browser.log_in(page, ALICE)
    assert "Sign in your command line?" in question.text
    assert ALICE in question.text
    done = browser.submit(question, {"decision": "approve"})
    assert done.status_code == 200 and "<p data-close" not in done.text
    tokens = waiting.done()
    app, org = claims_of(tokens["app_token"]), claims_of(tokens["org_token"])
    assert (app["type"], app["aud"], app["email"]) == ("app", [info.audience], ALICE)
    assert (org["type"], org["email"]) == ("org", ALICE)
    assert jwt.get_unverified_header(tokens["app_token"])["alg"] == "RS256"
    assert client.still_good(ROOT, tokens["app_token"])
    used = client.ask("GET", "https://a.example/page", cf_access_token=tokens["app_token"])
    assert used.status_code == 200
    seen = installation.log.read()[-1]
    assert seen.all("cf-access-jwt-assertion") == (tokens["app_token"],)
    assert seen.all("cf-access-token") == ()
    exchanged = client.exchange("https://b.example/", tokens["org_token"])
    assert claims_of(exchanged)["aud"] == [installation.aud("B")]


def test_it_is_handed_out_once(front: str, browser: Browser) -> None:
    client = Cloudflared(front)
    browser.knows(ALICE)
    question = browser.get(client.browser_url(ROOT, client.discover(ROOT)))
    browser.submit(question, {"decision": "approve"})
    first = client.wait(60)
    assert set(client.open(first)) == {"app_token", "org_token"}
    with pytest.raises(Exception, match="timed out"):
        client.wait(1)


def test_a_page_is_good_for_one_approval_in_its_browser(front: str, browser: Browser) -> None:
    client = Cloudflared(front)
    browser.knows(ALICE)
    question = browser.get(client.browser_url(ROOT, client.discover(ROOT)))
    assert browser.submit(question, {"decision": "approve"}, "cross-site").status_code == 403
    assert browser.submit(question, {"decision": "approve"}).status_code == 200
    assert browser.submit(question, {"decision": "approve"}).status_code == 400


def test_somebody_elses_browser_cannot_use_the_page(
    front: str, browser: Browser, installation: Catalogue
) -> None:
    client = Cloudflared(front)
    browser.knows(ALICE)
    question = browser.get(client.browser_url(ROOT, client.discover(ROOT)))
    with Browser(front, installation) as other:
        other.knows(ALICE)
        assert other.get(str(question.url)).status_code == 400
        assert other.submit(question, {"decision": "approve"}).status_code == 400


def test_no_means_no(front: str, browser: Browser) -> None:
    client = Cloudflared(front)
    browser.knows(ALICE)
    question = browser.get(client.browser_url(ROOT, client.discover(ROOT)))
    assert "Not approved" in browser.submit(question, {"decision": "refuse"}).text
    with pytest.raises(Exception, match="timed out"):
        client.wait(1)


def test_an_application_may_do_without_the_question(front: str, browser: Browser) -> None:
    client = Cloudflared(front)
    url = "https://a.example/quick/x"
    browser.knows(ALICE)
    opened = client.browser_url(url, client.discover(url), close=True)
    waiting = Waiting(client)
    done = browser.get(opened)
    assert "<p data-close" in done.text
    tokens = waiting.done()
    assert claims_of(tokens["app_token"])["email"] == ALICE
    assert set(tokens) == {"app_token"}  # the link alone never brings the team session


def test_other_sites_cannot_fetch_the_hand_over(front: str, browser: Browser) -> None:
    client = Cloudflared(front)
    url = "https://a.example/quick/x"
    browser.knows(ALICE)
    hidden = {"sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}
    opened = client.browser_url(url, client.discover(url))
    answer = browser.get(opened, sec_fetch_site="cross-site", **hidden)
    assert answer.status_code == 403
    with pytest.raises(Exception, match="timed out"):
        client.wait(1)


def test_those_who_may_not_enter_leave_nothing(front: str, browser: Browser) -> None:
    client = Cloudflared(front)
    browser.knows(BOB)
    answer = browser.get(client.browser_url(ROOT, client.discover(ROOT)))
    assert answer.status_code == 403
    assert "command line" not in answer.text


def _changed(url: str, **changed: str) -> str:
    parts = dict(part.split("=", 1) for part in url.partition("?")[2].split("&"))
    parts |= changed
    return url.partition("?")[0] + "?" + "&".join(f"{k}={v}" for k, v in parts.items() if v)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"token": ""}, id="no key"),
        pytest.param({"token": "c2hvcnQ="}, id="a short key"),
        pytest.param({"token": "A" * 43 + "="}, id="a key that is no point"),
        pytest.param({"token": "%C3%A4" * 20}, id="no base64"),
        pytest.param({"aud": "0" * 64}, id="an application that is not there"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    front: str, browser: Browser, changed: dict[str, str]
) -> None:
    client = Cloudflared(front)
    browser.knows(ALICE)
    url = client.browser_url(ROOT, client.discover(ROOT))
    assert browser.get(_changed(url, **changed)).status_code == 400


def test_an_application_of_another_host_is_refused(
    front: str, browser: Browser, installation: Catalogue
) -> None:
    client = Cloudflared(front)
    url = client.browser_url(ROOT, client.discover(ROOT))
    assert browser.get(_changed(url, aud=installation.aud("B"))).status_code == 400


def test_sessions_bound_to_a_browser_stay_there(front: str, browser: Browser) -> None:
    client = Cloudflared(front)
    url = "https://bound.example/"
    assert browser.get(client.browser_url(url, client.discover(url))).status_code == 400


# -- checking and exchanging tokens -------------------------------------------------------------


@pytest.mark.parametrize("name", ["ROOT", "MANAGED"])
def test_a_spoiled_token_is_thrown_away(
    client: Cloudflared, installation: Catalogue, name: str
) -> None:
    url = {"ROOT": ROOT, "MANAGED": "https://a.example/managed/x"}[name]
    assert client.still_good(url, installation.token(ALICE, name))
    assert not client.still_good(url, SPOILED)
    assert not client.still_good(url, installation.token(ALICE, name, exp=int(time.time()) - 5))
    assert not client.still_good(url, installation.token(ALICE, "B"))


def test_the_token_header_goes_before_any_cookie(front: str, installation: Catalogue) -> None:
    client = Cloudflared(front)
    good = installation.token(ALICE, "ROOT")
    answer = client.ask(
        "GET",
        f"{ROOT}?cloudflared_token_check=true",
        cf_access_token=SPOILED,
        cookie=f"CF_Authorization={good}",
    )
    assert answer.status_code == 302


def test_a_team_session_is_exchanged_without_a_page(
    client: Cloudflared, installation: Catalogue
) -> None:
    org = installation.sign(installation.org_claims(ALICE))
    for url, name in ((ROOT, "ROOT"), ("https://a.example/managed/x", "MANAGED")):
        token = client.exchange(url, org)
        assert claims_of(token)["aud"] == [installation.aud(name)]
        assert client.still_good(url, token)


def test_a_spoiled_team_session_is_not_exchanged(client: Cloudflared) -> None:
    with pytest.raises(Failed, match="did not contain app token"):
        client.exchange(ROOT, SPOILED)


# -- what else it sends -------------------------------------------------------------------------


def _upgrade(front: str, *headers: tuple[str, str]) -> int:
    websocket = (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
        ("User-Agent", NEW),
    )
    host, _, port = front.removeprefix("http://").partition(":")
    data = request_bytes("GET", "/", "a.example", (*websocket, *headers))
    return exchange((host, int(port)), data).status


def test_a_tunnel_opens_with_the_token_only(front: str, installation: Catalogue) -> None:
    assert _upgrade(front) == 302
    token = installation.token(ALICE, "ROOT")
    jump = ("Cf-Access-Jump-Destination", "db.internal:5432")
    assert _upgrade(front, ("Cf-Access-Token", token), jump) == 101
    assert installation.log.read()[-1].all("cf-access-jump-destination") == ("db.internal:5432",)


# -- the two names ------------------------------------------------------------------------------


def test_the_alias_serves_the_keys_and_sends_the_rest_on(front: str) -> None:
    client = Cloudflared(front)
    assert client.ask("GET", f"https://{ALIAS}/cdn-cgi/access/certs").status_code == 200
    answer = client.ask("GET", f"https://{ALIAS}/cdn-cgi/access/login/a.example?kid=1")
    assert answer.headers["location"] == f"https://{TEAM}/cdn-cgi/access/login/a.example?kid=1"


@pytest.mark.parametrize("path", ["/", "/transfer/", "/cdn-cgi/access/certs", "/transfer/a/b"])
def test_the_transfer_host_does_nothing_else(front: str, path: str) -> None:
    assert Cloudflared(front).ask("GET", f"https://{TRANSFER}{path}").status_code == 404


def test_a_key_that_is_none_is_answered_at_once(front: str) -> None:
    client = Cloudflared(front)
    assert client.ask("GET", f"https://{TRANSFER}/transfer/short").status_code == 404
    post = client.ask("POST", f"https://{TRANSFER}/transfer/{client.public_key}")
    assert post.status_code == 405
