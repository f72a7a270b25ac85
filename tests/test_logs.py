"""A log line is handed over and never waited for; what cannot be written is counted."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from lychgate.logs import DROPPED, JsonLines, Lines


def dropped() -> float:
    (family,) = DROPPED.collect()
    return next(one.value for one in family.samples if one.name.endswith("_total"))


@contextmanager
def a_log(descriptor: int, most: int = 100) -> Iterator[tuple[logging.Logger, Lines]]:
    log, lines = logging.Logger("test"), Lines(descriptor, most)
    lines.setFormatter(JsonLines())
    log.addHandler(lines)
    yield log, lines


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_lines_arrive_whole_and_in_order(pipe: tuple[int, int]) -> None:
    with a_log(pipe[1]) as (log, lines):
        for number in range(50):
            log.info("line %d", number, extra={"event": lambda n=number: {"n": n, "odd": "\udc80"}})
        lines.flush()
    found = [json.loads(line) for line in os.read(pipe[0], 65536).decode().splitlines()]
    assert [(one["message"], one["n"]) for one in found] == [(f"line {n}", n) for n in range(50)]


def test_x08_what_nobody_reads_is_dropped_and_counted(pipe: tuple[int, int]) -> None:
    before, began, source = dropped(), time.monotonic(), (pipe[0], 65536)
    with a_log(pipe[1]) as (log, lines):
        for _ in range(2000):
            log.info("x" * 1000)
        assert time.monotonic() - began < 1
        assert dropped() - before > 2000 - 100 - 70  # those that wait, and those in the pipe
        lines.flush()
        assert time.monotonic() - began < 5, "the end of a process waits for a moment only"
        read: list[bytes] = []
        reader = threading.Thread(target=lambda: read.extend(iter(partial(os.read, *source), b"")))
        reader.start()
        lines.flush()
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), pipe[1])  # the reader sees the end of the pipe
        reader.join()
    whole = b"".join(read).count(b"\n")
    assert whole + dropped() - before == 2000, "what waited is written once somebody reads again"


def test_x08_a_full_disk_is_counted_and_no_trouble() -> None:
    before, full = dropped(), os.open("/dev/full", os.O_WRONLY)
    with a_log(full) as (log, _):
        for _ in range(5):
            log.error("no room")
        until(lambda: dropped() - before == 5)
    os.close(full)


def test_a_line_that_cannot_be_written_down_hides_no_other(pipe: tuple[int, int]) -> None:
    before = dropped()
    with a_log(pipe[1]) as (log, lines):
        log.info("%d", "no number")
        log.info("next")
        lines.flush()
    assert dropped() - before == 1
    assert b"next" in os.read(pipe[0], 65536)
