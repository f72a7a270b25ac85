"""`lychgate serve` starts again what was killed, and leaves nothing behind when it stops."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil

from tests.support.catalogue import wait_for
from tests.support.envoy import end, free_port
from tests.support.oidc_objects import application, policy
from tests.support.standing import standing

PIN = {"name": "PIN", "type": "onetimepin", "config": {}}


def kill(pid: int) -> None:
    """A process and everything it started, without a word of warning."""
    family = [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]
    for one in family:
        one.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, 10)


OBJECTS = {
    "identity_providers": [PIN],
    "policies": [policy("staff", {"email_domain": {"domain": "example.com"}})],
    "applications": [application("whoami", "localhost", "staff")],
}


def test_serve_starts_again_what_was_killed(tmp_path: Path) -> None:
    with standing(tmp_path, OBJECTS, free_port()) as site:
        children = psutil.Process(site.serve.pid).children()
        assert len(children) == 2
        for child in children:
            kill(child.pid)
        wait_for(lambda: site.output().count("starting it again") == 2, 20)
        wait_for(lambda: httpx.get(site.app()).status_code == 302, 30)
        certs = f"{site.team}/cdn-cgi/access/certs"
        wait_for(lambda: httpx.get(certs).status_code == 200, 30)
        assert site.serve.poll() is None
    assert [child.pid for child in children if child.is_running()] == []


def test_serve_that_is_killed_leaves_nobody_behind(tmp_path: Path) -> None:
    """Its servers end by themselves, also workers of workers, and it starts again at once after."""
    two = {"listen": [f"127.0.0.1:{free_port()}" for _ in range(2)]}
    with standing(tmp_path, OBJECTS, free_port(), extauthz=two) as site:
        family = psutil.Process(site.serve.pid).children(recursive=True)
        assert len(family) == 4, "the companion app, the decision server and its two workers"
        site.serve.kill()
        site.serve.wait()
        assert psutil.wait_procs(family, 20)[1] == []
        wait_for(lambda: httpx.get(site.app()).status_code == 503, 20)
        command = [sys.executable, "-m", "lychgate", "serve", "--config", str(site.file)]
        again = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: httpx.get(site.app()).status_code == 302, 60)
        finally:
            end(again)
