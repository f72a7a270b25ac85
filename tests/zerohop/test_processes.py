"""The xDS server as a process that dies or hangs, and real logins, seen by the Envoy it tells."""

import signal
import time
from collections.abc import Callable
from functools import partial
from itertools import count

import pytest

from lychgate.core.urls import APP_SESSION_COOKIE, AUTH_COOKIE
from tests.support.both import claims_of
from tests.support.browsing import Visitor
from tests.support.catalogue import ALICE, ZERO_HOP, Catalogue, Proxy, real_now, wait_for
from tests.support.front import request_bytes

SERVER = "extauthz.xds"
_NUMBERS = count()


@pytest.fixture
def front(catalogue: Catalogue) -> Proxy:
    """The Envoy that proves."""
    return catalogue.fronts[ZERO_HOP]


def status(front: Proxy, token: str) -> int:
    """What somebody with a session is answered."""
    cookie = (("Cookie", f"{AUTH_COOKIE}={token}"),)
    return front.send_raw(request_bytes("GET", "/", "a.example", cookie)).status


def proves(front: Proxy, token: str) -> bool:
    """Whether somebody gets in without anybody having been asked."""
    before = front.checks()
    return status(front, token) == 200 and front.checks() == before


def a_session(catalogue: Catalogue) -> tuple[str, Callable[[], object]]:
    """The token of somebody who has just logged in, and how to end that login."""
    person = catalogue.person(f"leaver.{next(_NUMBERS)}@staff.example")
    revoke = catalogue.store.revocations.revoke_session
    return catalogue.token(person.email, "ROOT"), lambda: revoke(person.session, real_now())


def seconds_until(condition: Callable[[], bool]) -> float:
    """How long something takes to be so."""
    began = time.monotonic()
    wait_for(condition, 15)
    return time.monotonic() - began


def never(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether something is at no moment so, for a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return False
    return True


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_X06_an_xds_server_that_dies_or_hangs_is_believed_for_the_bound(
    catalogue: Catalogue, front: Proxy, how: signal.Signals
) -> None:
    bound = catalogue.settings.zero_hop.bound.total_seconds()
    staying = catalogue.token(ALICE, "ROOT")
    leaving, revoke = a_session(catalogue)
    wait_for(lambda: proves(front, staying) and proves(front, leaving))
    server = catalogue.processes[SERVER]
    server.send_signal(how)
    try:
        assert proves(front, staying), "not before the bound is over"
        revoke()
        assert seconds_until(lambda: status(front, leaving) == 302) < bound + 1
        assert status(front, staying) == 200, "asked about, and still admitted"
        assert not proves(front, staying)
    finally:
        if how is signal.SIGKILL:
            server.wait()
            catalogue.start(SERVER)
        else:
            server.send_signal(signal.SIGCONT)
    # What it knew before it slept must not be in force again, not even for a moment.
    assert never(lambda: status(front, leaving) == 200, 1)
    wait_for(partial(proves, front, staying))
    assert status(front, leaving) == 302


def test_X05_a_real_login_is_proved_until_it_is_revoked(catalogue: Catalogue, front: Proxy) -> None:
    email = f"real.{next(_NUMBERS)}@staff.example"
    person = Visitor(catalogue, front)
    assert person.log_in("https://a.example/deep?x=1", email).reply.status == 200
    token = person.jar["a.example", AUTH_COOKIE]
    assert ("a.example", APP_SESSION_COOKIE) in person.jar
    wait_for(partial(proves, front, token))
    before = front.checks()
    assert person.open("https://a.example/deep?x=2").reply.status == 200
    assert front.checks() == before, "with all the cookies that its browser has"
    catalogue.store.revocations.revoke_session(claims_of(token)["identity_nonce"], real_now())
    assert seconds_until(lambda: status(front, token) == 302) < 1
    assert person.step("https://a.example/deep?x=3").reply.status == 302


HANDSHAKE = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)
UNPROVED: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("GET", "/", ()),
    ("GET", "/public/x", ()),
    ("HEAD", "/", ()),
    ("GET", "/", HANDSHAKE),
    ("POST", "/", (("Expect", "100-continue"),)),
    ("GET", "/", (("Cf-Access-Jwt-Assertion", "eyJx"), ("X-Lychgate-Rules", "1.0"))),
    ("GET", "/", (("Cookie", f"{AUTH_COOKIE}=eyJx"),)),
)


def test_F05_what_is_not_proved_passes_no_envoy_that_can_ask_nobody(
    catalogue: Catalogue, front: Proxy
) -> None:
    token = catalogue.token(ALICE, "ROOT")
    wait_for(partial(proves, front, token))
    catalogue.kill("extauthz")
    try:
        wait_for(lambda: front.send_raw(request_bytes("GET", "/", "a.example")).status == 503)
        front.clear_log()
        for method, target, headers in UNPROVED:
            data = request_bytes(method, target, "a.example", headers)
            assert front.send_raw(data).status == 503, (method, target, headers)
        assert front.origin_log() == ()
        assert proves(front, token)
    finally:
        catalogue.start_again("extauthz")
