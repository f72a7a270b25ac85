"""The production entry and the script, as processes, with the real gate and a real store."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lychgate.config import load
from lychgate.config.edits import apply
from lychgate.runtime import connect
from tests.support.front import Log, Origin, Reply, exchange, request_bytes
from tests.support.mitm import ROOT, free_port, running

CONFIG = """
team: {{name: Test, url: "http://127.0.0.1:{port}"}}
companion: {{listen: "{companion}"}}
health: {{listen: "127.0.0.1:0"}}
upstreams:
  - {{host: localhost, to: "http://{origin}"}}
resources:
  applications:
    - name: open
      type: self_hosted
      domain: localhost/public
      policies: [{{name: anybody, decision: bypass, include: [{{everyone: {{}}}}]}}]
    - name: closed
      type: self_hosted
      domain: localhost
      policies:
        - {{name: staff, decision: allow, include: [{{email_domain: {{domain: example.com}}}}]}}
"""
MITMDUMP = (sys.executable, "-c", "from mitmproxy.tools.main import mitmdump; mitmdump()")


@dataclass(frozen=True, slots=True)
class Installation:
    """A configuration file whose objects are in the store, its origins, and a port for a proxy."""

    config: Path
    port: int
    log: Log
    origin: str

    def ask(self, target: str, host: str = "", *, method: str = "GET", body: bytes = b"") -> Reply:
        """One request to the proxy."""
        data = request_bytes(method, target, host or f"localhost:{self.port}", (), body)
        return exchange(("127.0.0.1", self.port), data)


@pytest.fixture(scope="module")
def _installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    log, port = Log(), free_port()
    folder = tmp_path_factory.mktemp("installation")
    with Origin("app", log) as origin, Origin("companion", log) as companion:
        config = folder / "lychgate.yaml"
        config.write_text(
            CONFIG.format(port=port, origin=origin.address, companion=companion.address)
        )
        loaded = load(config)
        store = connect(loaded.settings)
        apply(loaded, store)
        store.close()
        yield Installation(config, port, log, origin.address)


@pytest.fixture
def installation(_installation: Installation) -> Installation:
    """An installation with one open and one closed application, and no proxy yet."""
    _installation.log.clear()
    return _installation


def entry(installation: Installation, *options: str) -> tuple[str, ...]:
    """The command line of the production entry."""
    folder = installation.config.parent
    return (
        *(sys.executable, "-m", "addon", "--config", str(installation.config)),
        *("--listen", f"127.0.0.1:{installation.port}", "--confdir", str(folder / "conf")),
        *options,
    )


def script(installation: Installation, *options: str) -> tuple[str, ...]:
    """The command line of mitmdump with the script."""
    folder = installation.config.parent
    return (
        *MITMDUMP,
        *("-s", str(ROOT / "addon" / "script.py")),
        *("--listen-host", "127.0.0.1", "--listen-port", str(installation.port)),
        *("--set", f"confdir={folder / 'conf'}", *options),
    )


SAFE = ("keep_host_header=true", "connection_strategy=lazy", "body_size_limit=256m")
SAFE_OPTIONS = tuple(
    word for value in (*SAFE, "rawtcp=false", "http3=false") for word in ("--set", value)
)


def judged_by_the_gate(installation: Installation) -> None:
    """What must hold in front of this installation, whatever runs the adapter."""
    assert installation.ask("/public/x").status == 200
    assert installation.ask("/private").status == 302
    assert installation.ask("/private", method="POST", body=b"x" * 5_000_000).status in (302, 401)
    assert installation.ask("/public/../private").status == 302
    assert installation.ask("/public/%252e%252e/private").status == 400
    assert installation.ask("/", "unknown.example").status in (403, 404)
    assert installation.ask("/", "a b").status == 400
    assert installation.ask("/", "", method="TRACE").status == 405
    assert installation.ask("/cdn-cgi/access/login", f"127.0.0.1:{installation.port}").status == 200
    seen = [(one.origin, one.target) for one in installation.log.read()]
    assert seen == [("app", "/public/x"), ("companion", "/cdn-cgi/access/login")]


def test_the_production_entry_puts_the_real_gate_in_front(installation: Installation) -> None:
    with running(entry(installation), installation.port, installation.config.parent / "stderr"):
        judged_by_the_gate(installation)


def test_the_production_entry_as_an_explicit_proxy(installation: Installation) -> None:
    errors = installation.config.parent / "stderr"
    with running(entry(installation, "--mode", "regular"), installation.port, errors):
        address = installation.origin.replace("127.0.0.1", "localhost")
        assert installation.ask(f"http://{address}/public/x", address).status == 200
        assert installation.ask(f"http://{address}/private", address).status == 302
        assert installation.ask(f"http://{address}/x", "other.example").status == 400
    assert [one.target for one in installation.log.read()] == ["/public/x"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--set", "stream_large_bodies=1m"), "`stream_large_bodies` must be `unset`"),
        (("--set", "keep_host_header=false"), "`keep_host_header` must be `true`"),
        (("--set", "ignore_hosts=."), "`ignore_hosts` must not be set"),
        (("--set", "mode=socks5"), "cannot be gated"),
        (("--set", "scripts=x.py"), "scripts"),
        (("--listen", "8080"), "no address to listen on"),
        (("--config", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_the_production_entry_refuses_to_start(
    installation: Installation, options: tuple[str, ...], said: str
) -> None:
    done = subprocess.run(
        entry(installation, *options), cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_one_line(installation: Installation) -> None:
    done = subprocess.run(
        entry(installation, "--listen", installation.origin),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = f"cannot listen on `{installation.origin}`: address already in use"
    assert done.returncode == 1
    assert said in done.stderr.splitlines()


def test_the_production_entry_needs_an_upstream(installation: Installation) -> None:
    config = installation.config.with_name("without.yaml")
    lines = installation.config.read_text().splitlines()
    config.write_text(
        "\n".join(line for line in lines if "upstreams" not in line and "to:" not in line)
    )
    done = subprocess.run(
        entry(installation, "--config", str(config)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, "names no upstream" in done.stderr) == (1, True)


def test_the_script_puts_the_real_gate_in_front(installation: Installation) -> None:
    mode = ("--mode", f"reverse:http://{installation.origin}", *SAFE_OPTIONS)
    environment = {"LYCHGATE_CONFIG": str(installation.config)}
    errors = installation.config.parent / "stderr"
    with running(script(installation, *mode), installation.port, errors, environment):
        judged_by_the_gate(installation)


def test_the_script_refuses_the_default_options(installation: Installation) -> None:
    mode = ("--mode", f"reverse:http://{installation.origin}")
    environment = {**os.environ, "LYCHGATE_CONFIG": str(installation.config)}
    done = subprocess.run(
        script(installation, *mode),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    assert done.returncode == 1
    assert "`keep_host_header` must be `true`" in done.stdout + done.stderr
