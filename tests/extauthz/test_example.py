"""The example with Envoy runs as its README says: serve, envoy-config, envoy."""

import subprocess
import sys
from pathlib import Path

from tests.support.envoy import (
    accepts,
    end,
    envoy_binary,
    free_port,
    running_module,
    wait_until,
)
from tests.support.front import Log, Origin, Reply, exchange, request_bytes

EXAMPLE = Path(__file__).parents[2] / "examples" / "quickstart-envoy" / "lychgate.yaml"


def test_the_example_leads_to_the_login_page(tmp_path: Path) -> None:
    log = Log()
    with Origin("origin", log) as origin:
        edge = free_port()
        file = tmp_path / "lychgate.yaml"
        file.write_text(on_free_ports(EXAMPLE.read_text(), edge, origin.port))
        envoy = tmp_path / "envoy.yaml"
        printed = ["-m", "lychgate", "envoy-config", "--config", str(file)]
        listen = ["--listen", f"127.0.0.1:{edge}"]
        envoy.write_bytes(subprocess.check_output([sys.executable, *printed, *listen]))
        with running_module(("lychgate", "serve", "--config", str(file)), tmp_path) as server:
            program = [envoy_binary(), "-c", str(envoy), "--use-dynamic-base-id"]
            process = subprocess.Popen(
                [*program, "--log-level", "off"], stdout=subprocess.DEVNULL, stderr=None
            )
            try:
                wait_until(lambda: accepts(edge), process, 30)
                wait_until(lambda: ask(edge, "/", "localhost").status == 302, server, 60)
                location = ask(edge, "/", "localhost").header("location") or ""
                team = f"127.0.0.1:{edge}"
                assert location.startswith(f"http://{team}/cdn-cgi/access/login/localhost?")
                login = location.removeprefix(f"http://{team}")
                wait_until(lambda: ask(edge, login, team).status == 200, server, 60)
                assert b'name="email"' in ask(edge, login, team).body
            finally:
                end(process)
    assert log.read() == ()


def ask(port: int, target: str, host: str) -> Reply:
    """One request through Envoy."""
    return exchange(("127.0.0.1", port), request_bytes("GET", target, host))


def on_free_ports(text: str, edge: int, origin: int) -> str:
    """The example's file with other ports."""
    ports = {"8080": edge, "3000": origin, "8800": free_port()}
    for known, port in ports.items():
        text = text.replace(known, str(port))
    workers = f'["127.0.0.1:{free_port()}", "127.0.0.1:{free_port()}"]'
    text = text.replace('["127.0.0.1:9001"]', workers)
    text += f'admin: {{listen: "127.0.0.1:{free_port()}"}}\n'
    return text + f'health: {{listen: "127.0.0.1:{free_port()}"}}\n'
