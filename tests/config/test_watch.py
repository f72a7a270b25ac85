"""A changed file comes into force; a broken one does not, and says so once."""

import logging
import os
from threading import Event, Thread

import pytest

from lychgate.config import Loaded, load
from lychgate.config.watch import Watch
from lychgate.errors import LychgateError
from tests.config.conftest import SOUND, Write


class Applied:
    """Keeps what was applied; refuses while `down`."""

    def __init__(self) -> None:
        self.files: list[Loaded] = []
        self.down = False

    def __call__(self, loaded: Loaded) -> None:
        if self.down:
            raise LychgateError("the store is away")
        self.files.append(loaded)


def applications(loaded: Loaded) -> set[str]:
    return {one.name for one in loaded.resources if one.kind == "application"}


def test_nothing_happens_while_the_file_stays(write: Write) -> None:
    applied = Applied()
    watch = Watch(load(write(SOUND), {}), applied, {})
    assert not watch.look()
    assert applied.files == []


def test_a_changed_file_comes_into_force(write: Write) -> None:
    applied = Applied()
    watch = Watch(load(write(SOUND), {}), applied, {})
    write(SOUND.replace("name: whoami", "name: whoareyou"))
    assert watch.look()
    assert [applications(one) for one in applied.files] == [{"whoareyou", "admin"}]
    assert watch.running is applied.files[0]
    assert not watch.look()


def test_a_broken_file_leaves_the_running_one_in_force(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    applied = Applied()
    running = load(write(SOUND), {})
    watch = Watch(running, applied, {})
    write(SOUND.replace("decision: allow", "decision: perhaps"))
    with caplog.at_level(logging.INFO):
        assert not watch.look()
        assert not watch.look()
    assert watch.running is running
    assert [record.message for record in caplog.records] == ["configuration_refused"]
    assert "unrecognized policy decision" in str(caplog.records[0].__dict__["event"])
    write(SOUND.replace("name: whoami", "name: mended"))
    assert watch.look()
    assert applications(watch.running) == {"mended", "admin"}


def test_a_file_that_vanishes_changes_nothing(write: Write) -> None:
    path = write(SOUND)
    watch = Watch(load(path, {}), Applied(), {})
    path.unlink()
    assert not watch.look()
    write(SOUND.replace("name: whoami", "name: back"))
    assert watch.look()


def test_a_store_that_is_away_is_tried_again(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    applied = Applied()
    watch = Watch(load(write(SOUND), {}), applied, {})
    write(SOUND.replace("name: whoami", "name: later"))
    applied.down = True
    assert [watch.look(), watch.look()] == [False, False]
    assert [record.message for record in caplog.records] == ["configuration_not_applied"]
    applied.down = False
    assert watch.look()


def test_a_file_put_in_place_by_rename_is_noticed(write: Write) -> None:
    path = write(SOUND)
    watch = Watch(load(path, {}), Applied(), {})
    before = path.stat()
    fresh = path.with_suffix(".new")
    fresh.write_text(SOUND.replace("name: whoami", "name: whoamI"), "utf-8")
    os.utime(fresh, ns=(before.st_atime_ns, before.st_mtime_ns))
    fresh.replace(path)
    assert watch.look()


def test_changed_process_settings_are_said_to_need_a_restart(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(load(write(SOUND), {}), Applied(), {})
    write(SOUND.replace("folder: mail", "folder: post"))
    with caplog.at_level(logging.INFO):
        assert watch.look()
    assert "configuration_restart_needed" in [record.message for record in caplog.records]


def test_it_looks_until_it_is_told_to_stop(write: Write) -> None:
    came, stop = Event(), Event()
    watch = Watch(load(write(SOUND), {}), lambda _: came.set(), {})
    thread = Thread(target=watch.run, args=(stop, 0.01))
    thread.start()
    try:
        write(SOUND.replace("name: whoami", "name: other"))
        assert came.wait(10)
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
