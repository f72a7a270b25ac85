"""Nobody reads the log, until no process can write another line."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.faults.collector import Collector
from tests.faults.parts import logs_in, statuses
from tests.support.both import Both
from tests.support.catalogue import Catalogue, next_second, real_now, wait_for

PROCESSES = ("lychgate.web", "extauthz", "addon")


@pytest.fixture
def deaf(catalogue: Catalogue, collector: Collector) -> Iterator[None]:
    """The pipe that every process writes its log to is full, and nobody reads it."""
    collector.deaf.set()
    os.set_blocking(collector.sink, False)
    try:
        while os.write(collector.sink, b"\n" * 4096):
            pass
    except BlockingIOError:
        pass
    os.set_blocking(collector.sink, True)
    yield
    collector.deaf.clear()
    catalogue.start_again(*PROCESSES)


def test_X08_a_log_that_takes_nothing_stops_no_decision_login_or_revocation(
    both: Both, deaf: None
) -> None:
    catalogue, email = both.catalogue, "x08@staff.example"
    token = catalogue.token(email, "ROOT")
    for number in range(20):
        assert statuses(both, token, f"/{number}") == {200}
    for front in catalogue.fronts:
        assert logs_in(catalogue, front, f"x08.{front}@staff.example")
    catalogue.store.revocations.revoke_session(catalogue.person(email).session, real_now())
    wait_for(lambda: statuses(both, token) == {302}, 3)
    next_second()
    for name in PROCESSES:
        process, began = catalogue.processes[name], time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, name
        assert time.monotonic() - began < 15, name
