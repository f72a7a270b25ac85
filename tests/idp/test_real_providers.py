"""Whole logins through identity providers that this project did not write."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from time import time
from typing import Any

import pytest

from lychgate.idp import (
    Attempt,
    Failure,
    LoginFailed,
    LoginMethod,
    Profile,
    Redirection,
    method_for,
    report,
)
from lychgate.outbound import Outbound
from tests.idp.conftest import ATTEMPT, a_provider, failure, profile
from tests.support.oidc_canaille import canaille
from tests.support.oidc_npm import oidc_provider
from tests.support.oidc_running import Running

GUIDE = ("auth_url", "token_url", "certs_url")
"""What a provider's guide tells to fill in, besides client id and secret."""


@pytest.fixture(scope="module")
def plain() -> Iterator[Running]:
    with oidc_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def authentik() -> Iterator[Running]:
    with oidc_provider("authentik", email_verified=False) as provider:
        yield provider


@pytest.fixture(scope="module")
def french() -> Iterator[Running]:
    with canaille() as provider:
        yield provider


class Visitor:
    """Somebody who goes through one login after the other."""

    def __init__(self, http: Outbound, provider: Running, **more: Any) -> None:
        self.http = http
        self.provider = provider
        self.idp = a_provider({**provider.config(*GUIDE), **more})
        self.method: LoginMethod = method_for(self.idp, provider.client_secret)
        self.logins = 0

    def now(self) -> datetime:
        return datetime.fromtimestamp(time(), UTC)

    def attempt(self) -> Attempt:
        self.logins += 1
        nonce = f"nonce {self.logins} of {id(self)}"
        return replace(ATTEMPT, nonce=nonce, redirect_uri=self.provider.callback)

    def answer(self, attempt: Attempt, person: str) -> dict[str, str]:
        begun = self.method.begin(attempt, self.http, self.now())
        assert isinstance(begun, Redirection), begun
        return self.provider.log_in(begun.url, person)

    def finish(self, attempt: Attempt, answer: dict[str, str]) -> Profile | LoginFailed:
        return self.method.finish(attempt, answer, self.http, self.now())

    def log_in(self, person: str) -> Profile | LoginFailed:
        attempt = self.attempt()
        answer = self.answer(attempt, person)
        assert answer["state"] == attempt.state
        return self.finish(attempt, answer)


class TestOidcProvider:
    def test_claims_that_only_userinfo_has(self, http: Outbound, plain: Running) -> None:
        person = profile(Visitor(http, plain, claims=["department"]).log_in("alice"))
        assert (person.subject, person.email, person.name) == (
            "alice",
            "alice@example.com",
            "Alice Adams",
        )
        assert person.groups == ("staff", "admins")
        assert person.claims == {"department": "engineering"}
        assert person.email_verified is True

    def test_a_mixed_case_address_and_a_name_of_many_alphabets(
        self, http: Outbound, plain: Running
    ) -> None:
        person = profile(Visitor(http, plain).log_in("bob"))
        assert (person.email, person.name) == ("bob.mueller@example.com", "Bob Müller 🦊")

    def test_a_look_alike_domain_stays_what_it_is(self, http: Outbound, plain: Running) -> None:
        person = profile(Visitor(http, plain).log_in("mallory"))
        assert person.email == "mallory@example.com.evil.test"

    def test_a_person_without_address(self, http: Outbound, plain: Running) -> None:
        assert failure(Visitor(http, plain).log_in("nomail")).code is Failure.EMAIL_MISSING

    def test_by_discovery(self, http: Outbound, plain: Running) -> None:
        visitor = Visitor(http, plain)
        visitor.idp = a_provider(plain.config("discovery_url"))
        visitor.method = method_for(visitor.idp, plain.client_secret)
        person = profile(visitor.log_in("alice"))
        assert person.issuer == plain.urls["issuer"]

    def test_the_secret_in_the_body(self, http: Outbound, plain: Running) -> None:
        visitor = Visitor(http, plain, token_endpoint_auth_method="client_secret_post")
        profile(visitor.log_in("alice"))

    def test_a_code_works_once(self, http: Outbound, plain: Running) -> None:
        visitor = Visitor(http, plain)
        attempt = visitor.attempt()
        answer = visitor.answer(attempt, "alice")
        profile(visitor.finish(attempt, answer))
        again = failure(visitor.finish(attempt, answer))
        assert again.code is Failure.BAD_ANSWER
        assert "invalid_grant" in again.detail

    @pytest.mark.parametrize("pkce", [True, False])
    def test_l05_a_code_of_another_login_is_refused(
        self, http: Outbound, plain: Running, pkce: bool
    ) -> None:
        visitor = Visitor(http, plain, pkce_enabled=pkce)
        stolen = visitor.answer(visitor.attempt(), "alice")
        mine = replace(visitor.attempt(), code_verifier="z" * 64)
        outcome = failure(visitor.finish(mine, stolen))
        assert outcome.code is (Failure.BAD_ANSWER if pkce else Failure.INVALID_TOKEN)

    def test_l07_an_answer_that_says_another_issuer(self, http: Outbound, plain: Running) -> None:
        visitor = Visitor(http, plain)
        attempt = visitor.attempt()
        answer = visitor.answer(attempt, "alice")
        assert answer["iss"] == plain.urls["issuer"]
        answer["iss"] = "https://another.example"
        assert failure(visitor.finish(attempt, answer)).code is Failure.MIX_UP

    def test_a_wrong_secret_says_what_is_wrong(self, http: Outbound, plain: Running) -> None:
        visitor = Visitor(http, plain)
        visitor.method = method_for(visitor.idp, "wrong")
        outcome = failure(visitor.log_in("alice"))
        assert "invalid_client" in outcome.detail

    @pytest.mark.parametrize("algorithm", ["PS384", "ES512", "EdDSA"])
    def test_other_signatures_and_required_pkce(self, http: Outbound, algorithm: str) -> None:
        with oidc_provider(algorithm=algorithm, pkce_required=True) as provider:
            person = profile(Visitor(http, provider, pkce_enabled=True).log_in("alice"))
            assert person.groups == ("staff", "admins")


