"""A mail server refuses, hangs, is gone and comes back: the form is the same, and login mends."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from lychgate.processes import accepts
from tests.support.browsing import Page, Visitor
from tests.support.catalogue import (
    ALICE,
    MALLORY,
    Catalogue,
    running_catalogue,
    wait_for,
)
from tests.support.envoy import end, free_port, wait_until

ADDRESS = f"127.0.0.1:{free_port()}"
URL = "https://a.example/"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    folder = tmp_path_factory.mktemp("mailing")
    mail = {"smtp_url": f"smtp://{ADDRESS}", "from": "gate@team.example"}
    with running_catalogue(folder, ("envoy",), mail=mail) as running:
        yield running
        assert "Traceback" not in running.output()


@contextmanager
def server(folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A mail server as a process of its own, which keeps what it takes in a folder."""
    command = [sys.executable, "-m", "aiosmtpd", "-n", "-l", ADDRESS, *options]
    keeps = ["-c", "aiosmtpd.handlers.Mailbox", str(folder / "inbox")]
    process = subprocess.Popen([*command, *keeps])
    try:
        wait_until(lambda: accepts(ADDRESS), process, 30)
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        end(process)


def inbox(folder: Path, to: str) -> list[str]:
    """What somebody was sent."""
    found = sorted(folder.glob("inbox/new/*"), key=lambda one: one.stat().st_mtime_ns)
    mails = (message_from_bytes(one.read_bytes(), policy=policy.default) for one in found)
    bodies = [one.get_body(("plain",)) for one in mails if str(one["To"]) == to]
    return [str(one.get_content()) for one in bodies if one is not None]


def form(catalogue: Catalogue, email: str) -> Page:
    """What somebody gets who asks for a code."""
    return Visitor(catalogue, catalogue.fronts["envoy"]).ask_for_code(URL, email)


def waits(catalogue: Catalogue, said: int) -> None:
    """The form for a code comes at once, to those who may enter and to those who may not alike."""
    words = []
    for email in (ALICE, MALLORY):
        began = time.monotonic()
        page = form(catalogue, email)
        assert time.monotonic() - began < 8, "the mail server has ten seconds, a visitor has not"
        assert page.reply.status == 200 and 'name="code"' in page.text, page.text
        plain = re.sub(r"<[^>]*>", " ", page.text.replace(email, "somebody"))
        words.append(re.sub(r"[0-9a-f-]{8,}", "id", plain))
    assert words[0] == words[1]
    wait_for(lambda: failures(catalogue) > said, 30)


def failures(catalogue: Catalogue) -> int:
    """How often the companion app has said that a mail was not sent."""
    return catalogue.output().count("a mail was not sent")


def logs_in(catalogue: Catalogue) -> bool:
    """Whether somebody asks again, gets a mail and enters with its code."""
    before = len(inbox(catalogue.folder, ALICE))
    person = Visitor(catalogue, catalogue.fronts["envoy"])
    page = person.ask_for_code(URL, ALICE)
    wait_for(lambda: len(inbox(catalogue.folder, ALICE)) > before, 30)
    found = re.findall(r"\b[0-9]{6}\b", inbox(catalogue.folder, ALICE)[-1])
    return person.submit(page, {"code": found[-1]}).reply.status == 200


def test_a_mail_server_that_is_gone_comes_back(catalogue: Catalogue) -> None:
    waits(catalogue, failures(catalogue))
    with server(catalogue.folder):
        assert logs_in(catalogue)
    waits(catalogue, failures(catalogue))


def test_a_mail_server_that_refuses_every_mail(catalogue: Catalogue) -> None:
    with server(catalogue.folder, "--size", "10"):
        waits(catalogue, failures(catalogue))
        assert f"mail server {ADDRESS} answered 552" in catalogue.output()
    with server(catalogue.folder):
        assert logs_in(catalogue)


def test_a_mail_server_that_hangs(catalogue: Catalogue) -> None:
    with server(catalogue.folder) as process:
        process.send_signal(signal.SIGSTOP)
        waits(catalogue, failures(catalogue))
        process.send_signal(signal.SIGCONT)
        assert logs_in(catalogue)
