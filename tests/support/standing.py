"""An installation as somebody runs it: `lychgate serve`, a real proxy, and an origin behind it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lychgate.core.urls import CERTS
from lychgate.processes import accepts
from tests.support.catalogue import wait_for
from tests.support.envoy import end, envoy_binary, free_port, wait_until
from tests.support.front import Log, Origin, exchange, request_bytes

READY_SECONDS = 60
"""A loaded machine starts slowly; an idle one is ready in a few seconds."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A running installation on one port of loopback: the team by number, applications by name."""

    folder: Path
    port: int
    log: Log
    serve: subprocess.Popen[bytes]

    @property
    def file(self) -> Path:
        """The configuration file."""
        return self.folder / "lychgate.yaml"

    @property
    def team(self) -> str:
        """The team domain's URL."""
        return team_url(self.port)

    def app(self, path: str = "/") -> str:
        """The URL of a path of the applications' host."""
        return f"http://localhost:{self.port}{path}"

    def output(self) -> str:
        """What `lychgate serve` and its children have said so far."""
        return (self.folder / "serve.log").read_text(errors="replace")

    def configure(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Edit the file; returns once the running installation says that it has taken it up."""
        content = yaml.safe_load(self.file.read_text())
        change(content["resources"])
        self.write(yaml.safe_dump(content), "configuration_reloaded")

    def write(self, text: str, expected: str) -> None:
        """Replace the file; returns once the running installation says what is expected."""
        before = self.output().count(expected)
        fresh = self.file.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.file)
        wait_for(lambda: self.output().count(expected) > before)

    def lychgate(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command line on this installation."""
        return lychgate(*words, "--config", str(self.file), folder=self.folder)


def team_url(port: int) -> str:
    """The team domain of an installation on a port."""
    return f"http://127.0.0.1:{port}"


def callback_url(port: int) -> str:
    """What is registered at the identity provider."""
    return f"{team_url(port)}/cdn-cgi/access/callback"


def lychgate(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder, as a process of its own."""
    command = [sys.executable, "-m", "lychgate", *words]
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def standing(
    folder: Path,
    resources: Mapping[str, Any],
    port: int,
    proxy: str = "envoy",
    **settings: Any,
) -> Iterator[Standing]:
    """Write the file, start everything as an administrator would, and stop it afterwards."""
    log = Log()
    with Origin("origin", log) as origin:
        file = folder / "lychgate.yaml"
        file.write_text(yaml.safe_dump(_configuration(folder, port, origin, resources) | settings))
        serve = ["lychgate", "serve", "--config", str(file)]
        serve += [] if proxy == "envoy" else ["--no-decide"]
        with (
            _started([sys.executable, "-m", *serve], folder / "serve.log") as process,
            _started(_proxy(proxy, folder, port), folder / "proxy.log") as front,
        ):
            running = Standing(folder, port, log, process)
            wait_until(lambda: '"message": "ready"' in running.output(), process, READY_SECONDS)
            wait_until(lambda: accepts(f"127.0.0.1:{port}"), front, READY_SECONDS)
            probe = request_bytes("GET", "/", f"localhost:{port}")
            wait_for(lambda: exchange(("127.0.0.1", port), probe).status != 503, READY_SECONDS)
            certs = request_bytes("GET", CERTS, f"127.0.0.1:{port}")
            wait_for(lambda: exchange(("127.0.0.1", port), certs).status == 200, READY_SECONDS)
            yield running


def _configuration(
    folder: Path, port: int, origin: Origin, resources: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "team": {"name": "Standing", "url": team_url(port)},
        "public_scheme": "http",
        "public_port": port,
        "companion": {"listen": f"127.0.0.1:{free_port()}"},
        "extauthz": {"listen": [f"unix:{folder / 'decision.sock'}"]},
        "health": {"listen": f"127.0.0.1:{free_port()}"},
        "admin": {"listen": f"127.0.0.1:{free_port()}"},
        "mail": {"folder": "mail"},
        "log": {"format": "json", "allow": True},
        "upstreams": [{"host": "localhost", "to": f"http://{origin.address}"}],
        "resources": dict(resources),
    }


@contextmanager
def _started(command: list[str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    with output.open("ab") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        end(process)


def _proxy(kind: str, folder: Path, port: int) -> list[str]:
    listen, file = f"127.0.0.1:{port}", folder / "lychgate.yaml"
    if kind == "mitmproxy":
        addon = ["-m", "addon", "--config", str(file), "--listen", listen]
        return [sys.executable, *addon, "--confdir", str(folder / "mitmproxy")]
    made = lychgate("envoy-config", "--config", str(file), "--listen", listen, folder=folder)
    if made.returncode:
        raise RuntimeError(made.stderr)
    config = folder / "envoy.yaml"
    config.write_text(made.stdout)
    options = ["--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning"]
    return [envoy_binary(), "-c", str(config), *options]
