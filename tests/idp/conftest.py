"""A bendable provider for each test, and the steps of a login."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lychgate.core.model import IdentityProvider, IdpId
from lychgate.idp import Attempt, LoginFailed, LoginMethod, Profile, Redirection, method_for
from lychgate.outbound import Outbound
from tests.support.oidc_fake import CALLBACK, CLIENT_SECRET, FakeProvider, FakeServer, fake_server

# The verifier of RFC 7636 appendix B, whose challenge is given there.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
ATTEMPT = Attempt("the state", "the nonce of this login", VERIFIER, CALLBACK)


@pytest.fixture(scope="session")
def server() -> Iterator[FakeServer]:
    """The listener behind `fake`."""
    with fake_server() as server:
        yield server


@pytest.fixture
def fake(server: FakeServer) -> FakeProvider:
    """A tiny provider whose answers a test bends."""
    return server.fresh()


@pytest.fixture(scope="session")
def http() -> Outbound:
    """The client that every login shares."""
    return Outbound()


def a_provider(config: dict[str, Any], kind: str = "oidc") -> IdentityProvider:
    """A configured identity provider."""
    return IdentityProvider(IdpId("the-idp"), "Example", kind, config)


class Login:
    """One login method and the way through it against the bendable provider."""

    def __init__(
        self, fake: FakeProvider, http: Outbound, kind: str, config: dict[str, Any]
    ) -> None:
        self.fake = fake
        self.http = http
        self.idp = a_provider(config, kind)
        self.method: LoginMethod = method_for(self.idp, CLIENT_SECRET)
        self.attempt = replace(ATTEMPT)
        self.now = datetime.fromtimestamp(int(time.time()), UTC)

    def begin(self) -> Redirection | LoginFailed:
        """Where the visitor is sent."""
        return self.method.begin(self.attempt, self.http, self.now)

    def finish(self, **answer: str) -> Profile | LoginFailed:
        """What comes of the callback; a good code unless the answer says otherwise."""
        self.fake.nonce = self.attempt.nonce
        return self.method.finish(self.attempt, {"code": "a code", **answer}, self.http, self.now)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def login(fake: FakeProvider, http: Outbound) -> Login:
    """A login through generic OpenID Connect."""
    return Login(fake, http, "oidc", fake.config())


def profile(outcome: Profile | LoginFailed) -> Profile:
    """The profile of a login that has to succeed."""
    assert isinstance(outcome, Profile), outcome
    return outcome


def failure(outcome: Profile | LoginFailed | Redirection) -> LoginFailed:
    """The failure of a login that has to fail."""
    assert isinstance(outcome, LoginFailed), outcome
    return outcome
