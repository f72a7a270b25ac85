"""Everything between the load and an origin: Envoys, what they ask, and an installation."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from bench.machine import envoy, gate_core, load_core, pinned
from extauthz.layout import Check, layout_of, render
from lychgate.config import load
from lychgate.processes import Processes, accepts, free_port, python
from lychgate.settings import Settings, ZeroHop

_START = 120.0
_HTTP_MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager"
    ".v3.HttpConnectionManager"
)
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


@dataclass(frozen=True, slots=True)
class Way:
    """A way that requests go: where they are sent, and which processes work on them."""

    url: str
    envoy: int
    servers: tuple[int, ...] = ()

    def asking(self, *servers: int) -> "Way":
        """The way with the servers that Envoy asks."""
        return replace(self, servers=servers)

    @property
    def processes(self) -> Mapping[str, tuple[int, ...]]:
        """What works on a request, by who it is."""
        return {"envoy": (self.envoy,), "server": self.servers}


class Site(AbstractContextManager["Site"]):
    """A folder, an installation in it, an origin on the core of the load; all else on the gate's.

    `settings` are those of the installation as members of its file; `remembered` is how many
    verified tokens an Envoy remembers that proves by itself.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any],
        hosts: Sequence[str],
        remembered: int = ZeroHop().tokens,
    ) -> None:
        self.folder = folder
        self._stack, self._processes = ExitStack(), Processes()
        self._origin = free_port()
        self._numbers = f"127.0.0.1:{free_port()}"
        self.config = folder / "lychgate.yaml"
        upstreams = [{"host": host, "to": f"http://127.0.0.1:{self._origin}"} for host in hosts]
        endpoints = {
            "extauthz": {"listen": [self.socket("grpc")]},
            "http_check": {"listen": [self.socket("http")]},
            "zero_hop": {
                "listen": self.socket("xds"),
                "metrics": self._numbers,
                "tokens": remembered,
            },
            "log": {"allow": False},
        }
        members = {**settings, **endpoints, "upstreams": upstreams}
        self.config.write_text(yaml.safe_dump(members))
        self.settings: Settings = load(self.config).settings

    def __enter__(self) -> Self:
        self._stack.enter_context(self._processes)
        self._envoy("origin", _answering(self._origin), load_core(), self._origin)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def socket(self, name: str) -> str:
        """The endpoint of a server of this site."""
        return f"unix:{self.folder / name}.sock"

    def serve(self, name: str, command: Sequence[str]) -> int:
        """Start a server that listens on `socket(name)`; its process."""
        log = self.folder / f"{name}.log"
        pid = self._processes.start(name, pinned(gate_core(), command), log)
        self._processes.wait_for(name, lambda: accepts(self.socket(name)), _START)
        return pid

    def decide(self, check: Check) -> int:
        """Start the installation's decision server of that kind."""
        module = {Check.GRPC: "extauthz", Check.HTTP: "extauthz.http"}[check]
        return self.serve(check.value, python(module, "--config", str(self.config)))

    def prove(self) -> int:
        """Start the server that tells Envoy what it may prove alone."""
        return self.serve("xds", python("extauthz.xds", "--config", str(self.config)))

    def wait_until_proved(self) -> None:
        """Wait until an Envoy has all that it needs to prove a request."""
        self._processes.wait_for("xds", self._proved, _START)

    def _proved(self) -> bool:
        numbers = httpx.get(f"http://{self._numbers}/metrics").text
        return 'lychgate_zero_hop_envoys{proves="true"} 1.0' in numbers

    def proxy(self, name: str, check: Check, endpoint: str, xds: str = "") -> tuple[str, int]:
        """Start an Envoy as installed, that asks an endpoint; its address and process."""
        port = free_port()
        layout = layout_of(self.settings, f"127.0.0.1:{port}", check)
        made = render(replace(layout, decision=(endpoint,), xds=xds))
        return self._url(port), self._envoy(name, made, gate_core(), port)

    def bare_proxy(self, name: str) -> tuple[str, int]:
        """Start an Envoy with the same hardening, routes and origin, and nothing of the gate."""
        port = free_port()
        layout = replace(layout_of(self.settings, f"127.0.0.1:{port}"), xds="")
        made = yaml.safe_load(render(layout))
        return self._url(port), self._envoy(name, yaml.dump(_bare(made)), gate_core(), port)

    def nothing(self, name: str) -> int:
        """Start an Envoy that says yes to every question over HTTP, on `socket(name)`."""
        pipe = {"pipe": {"path": self.socket(name).removeprefix("unix:")}}
        return self.serve(name, _command(self._file(name, _answering(pipe))))

    def _envoy(self, name: str, made: str, core: int, port: int) -> int:
        file, log = self._file(name, made), self.folder / f"{name}.log"
        pid = self._processes.start(name, pinned(core, _command(file)), log)
        self._processes.wait_for(name, lambda: accepts(f"127.0.0.1:{port}"))
        return pid

    def _file(self, name: str, made: str) -> Path:
        file = self.folder / f"{name}.yaml"
        file.write_text(made)
        return file

    def _url(self, port: int) -> str:
        return f"http://127.0.0.1:{port}/"


def _command(file: Path) -> Sequence[str]:
    options = ("--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error")
    return (envoy(), "-c", str(file), *options)


def _answering(where: int | Mapping[str, object]) -> str:
    """The configuration of an Envoy that answers every request with 200."""
    address = where
    if isinstance(where, int):
        address = {"socket_address": {"address": "127.0.0.1", "port_value": where}}
    everything = {
        "match": {"prefix": "/"},
        "direct_response": {"status": 200, "body": {"inline_string": "ok"}},
    }
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}
    manager = {
        "@type": _HTTP_MANAGER,
        "stat_prefix": "answering",
        "http_filters": [router],
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [everything]}]
        },
    }
    filter = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    listener = {"address": address, "filter_chains": [{"filters": [filter]}]}
    return yaml.safe_dump({"static_resources": {"listeners": [listener]}})


def _bare(made: dict[str, Any]) -> dict[str, Any]:
    """An installation's configuration without its checks, its cookie guard and its companion."""
    resources = made["static_resources"]
    ours = ("lychgate_decision", "lychgate_companion")
    resources["clusters"] = [one for one in resources["clusters"] if one["name"] not in ours]
    for chain in resources["listeners"][0]["filter_chains"]:
        manager = chain["filters"][0]["typed_config"]
        (router,) = (one for one in manager["http_filters"] if one["name"].endswith(".router"))
        del router["typed_config"]["upstream_http_filters"]
        manager["http_filters"] = [router]
        hosts = manager["route_config"]["virtual_hosts"]
        manager["route_config"]["virtual_hosts"] = [_unowned(host) for host in hosts]
    return made


def _unowned(host: dict[str, Any]) -> dict[str, Any]:
    """A virtual host without the routes that lead to the companion."""
    routes = [
        route
        for route in host["routes"]
        if route.get("route", {}).get("cluster") != "lychgate_companion"
    ]
    return {**host, "routes": routes}
