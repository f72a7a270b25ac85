"""That a process which is told to stop does, however often and however fast it is told."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from typing import IO

from lychgate.stopping import Stop

_HANDLER = """
import sys
from lychgate.serve import run_until_told, stop_signal
for _ in range(5):
    stop = stop_signal()
    print("ready", flush=True)
    run_until_told(lambda: None, stop)
    print("told", flush=True)
    sys.stdin.readline()
"""
_BETWEEN = """
import sys
from lychgate.serve import stop_signal

stop, handling = stop_signal(), False

def between(frame, event, _):
    global handling
    frame.f_trace_opcodes = True
    if event == "opcode" and not handling:
        handling = True
        stop.set()
        handling = False
    return between

sys.settrace(between)
stop.set()
assert stop.wait(0.01)
"""


def test_what_was_said_stays_said() -> None:
    stop = Stop()
    assert not stop.is_set()
    assert not stop.wait(0.01)
    stop.set()
    stop.set()
    assert stop.is_set()
    assert stop.wait()
    assert stop.wait(0)


def test_what_is_forgotten_can_be_said_again() -> None:
    stop = Stop()
    stop.set()
    stop.clear()
    assert not stop.wait(0.01)
    stop.set()
    assert stop.wait()


def test_who_waits_is_woken_at_once() -> None:
    stop = Stop()
    threading.Timer(0.05, stop.set).start()
    began = time.monotonic()
    assert stop.wait(30)
    assert time.monotonic() - began < 10


def test_a_handler_may_say_so_between_any_two_steps_of_another() -> None:
    command = (sys.executable, "-c", _BETWEEN)
    assert subprocess.run(command, timeout=30, check=False).returncode == 0


def test_signals_in_quick_succession_stop_a_process() -> None:
    """A handler that another signal interrupts must not wait for itself."""
    command = (sys.executable, "-c", _HANDLER)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for _ in range(5):
                assert _says(process.stdout, b"ready\n")
                _storm(process.pid)
                assert _says(process.stdout, b"told\n"), "it hangs"
                process.stdin.write(b"\n")
                process.stdin.flush()
        finally:
            process.kill()


def _storm(pid: int) -> None:
    for _ in range(200):
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)


def _says(output: IO[bytes], line: bytes) -> bool:
    readable, _, _ = select.select([output], [], [], 30)
    return bool(readable) and output.readline() == line