class TestAuthentik:
    """The URL layout, claims and `email_verified: false` of a stock authentik."""

    def test_the_fields_of_its_guide_are_enough(self, http: Outbound, authentik: Running) -> None:
        assert authentik.urls["auth_url"].endswith("/application/o/authorize/")
        visitor = Visitor(http, authentik)
        person = profile(visitor.log_in("alice"))
        assert person.email == "alice@example.com"
        assert person.email_verified is False
        assert person.groups == ("staff", "admins")
        assert person.issuer.endswith("/application/o/lychgate/")

    def test_the_test_says_that_the_address_is_not_verified(
        self, http: Outbound, authentik: Running
    ) -> None:
        visitor = Visitor(http, authentik)
        said = report(visitor.idp, visitor.log_in("bob"))
        assert said.ok
        assert "NOT verified" in " ".join(said.lines)

    def test_l11_who_insists_on_verified_addresses_gets_them(
        self, http: Outbound, authentik: Running
    ) -> None:
        visitor = Visitor(http, authentik, require_email_verified=True)
        assert failure(visitor.log_in("alice")).code is Failure.EMAIL_UNVERIFIED

    def test_with_pkce(self, http: Outbound, authentik: Running) -> None:
        profile(Visitor(http, authentik, pkce_enabled=True).log_in("alice"))

    def test_what_the_id_token_lacks_is_found_over_its_issuer(
        self, http: Outbound, authentik: Running
    ) -> None:
        visitor = Visitor(http, authentik, claims=["nowhere"])
        assert profile(visitor.log_in("alice")).claims == {}


class TestCanaille:
    def test_rs512_and_a_fraction_in_auth_time(self, http: Outbound, french: Running) -> None:
        person = profile(Visitor(http, french).log_in("alice"))
        assert (person.subject, person.email) == ("alice", "alice@example.com")
        assert person.amr == ("pwd",)
        assert isinstance(person.raw["auth_time"], float)

    def test_groups_by_their_scope(self, http: Outbound, french: Running) -> None:
        scopes = ["openid", "email", "profile", "groups"]
        person = profile(Visitor(http, french, scopes=scopes).log_in("alice"))
        assert person.groups == ("admins",)

    def test_by_discovery_with_pkce(self, http: Outbound, french: Running) -> None:
        visitor = Visitor(http, french)
        visitor.idp = a_provider(french.config("discovery_url"))
        visitor.method = method_for(visitor.idp, french.client_secret)
        begun = visitor.method.begin(visitor.attempt(), http, visitor.now())
        assert isinstance(begun, Redirection)
        assert "code_challenge_method=S256" in begun.url
        assert profile(visitor.log_in("bob")).email == "bob.mueller@example.com"
