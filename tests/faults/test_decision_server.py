"""The decision server is killed, stopped, or slow: nobody enters unjudged, nobody loses a login."""

import signal
import time

from tests.faults.load import under_load
from tests.faults.parts import BROWSER, as_alice, is_readable
from tests.support.both import Both
from tests.support.catalogue import Catalogue, wait_for
from tests.support.front import request_bytes


def test_F05_the_decision_server_is_killed_under_load(both: Both) -> None:
    catalogue = both.catalogue
    with under_load(catalogue, "envoy") as load:
        wait_for(lambda: load.statuses().count(200) > 50, 30)
        catalogue.kill("extauthz")
        killed = len(load.answers)
        wait_for(lambda: load.statuses(killed).count(503) > 50, 30)
        catalogue.start("extauthz")
        back = time.monotonic()
        wait_for(lambda: set(load.statuses()[-30:]) == {200}, 30)
    assert time.monotonic() - back < 10
    assert set(load.statuses()) == {200, 503}, "no session lost: nobody is sent to the login"
    assert load.nothing_slipped_through()
    refused = next(reply for reply in load.answers.values() if reply.status == 503)
    assert not refused.header("set-cookie") and not refused.header("location")


def test_F05_a_decision_server_that_is_stuck_is_not_waited_for(both: Both) -> None:
    catalogue = both.catalogue
    data = request_bytes("GET", "/", "a.example", BROWSER)
    catalogue.log.clear()
    catalogue.processes["extauthz"].send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert is_readable(catalogue.fronts["envoy"].send_raw(data), 503)
        assert time.monotonic() - began < 2.5, "the time limit of a check and half a second"
        assert catalogue.log.read() == ()
        assert said_by_envoy(catalogue, "ext_authz_error")
    finally:
        catalogue.processes["extauthz"].send_signal(signal.SIGCONT)
    wait_for(lambda: as_alice(both) == {200})


def said_by_envoy(catalogue: Catalogue, why: str) -> bool:
    """Whether Envoy wrote down that somebody did not answer."""
    wait_for(lambda: f'"why":"{why}' in catalogue.output("envoy"))
    return True
