"""`lychgate access` against the demo, behind each proxy: one login, and curl does the rest."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from tests.support.demo import Demo
from tests.support.visitor import Visitor

ALICE = "alice@example.com"
type Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Terminal:
    """A person's command line, with a folder for its tokens and a browser that logs in as them."""

    demo: Demo
    home: Path

    def environment(self, decision: str = "allow") -> dict[str, str]:
        """What its programs see."""
        mails = self.demo.info["mail_dir"]
        browser = f"{sys.executable} -m tests.support.visitor {mails} {ALICE} {decision} %s"
        return os.environ | {"XDG_STATE_HOME": str(self.home), "BROWSER": browser}

    def run(self, *arguments: str, decision: str = "allow") -> Done:
        """Run one command."""
        return subprocess.run(
            [sys.executable, "-m", "lychgate", "access", *arguments],
            env=self.environment(decision),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def token_file(self) -> Path:
        """The one token file there is."""
        (file,) = self.home.rglob("*.token")
        return file

    def outdate(self) -> None:
        """Let the access token have ended."""
        file = self.token_file()
        kept = json.loads(file.read_text())
        file.write_text(json.dumps(kept | {"expires_at": int(time.time()) - 1}))


@pytest.fixture
def terminal(demo: Demo, tmp_path: Path) -> Terminal:
    """A command line where nobody has logged in."""
    return Terminal(demo, tmp_path)


def test_a_login_and_what_follows_from_it(terminal: Terminal) -> None:
    url = terminal.demo.app("mcp")
    missing = terminal.run("token", url)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "lychgate access login" in missing.stderr
    done = terminal.run("login", url)
    assert done.returncode == 0, done.stderr
    assert "/cdn-cgi/access/oauth/authorization?" in done.stderr
    file = terminal.token_file()
    assert str(file) in done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    token = terminal.run("token", url).stdout.strip()
    assert token.startswith("oauth:")
    answer = httpx.get(url, headers={"authorization": f"Bearer {token}", "accept": "*/*"})
    assert answer.status_code == 200
    out = terminal.run("logout", url)
    assert out.returncode == 0
    refused = httpx.get(url, headers={"authorization": f"Bearer {token}", "accept": "*/*"})
    assert refused.status_code == 401
    assert not list(terminal.home.rglob("*.token"))


def test_curl_logs_in_by_itself_and_is_curl_otherwise(terminal: Terminal) -> None:
    url = terminal.demo.app("mcp")
    done = terminal.run("curl", "-sS", f"{url}?a=1", "--", "-H", "X-Own: 1")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["path"].startswith("/mcp")
    assert seen["headers"]["x-own"] == "1"
    assert "cf-access-jwt-assertion" in seen["headers"]
    assert not seen["headers"].get("authorization")
    first = terminal.token_file().read_text()
    again = terminal.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", url)
    assert (again.returncode, again.stdout) == (0, "200")
    assert terminal.token_file().read_text() == first
    failed = terminal.run("curl", "-sS", url, "--unknown-option-of-curl")
    assert failed.returncode == 2


def test_an_ended_token_is_renewed_without_a_browser(terminal: Terminal) -> None:
    url = terminal.demo.app("mcp")
    assert terminal.run("login", url).returncode == 0
    first = terminal.run("token", url).stdout
    terminal.outdate()
    renewed = terminal.run("token", url)
    assert renewed.returncode == 0 and renewed.stdout != first
    terminal.outdate()
    assert terminal.run("curl", "-sS", "-f", url, "-o", "/dev/null").returncode == 0


def test_of_many_at_once_one_opens_the_browser(terminal: Terminal) -> None:
    url = terminal.demo.app("mcp")
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: terminal.run("curl", "-sS", "-f", url), range(4)))
    assert [one.returncode for one in done] == [0] * 4
    assert sum("authorization?" in one.stderr for one in done) == 1


def test_a_person_who_says_no_is_believed(terminal: Terminal) -> None:
    url = terminal.demo.app("mcp")
    done = terminal.run("login", url, decision="refuse")
    assert done.returncode == 1
    assert "the login was refused" in done.stderr
    assert not list(terminal.home.rglob("*.token"))


@pytest.mark.parametrize(
    ("app", "said"),
    [("whoami", "managed OAuth off"), ("public", "there is no gate")],
)
def test_where_there_is_nothing_to_log_in_to_it_says_so(
    terminal: Terminal, app: str, said: str
) -> None:
    done = terminal.run("login", terminal.demo.app(app))
    assert done.returncode == 1
    assert said in done.stderr


def test_without_a_browser_the_address_is_printed_and_the_answer_pasted(
    terminal: Terminal,
) -> None:
    url = terminal.demo.app("mcp")
    command = [sys.executable, "-m", "lychgate", "access", "login", "--no-browser", url]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=terminal.environment(), stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stderr is not None and process.stdin is not None
        printed = next(line for line in process.stderr if "/oauth/authorization?" in line).strip()
        visitor = Visitor(Path(terminal.demo.info["mail_dir"]), ALICE)
        # This browser is on another machine: it learns the address and cannot open it.
        back = visitor.last_address(printed)
        assert back.startswith("http://127.0.0.1:")
        visitor.http.close()
        process.stdin.write(back + "\n")
        process.stdin.flush()
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 0, rest
    assert "logged in" in rest


def test_by_code_where_the_application_allows_it(terminal: Terminal) -> None:
    url, config = terminal.demo.app("mcp"), Path(terminal.demo.info["config"])
    before = config.read_text()
    content = yaml.safe_load(before)
    for app in content["resources"]["applications"]:
        if app["name"] == "mcp":
            app["oauth_configuration"]["device_flow"] = True
    metadata = f"{terminal.demo.team}/.well-known/oauth-authorization-server"
    try:
        config.write_text(yaml.safe_dump(content))
        _until(lambda: "device_authorization_endpoint" in httpx.get(metadata).json())
        command = [sys.executable, "-m", "lychgate", "access", "login", "--device", url]
        with subprocess.Popen(
            command, env=terminal.environment(), stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            lines = [process.stderr.readline() for _ in range(2)]
            page = lines[0].split()[1]
            code = lines[1].rpartition(" ")[2].strip()
            visitor = Visitor(Path(terminal.demo.info["mail_dir"]), ALICE)
            assert visitor.visit(f"{page}?user_code={code}").status_code == 200
            visitor.http.close()
            assert process.wait(60) == 0, process.stderr.read()
        assert terminal.run("token", url).stdout.startswith("oauth:")
    finally:
        config.write_text(before)
        _until(lambda: "device_authorization_endpoint" not in httpx.get(metadata).json())


def _until(condition: Callable[[], bool]) -> None:
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("the change did not arrive")
