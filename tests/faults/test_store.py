"""The database's folder is gone, or its disk takes nothing: sessions go on, logins stop, nobody new
enters, and all of it mends by itself."""

import resource
import time

import psutil

from tests.faults.parts import GRACE, as_alice, is_readable, logs_in
from tests.support.both import Both
from tests.support.browsing import Visitor
from tests.support.catalogue import wait_for
from tests.support.front import Reply


def login(both: Both, front: str) -> Reply:
    """What somebody gets who is sent to the login page."""
    return Visitor(both.catalogue, both.catalogue.fronts[front]).open("https://a.example/").reply


def test_X01_the_folder_of_the_store_is_gone(both: Both) -> None:
    catalogue = both.catalogue
    folder, away = catalogue.folder / "store", catalogue.folder / "away"
    assert as_alice(both) == {200}
    token = both.session("alice@staff.example", "ROOT")
    folder.rename(away)
    try:
        both.ask(headers=(token,)).ok("alice@staff.example", "ROOT")
        for front in catalogue.fronts:
            reply = login(both, front)
            assert is_readable(reply, 503) and not reply.header("set-cookie")
        wait_for(lambda: {one.reply.status for one in both.ask(headers=(token,))} == {503}, 20)
        both.ask(headers=(token,)).denied(503)
        assert not folder.exists(), "an empty one in its place would be another store"
    finally:
        away.rename(folder)
    back = time.monotonic()
    wait_for(lambda: {one.reply.status for one in both.ask(headers=(token,))} == {200}, 20)
    assert time.monotonic() - back < 10
    for front in catalogue.fronts:
        assert logs_in(catalogue, front, f"back.{front}@staff.example")


def test_X08_a_disk_that_takes_nothing_refuses_logins_and_keeps_decisions(both: Both) -> None:
    """What cannot be written down does not happen: no login without its row in the audit log."""
    catalogue = both.catalogue
    companion = psutil.Process(catalogue.processes["lychgate.web"].pid)
    before = companion.rlimit(resource.RLIMIT_FSIZE)
    people = {name: Visitor(catalogue, front) for name, front in catalogue.fronts.items()}
    forms = {}
    for name, person in people.items():
        email = f"full.{name}@staff.example"
        page = person.ask_for_code("https://a.example/", email)
        forms[name] = person.filled(page, {"code": catalogue.code(email)})
    companion.rlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        for name, person in people.items():
            reply = person.step(*forms[name]).reply
            assert is_readable(reply, 503) and not reply.header("set-cookie")
            assert not catalogue.store.sessions.by_email(f"full.{name}@staff.example")
        time.sleep(GRACE + 1)
        assert as_alice(both) == {200}, "it can still be read, so decisions never stop"
    finally:
        companion.rlimit(resource.RLIMIT_FSIZE, before)
    for name, person in people.items():
        assert person.open(*forms[name]).reply.status == 200, "the same code, once there is room"
