"""GitHub, played by the bendable provider: verified address, organisations, teams."""

from typing import Any

import pytest

from lychgate.idp import Failure, Redirection
from lychgate.outbound import Outbound
from tests.idp.conftest import Login, failure, profile
from tests.idp.forged import ANSWERED, EMAILS, Bend
from tests.support.oidc_fake import FakeProvider, Page, Sent, page

PRIMARY = {"email": "Alice@Example.com", "primary": True, "verified": True}


@pytest.fixture
def github(fake: FakeProvider, http: Outbound) -> Login:
    """A GitHub with one person in two organisations."""
    fake.routes |= {
        "/token": lambda _: page({"access_token": "gho_x", "token_type": "bearer"}),
        "/user": lambda _: page({"id": 42, "login": "alice", "name": None, "email": "x@evil.test"}),
        "/user/emails": lambda _: page([{"email": "old@example.org"}, PRIMARY]),
        "/user/orgs": lambda _: page([{"login": "Acme"}, {"login": "Other"}]),
        "/user/teams": lambda _: page([{"slug": "Core", "organization": {"login": "ACME"}}]),
    }
    return Login(fake, http, "github", fake.config(api_url=fake.origin))


def test_primary_address_organisations_and_teams(github: Login) -> None:
    person = profile(github.finish())
    assert (person.subject, person.email, person.name) == ("42", "alice@example.com", "alice")
    assert person.groups == ("acme", "other", "acme/core")
    assert person.email_verified is True
    sent = github.fake.asked("/token")[0]
    assert sent.form["code_verifier"] == github.attempt.code_verifier
    assert sent.form["client_secret"] == "only for tests"
    assert github.fake.asked("/user")[0].headers["authorization"] == "Bearer gho_x"


def test_its_own_urls_and_scopes(fake: FakeProvider, http: Outbound) -> None:
    begun = Login(fake, http, "github", {"client_id": "lychgate"}).begin()
    assert isinstance(begun, Redirection)
    assert begun.url.startswith("https://github.com/login/oauth/authorize?")
    assert "scope=read%3Auser+user%3Aemail+read%3Aorg" in begun.url
    assert "code_challenge_method=S256" in begun.url


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_l11_an_address_that_is_not_verified(github: Login, verified: Any) -> None:
    github.fake.routes["/user/emails"] = lambda _: page([{**PRIMARY, "verified": verified}])
    assert failure(github.finish()).code is Failure.EMAIL_UNVERIFIED


def test_l11_another_verified_address_does_not_count(github: Login) -> None:
    other = {"email": "root@example.com", "primary": False, "verified": True}
    github.fake.routes["/user/emails"] = lambda _: page([other])
    assert failure(github.finish()).code is Failure.EMAIL_MISSING


@pytest.mark.parametrize("email", [row[1] for row in EMAILS], ids=[row[0] for row in EMAILS])
def test_l11_an_odd_address(github: Login, email: Any) -> None:
    github.fake.routes["/user/emails"] = lambda _: page([{**PRIMARY, "email": email}])
    assert failure(github.finish()).code is Failure.EMAIL_INVALID


@pytest.mark.parametrize("path", ["/user", "/user/emails", "/user/orgs", "/user/teams"])
@pytest.mark.parametrize("answer", [page({}, 500), page("x"), page([1]), Page(b"<html>"), page({})])
def test_a_useless_answer_ends_the_login(github: Login, path: str, answer: Page) -> None:
    github.fake.routes[path] = lambda _: answer
    assert failure(github.finish()).code is Failure.USER_INFO


@pytest.mark.parametrize(
    ("bend", "code"), [row[1:] for row in ANSWERED], ids=[row[0] for row in ANSWERED]
)
def test_a_useless_token_answer(github: Login, bend: Bend, code: Failure) -> None:
    bend(github.fake)
    failure(github.finish())
    assert github.fake.asked("/user") == []


def test_every_page_of_organisations_is_read(github: Login) -> None:
    def orgs(sent: Sent) -> Page:
        start = (int(sent.query["page"]) - 1) * 100
        return page([{"login": f"org{n}"} for n in range(start, min(start + 100, 250))])

    github.fake.routes["/user/orgs"] = orgs
    assert len(profile(github.finish()).groups) == 251


def test_r04_pages_without_end(github: Login) -> None:
    endless = page([{"login": "org"}] * 100)
    github.fake.routes["/user/orgs"] = lambda _: endless
    assert failure(github.finish()).code is Failure.USER_INFO
    assert len(github.fake.asked("/user/orgs")) == 20


def test_l07_the_issuer_of_another_provider(github: Login) -> None:
    assert failure(github.finish(iss="https://another.example")).code is Failure.MIX_UP
    assert github.fake.received == []
