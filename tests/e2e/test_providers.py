"""Whole logins: protected application, proxy, gate, a provider others wrote, and back again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.catalogue import wait_for
from tests.support.envoy import free_port
from tests.support.oidc_canaille import PASSWORDS, canaille
from tests.support.oidc_npm import oidc_provider
from tests.support.oidc_objects import resources
from tests.support.oidc_running import Running
from tests.support.oidc_visitor import Visitor
from tests.support.standing import Standing, callback_url, standing


@dataclass(frozen=True, slots=True)
class Kind:
    """A provider, and what is configured for it beyond the fields of the guide."""

    start: Callable[..., AbstractContextManager[Running]]
    groups: Sequence[str]
    """The groups of alice there."""
    more: dict[str, Any] = field(default_factory=dict)
    verified: bool | None = None


@contextmanager
def authentik(callback: str) -> Iterator[Running]:
    """The layout, claims and `email_verified: false` of a stock authentik."""
    with oidc_provider("authentik", email_verified=False, callback=callback) as provider:
        yield provider


KINDS = {
    "canaille": Kind(
        canaille, ["admins"], {"scopes": ["openid", "email", "profile", "groups"]}, None
    ),
    "oidc-provider": Kind(
        oidc_provider,
        ["staff", "admins"],
        {"claims": ["department"], "pkce_enabled": True},
        True,
    ),
    "authentik": Kind(authentik, ["staff", "admins"], {}, False),
}


@dataclass(frozen=True, slots=True)
class Place:
    """One provider in front of one installation."""

    kind: Kind
    provider: Running
    site: Standing


@pytest.fixture(
    scope="module",
    params=[
        ("canaille", "envoy"),
        ("oidc-provider", "envoy"),
        ("authentik", "envoy"),
        ("authentik", "mitmproxy"),
    ],
    ids="-".join,
)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """Each provider behind Envoy, and one behind mitmproxy too."""
    name, proxy = request.param
    kind, port = KINDS[name], free_port()
    with kind.start(callback=callback_url(port)) as provider:
        objects = resources(provider, **kind.more)
        with standing(tmp_path_factory.mktemp(name), objects, port, proxy) as site:
            yield Place(kind, provider, site)
            output = site.output()
    assert "Traceback" not in output
    assert provider.client_secret not in output


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with Visitor() as fresh:
        yield fresh


def received(page: httpx.Response) -> dict[str, str]:
    """The headers that the origin got, as its page shows them."""
    assert page.status_code == 200, (str(page.url), page.text[:2000])
    return {name.lower(): value for name, value in page.json()["headers"]}


def verified(site: Standing, assertion: str) -> dict[str, Any]:
    """The claims of an assertion, checked as an origin checks them."""
    keys = {
        one["kid"]: one for one in httpx.get(f"{site.team}/cdn-cgi/access/certs").json()["keys"]
    }
    key = jwt.PyJWK(keys[jwt.get_unverified_header(assertion)["kid"]])
    whole = jwt.decode(assertion, options={"verify_signature": False})
    decoded: dict[str, Any] = jwt.decode(
        assertion, key, algorithms=["RS256"], audience=whole["aud"], issuer=site.team
    )
    return decoded


class TestTheWholeLogin:
    def test_from_the_application_to_its_origin(self, place: Place, visitor: Visitor) -> None:
        site = place.site
        site.log.clear()
        page = visitor.log_in(site.app("/deep/path?a=1&b=%2F"), place.provider, "alice")
        assert str(page.url) == site.app("/deep/path?a=1&b=%2F")
        headers = received(page)
        assert headers["cf-access-authenticated-user-email"] == "alice@example.com"
        claims = verified(site, headers["cf-access-jwt-assertion"])
        assert (claims["email"], claims["type"]) == ("alice@example.com", "app")
        (seen,) = site.log.read()
        assert seen.target == "/deep/path?a=1&b=%2F"

    def test_a_mixed_case_address_is_one_person(self, place: Place, visitor: Visitor) -> None:
        headers = received(visitor.log_in(place.site.app(), place.provider, "bob"))
        assert headers["cf-access-authenticated-user-email"] == "bob.mueller@example.com"
        document = visitor.open(place.site.app("/cdn-cgi/access/get-identity")).json()
        assert document["name"] == "Bob Müller 🦊"

    def test_get_identity_shows_groups_and_claims(self, place: Place, visitor: Visitor) -> None:
        visitor.log_in(place.site.app(), place.provider, "alice")
        for origin in (place.site.app(), place.site.team + "/"):
            document = visitor.open(f"{origin}cdn-cgi/access/get-identity").json()
            assert document["email"] == "alice@example.com"
            assert document["groups"] == list(place.kind.groups)
            assert document["idp"]["type"] == "oidc"
            wanted = place.kind.more.get("claims", [])
            assert document["oidc_fields"] == dict.fromkeys(wanted, "engineering")

    def test_a_second_application_asks_nobody(self, place: Place, visitor: Visitor) -> None:
        visitor.log_in(place.site.app(), place.provider, "alice")
        page = visitor.open(place.site.app("/second/x"))
        assert received(page)["cf-access-authenticated-user-email"] == "alice@example.com"

    def test_a_rule_on_groups(self, place: Place, visitor: Visitor) -> None:
        page = visitor.log_in(place.site.app("/admin"), place.provider, "alice")
        assert received(page)["cf-access-authenticated-user-email"] == "alice@example.com"
        with Visitor() as other:
            other.log_in(place.site.app(), place.provider, "bob")
            place.site.log.clear()
            refused = other.open(place.site.app("/admin"))
            assert refused.status_code == 403
            assert "bob.mueller@example.com" in refused.text
            assert place.site.log.read() == ()

    def test_a_rule_on_a_claim_needs_that_claim(self, place: Place, visitor: Visitor) -> None:
        page = visitor.log_in(place.site.app("/engineering"), place.provider, "alice")
        wanted = 200 if place.kind.more.get("claims") else 403
        assert page.status_code == wanted

    def test_logout_ends_it_everywhere(self, place: Place, visitor: Visitor) -> None:
        site = place.site
        visitor.log_in(site.app(), place.provider, "alice")
        kept = visitor.http.cookies.jar
        with Visitor() as thief:
            for cookie in kept:
                thief.http.cookies.jar.set_cookie(cookie)
            assert thief.open(site.app()).status_code == 200
            said = visitor.open(site.app("/cdn-cgi/access/logout"))
            assert said.status_code == 200
            wait_for(lambda: not _is_inside(thief, site), 2)
        assert not _is_inside(visitor, site)

    def test_the_test_of_a_provider(self, place: Place, visitor: Visitor) -> None:
        said = place.site.lychgate("idp", "test", "Work")
        assert said.returncode == 0, said.stderr
        url = said.stdout.split()[-1]
        sent = visitor.http.get(url, follow_redirects=False)
        answer = place.provider.log_in(sent.headers["location"], "alice")
        page = visitor.come_back(place.provider, answer)
        assert page.status_code == 200
        assert "Your connection works!" in page.text
        assert "alice@example.com" in page.text
        for group in place.kind.groups:
            assert group in page.text
        assert ("NOT verified" in page.text) is (place.kind.verified is False)
        assert not _is_inside(visitor, place.site), "a test makes no session"


class TestInChromium:
    """The same with a real browser, which keeps cookies and follows forms as people's do."""

    def test_login_second_application_logout(self, place: Place, context: BrowserContext) -> None:
        site, page = place.site, context.new_page()
        page.goto(site.app("/deep?a=1#part"))
        page.get_by_text("Continue with Work").click()
        _log_in_there(page, "alice")
        page.wait_for_url(site.app("/deep?a=1#part"))
        expect(page.locator("body")).to_contain_text("alice@example.com")

        second = context.new_page()
        second.goto(site.app("/second"))
        assert second.url == site.app("/second"), "a second login was asked for"
        expect(second.locator("body")).to_contain_text("alice@example.com")

        second.goto(site.team + "/cdn-cgi/access/logout")
        second.wait_for_timeout(1000)
        page.reload()
        expect(page.get_by_text("Continue with Work")).to_be_visible()


def _log_in_there(page: Page, person: str) -> None:
    """Fill in whatever forms the provider shows, until it has no more of them."""
    typed = {"login": person, "password": PASSWORDS[person]}
    team = page.url.split("/cdn-cgi/")[0]
    wait = page.wait_for_load_state
    for _ in range(6):
        wait()
        if page.url.startswith((team + "/", "http://localhost:")):
            return
        for name, value in typed.items():
            field = page.locator(f"input[name={name}]:visible")
            if field.count():
                field.fill(value)
        accept = page.locator("button[value=accept]")
        button = accept if accept.count() else page.locator("button[type=submit]:visible")
        with page.expect_navigation():
            button.first.click()


def _is_inside(visitor: Visitor, site: Standing) -> bool:
    return str(visitor.open(site.app()).url) == site.app()
