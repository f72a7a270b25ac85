"""A running demo, started as a new user would start it."""

import email
import html
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx

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

    def code(self, before: set[Path], seconds: float = 15, to: str = "") -> str:
        """The code of the mail, to that person, that came after `before` was looked at."""
        deadline = time.monotonic() + seconds
        while not (fresh := [one for one in map(_read, self.mails() - before) if to in one["To"]]):
            if time.monotonic() > deadline:
                raise TimeoutError("no mail came")
            time.sleep(0.05)
        body = fresh[0].get_body(("plain",))
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


@contextmanager
def logged_in(demo: Demo, person: str, app: str = "whoami") -> Iterator[httpx.Client]:
    """Log a person in as a browser without script does; the client holds their session."""
    headers = {"accept": "text/html"}
    with httpx.Client(follow_redirects=True, timeout=30, headers=headers) as client:
        page = client.get(demo.app(app))
        before = demo.mails()
        page = submit(client, page, {"email": person})
        page = submit(client, page, {"code": demo.code(before, to=person)})
        if str(page.url) != demo.app(app):
            raise AssertionError(f"the login of {person} ended at {page.url}: {page.text[:500]}")
        yield client


def _read(mail: Path) -> EmailMessage:
    return email.message_from_bytes(mail.read_bytes(), policy=policy.default)


def submit(client: httpx.Client, page: httpx.Response, fields: dict[str, str]) -> httpx.Response:
    """Fill in the first form of a page and send it."""
    form = re.search(r'<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>', page.text, re.DOTALL)
    if form is None:
        raise AssertionError(f"no form at {page.url}: {page.text[:500]}")
    hidden = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form[2])
    data = {html.unescape(name): html.unescape(value) for name, value in hidden} | fields
    return client.post(str(page.url.join(html.unescape(form[1]))), data=data)
