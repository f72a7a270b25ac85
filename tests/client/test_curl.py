"""What reaches the real curl: every argument, the token through a pipe, and its exit status."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from lychgate.client.browser import open_page
from lychgate.client.curl import place_of_url
from lychgate.client.errors import BadUrl
from tests.client.server import Page, Server, document

RUN = """
import sys
from lychgate.client.curl import run
from lychgate.client.errors import NotProtected
def token(url):
    if "open" in url:
        raise NotProtected("there is no gate")
    return "secret-token"
run(sys.argv[1:], token)
"""


def curl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run curl as the command does."""
    command = [sys.executable, "-c", RUN, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_the_token_is_a_header_and_on_no_command_line() -> None:
    with Server() as server:
        server.pages["POST /app"] = lambda headers, form: document(
            {"authorization": headers.get("authorization"), "x": headers.get("x-own")}
        )
        done = curl("-sS", "-X", "POST", server.url, "-H", "X-Own: one", "-d", "a=b")
        assert (done.returncode, done.stderr) == (0, "")
        assert '"Bearer secret-token"' in done.stdout and '"one"' in done.stdout
        assert server.calls[-1] == ("POST /app", {"a": "b"})


def test_others_on_the_machine_do_not_see_the_token() -> None:
    with Server() as server:
        lines: list[str] = []

        def look(headers: dict[str, str], form: dict[str, str]) -> Page:
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    lines.append(entry.read_text(errors="replace"))
            return 200, {}, b""

        server.pages["GET /app"] = look
        assert curl("-sS", server.url).returncode == 0
        assert any(server.url in line for line in lines)
        assert not any("secret-token" in line and server.url in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("-sS", "-f", "{origin}/missing"), 22), (("-sS", "http://127.0.0.1:1/"), 7)],
)
def test_the_exit_status_is_curls(arguments: tuple[str, ...], status: int) -> None:
    with Server() as server:
        done = curl(*(one.replace("{origin}", server.origin) for one in arguments))
        assert done.returncode == status


def test_without_a_gate_it_is_plain_curl() -> None:
    with Server() as server:
        server.pages["GET /open"] = lambda headers, form: document(
            headers.get("authorization", "none")
        )
        assert curl("-sS", f"{server.origin}/open").stdout == '"none"'


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (["-X", "POST", "https://a.example/"], 2),
        (["https://a.example/", "-d", "https://b.example/"], 0),
        (["-sS", "a.example"], 1),
    ],
)
def test_which_argument_is_the_address(arguments: Sequence[str], place: int) -> None:
    assert place_of_url(arguments) == place


def test_without_an_address_nothing_runs() -> None:
    with pytest.raises(BadUrl):
        place_of_url(["-sS"])


def test_a_browser_is_started_where_there_is_one(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" > {seen}.part && mv {seen}.part {seen}\n')
    script.chmod(0o755)
    assert open_page("https://a.example/?x=1&y=2", {"BROWSER": f"{script} %s"})
    for _ in range(200):
        if seen.exists():
            break
        subprocess.run(["sleep", "0.05"], check=True)
    assert seen.read_text() == "https://a.example/?x=1&y=2\n"
    assert not open_page("https://a.example/", {"BROWSER": str(tmp_path / "missing")})
    assert sys.platform == "darwin" or not open_page("https://a.example/", {})
