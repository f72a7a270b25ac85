"""The companion app is killed or stuck: sessions go on, a login says so at once, and comes back."""

import signal
import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.faults.parts import BROWSER, as_alice, is_readable, logs_in, statuses
from tests.support.both import Both
from tests.support.catalogue import TEAM, Catalogue, says, wait_for
from tests.support.front import request_bytes

LOGIN = request_bytes("GET", "/cdn-cgi/access/login/a.example", TEAM, BROWSER)


def kill(catalogue: Catalogue) -> None:
    catalogue.kill("lychgate.web")


def stop(catalogue: Catalogue) -> None:
    catalogue.processes["lychgate.web"].send_signal(signal.SIGSTOP)
    # Until its health check has noticed: at most two questions of three seconds.
    for front in catalogue.fronts.values():
        wait_for(partial(says, front, LOGIN, 503, 1), 30)


@pytest.mark.parametrize("breaks", [kill, stop])
def test_without_the_companion_app_only_logins_wait(
    both: Both, breaks: Callable[[Catalogue], None]
) -> None:
    catalogue = both.catalogue
    breaks(catalogue)
    try:
        assert as_alice(both) == {200}
        assert statuses(both) == {302}
        for front in catalogue.fronts.values():
            began = time.monotonic()
            reply = front.send_raw(LOGIN)
            assert time.monotonic() - began < 1
            assert is_readable(reply, 502, 503)
            program = front.send_raw(request_bytes("POST", "/cdn-cgi/access/pin", TEAM))
            assert program.status in (502, 503)
            assert (program.header("content-type") or "").startswith("application/json")
            assert b'"request_id"' in program.body.replace(b" ", b"")
    finally:
        catalogue.processes["lychgate.web"].send_signal(signal.SIGCONT)
        if breaks is kill:
            catalogue.start("lychgate.web")
    began = time.monotonic()
    catalogue.served()
    assert time.monotonic() - began < 10
    for name in catalogue.fronts:
        assert logs_in(catalogue, name, f"companion.{name}@staff.example")
