"""Each example runs as its README says: serve, then the proxy, then the login page."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lychgate.config import load
from lychgate.processes import accepts
from tests.extauthz.test_example import ask
from tests.support.envoy import envoy_binary, free_port, running_module, wait_until
from tests.support.front import Log, Origin
from tests.support.http_fronts import (
    EXAMPLES,
    Places,
    caddy,
    filled,
    haproxy,
    nginx,
    running,
)
from tests.support.standing import lychgate

type Command = Callable[[Places, Path], Sequence[str]]


def envoy(places: Places, folder: Path) -> Sequence[str]:
    """The command that runs Envoy, with the configuration that the README prints."""
    options = ("--check", "http", "--config", "lychgate.yaml", "--listen", places.listen)
    printed = lychgate("envoy-config", *options, folder=folder)
    (folder / "envoy.yaml").write_text(printed.stdout)
    return (envoy_binary(), "-c", "envoy.yaml", "--use-dynamic-base-id", "--log-level", "off")


RUN: Mapping[str, Command] = {
    "nginx": nginx,
    "caddy": caddy,
    "haproxy": haproxy,
    "envoy-http": envoy,
}


@dataclass(frozen=True, slots=True)
class Served:
    """What runs beside the proxy; `folder` holds the configuration file."""

    folder: Path
    places: Places
    edge: int
    log: Log


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`lychgate serve` of an example and an application, for one proxy after the other."""
    folder, edge, log = tmp_path_factory.mktemp("examples"), free_port(), Log()
    check, companion = (f"127.0.0.1:{free_port()}" for _ in range(2))
    with Origin("origin", log) as origin:
        listen = f"127.0.0.1:{edge}"
        places = Places(listen, check, companion, origin.address, ("localhost",), "127.0.0.1")
        file = folder / "lychgate.yaml"
        file.write_text(on_free_ports(places))
        command = ("lychgate", "serve", "--no-decide", "--config", str(file))
        with running_module(command, folder) as server:
            wait_until(lambda: accepts(check) and accepts(companion), server, 60)
            yield Served(folder, places, edge, log)


def on_free_ports(places: Places) -> str:
    """The file of an example with other ports."""
    text = filled(
        (EXAMPLES / "envoy-http" / "lychgate.yaml").read_text(),
        {
            "8080": places.listen.rpartition(":")[2],
            "127.0.0.1:9002": places.check,
            "127.0.0.1:8800": places.companion,
            "127.0.0.1:3000": places.origin,
        },
    )
    text += f'admin: {{listen: "127.0.0.1:{free_port()}"}}\n'
    return text + f'health: {{listen: "127.0.0.1:{free_port()}"}}\n'


@pytest.mark.parametrize("example", RUN)
def test_the_example_leads_to_the_login_page(served: Served, example: str) -> None:
    command = RUN[example](served.places, served.folder)
    team = served.places.listen
    with running(command, served.folder, team) as proxy:
        wait_until(lambda: ask(served.edge, "/", "localhost").status == 302, proxy, 30)
        location = ask(served.edge, "/", "localhost").header("location") or ""
        assert location.startswith(f"http://{team}/cdn-cgi/access/login/localhost?")
        page = ask(served.edge, location.removeprefix(f"http://{team}"), team)
        assert page.status == 200 and b'name="email"' in page.body
    assert served.log.read() == ()


@pytest.mark.parametrize("example", [*RUN, "traefik"])
def test_the_file_of_each_example_is_that_installation(example: str) -> None:
    file = EXAMPLES / example / "lychgate.yaml"
    load(file, {})
    content = yaml.safe_load(file.read_text())
    served = yaml.safe_load((EXAMPLES / "envoy-http" / "lychgate.yaml").read_text())
    assert {**content, "upstreams": served["upstreams"]} == served


def test_the_example_of_traefik_asks_as_its_style_reads() -> None:
    """It is not run; what it names is what the check has."""
    text = (EXAMPLES / "traefik" / "dynamic.yml").read_text()
    assert "127.0.0.1:9002/check/traefik" in text and "trustForwardHeader: false" in text
