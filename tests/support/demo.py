"""A running demo, started as a new user would start it."""

import email
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import policy
from pathlib import Path
from typing import Any

from lychgate.processes import free_port

READY_SECONDS = 60
"""A loaded machine starts slowly; an idle one is ready in a few seconds."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What the information file of a demo says, and the mails it sent."""

    info: dict[str, Any]
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def team(self) -> str:
        """The team domain's URL."""
        return str(self.info["team"])

    def app(self, name: str) -> str:
        """The URL of an application."""
        return str(self.info["apps"][name])

    def mails(self) -> set[Path]:
        """The mails there are."""
        return set(Path(self.info["mail_dir"]).glob("*.eml"))

    def code(self, before: set[Path], seconds: float = 15) -> str:
        """The code of the mail that came after `before` was looked at."""
        deadline = time.monotonic() + seconds
        while not (fresh := self.mails() - before):
            if time.monotonic() > deadline:
                raise TimeoutError("no mail came")
            time.sleep(0.05)
        message = email.message_from_bytes(fresh.pop().read_bytes(), policy=policy.default)
        body = message.get_body(("plain",))
        words = "" if body is None else str(body.get_content())
        return next(word for word in words.split() if len(word) == 6 and word.isdigit())


@contextmanager
def running_demo(folder: Path, proxy: str) -> Iterator[Demo]:
    """Start the demo on a free port, and stop it as Ctrl-C does."""
    info, output = folder / "info.json", folder / "demo.log"
    command = [sys.executable, "-m", "lychgate", "demo", "--proxy", proxy]
    command += ["--port", str(free_port()), "--state", str(folder / "state"), "--info", str(info)]
    with output.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not info.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the demo did not start: {output.read_text()}")
            time.sleep(0.05)
        yield Demo(json.loads(info.read_text()), process, output)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
