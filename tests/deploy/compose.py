"""The services of the compose example as plain processes: only addresses and paths differ."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import yaml

from lychgate.processes import accepts
from tests.docs import pages
from tests.support.catalogue import wait_for
from tests.support.envoy import end, envoy_binary, free_port
from tests.support.front import Log, Origin
from tests.support.postgres import PostgresServer

FOLDER = pages.ROOT / "examples" / "compose"
COMPOSE: Mapping[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: Mapping[str, Any] = COMPOSE["services"]
DECISIONS = ("decision1", "decision2")
OURS = ("companion", *DECISIONS)
HEALTH = {
    "companion": "127.0.0.1:8801",
    "envoy": "127.0.0.1:8080",
    **dict.fromkeys(DECISIONS, "127.0.0.1:8803"),
}
"""Where each health check asks."""
PASSWORD = "c0ffee"


@dataclass(slots=True)
class Stack:
    """What runs, and what stands where a container has its own address or folder."""

    folder: Path
    edge: int
    own: dict[str, dict[str, str]] = field(default_factory=dict)
    """For each service: the texts of its files and commands that are exchanged."""

    def command(self, service: str) -> list[str]:
        """What the container runs."""
        told = SERVICES[service]
        words = [*told.get("entrypoint", ()), *told["command"]]
        return [self._here(service, word.replace("$$", "$")) for word in words]

    def healthy(self, service: str) -> bool:
        """Whether the container's own health check passes.

        It is a program of its own, which is not started before somebody listens: started again
        and again it would take the processor from those it waits for.
        """
        if not accepts(self._here(service, HEALTH[service])):
            return False
        kind, *check = SERVICES[service]["healthcheck"]["test"]
        assert kind == "CMD"
        words = [self._here(service, word) for word in check]
        return subprocess.run(words, env=environment(), capture_output=True).returncode == 0

    def write(self, service: str) -> None:
        """Put a service's files where its command looks for them."""
        (self.folder / service).mkdir()
        text = (FOLDER / "lychgate.yaml").read_text()
        (self.folder / service / "lychgate.yaml").write_text(self._here(service, text))

    def _here(self, service: str, text: str) -> str:
        for theirs, ours in self.own[service].items():
            text = text.replace(theirs, ours)
        return text


def environment() -> dict[str, str]:
    """As in a container: no secret, and the programs of this environment first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LYCHGATE_")}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}"}


@contextmanager
def running_stack(folder: Path, postgres: PostgresServer) -> Iterator[Stack]:
    """Start every service in the order that compose.yaml says, and stop them afterwards."""
    _make_database(postgres)
    (folder / "master_key").write_text("5a" * 32)
    (folder / "database_password").write_text(PASSWORD + "\n")
    for name in ("master_key", "database_password"):
        (folder / name).chmod(0o600)
    with ExitStack() as stack:
        origin = stack.enter_context(Origin("application", Log())).address
        made = Stack(folder, free_port())
        addresses = {"application:3000": origin, "database:5432": f"127.0.0.1:{postgres.port}"}
        for together in (("companion",), DECISIONS):
            for service in together:
                made.own[service] = _own(made, service) | addresses
                made.write(service)
                stack.enter_context(_running(made.command(service), folder / service))
            wait_for(partial(_all_healthy, made, together), 60)
        made.own["envoy"] = _envoy(made, addresses)
        command = [*made.command("envoy"), "--concurrency", "1"]
        stack.enter_context(_running([envoy_binary(), *command[1:]], folder))
        wait_for(lambda: made.healthy("envoy"), 30)
        yield made


def _all_healthy(made: Stack, services: Sequence[str]) -> bool:
    return all(map(made.healthy, services))


def _own(made: Stack, service: str) -> dict[str, str]:
    """Ports of loopback instead of a network of its own."""
    ports = {f"0.0.0.0:{port}": f"127.0.0.1:{free_port()}" for port in (8800, 9001)}
    inside = {f"127.0.0.1:{port}": f"127.0.0.1:{free_port()}" for port in (8801, 8802, 8803)}
    folders = {
        "/run/secrets": str(made.folder),
        "/etc/lychgate": str(made.folder / service),
        "/var/lib/lychgate": str(made.folder / service / "state"),
        "172.30.87.10": "127.0.0.1",
        "8080": str(made.edge),
    }
    return ports | inside | folders


def _envoy(made: Stack, addresses: Mapping[str, str]) -> dict[str, str]:
    """Envoy's file with every address exchanged, and where it is."""
    places = {
        ("0.0.0.0", 8080): f"127.0.0.1:{made.edge}",
        ("application", 3000): addresses["application:3000"],
        ("companion", 8800): made.own["companion"]["0.0.0.0:8800"],
        **{(name, 9001): made.own[name]["0.0.0.0:9001"] for name in DECISIONS},
    }
    content = yaml.safe_load((FOLDER / "envoy.yaml").read_text())
    _exchange(content, places)
    file = made.folder / "envoy.yaml"
    file.write_text(yaml.safe_dump(content))
    return {"/etc/envoy/envoy.yaml": str(file), "8080": str(made.edge)}


def _exchange(value: Any, places: Mapping[tuple[str, int], str]) -> None:
    if isinstance(value, list):
        for one in value:
            _exchange(one, places)
    elif isinstance(value, dict):
        if "port_value" in value:
            host, _, port = places[value["address"], value["port_value"]].rpartition(":")
            value |= {"address": host, "port_value": int(port)}
        _exchange(list(value.values()), places)


@contextmanager
def _running(command: list[str], folder: Path) -> Iterator[None]:
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=folder, env=environment()
        )
        try:
            yield
        finally:
            end(process)


def _make_database(postgres: PostgresServer) -> None:
    """What the image of PostgreSQL makes of its environment."""
    told = SERVICES["database"]["environment"]
    admin = f"postgresql://postgres@127.0.0.1:{postgres.port}/postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {told['POSTGRES_USER']} LOGIN".encode())
        made = f"CREATE DATABASE {told['POSTGRES_DB']} OWNER {told['POSTGRES_USER']}"
        connection.execute(made.encode())
