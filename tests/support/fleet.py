"""Two nodes over one PostgreSQL: each a companion app and a decision server, and Envoys in front.

`fronts["all"]` asks the nodes in turn, so that each step of a login meets the other node; behind
`fronts["node1"]` and `fronts["node2"]` stands one of them alone.
"""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from extauthz.http.endpoint import is_serving as http_is_serving
from extauthz.layout import Check, layout_of
from extauthz.probe import is_serving
from extauthz.worker import SERVICE
from lychgate.admin.scopes import SCOPES
from lychgate.config import load
from lychgate.config.edits import apply
from lychgate.config.naming import ACCOUNT
from lychgate.core.urls import AUTH_COOKIE
from lychgate.processes import accepts
from lychgate.runtime import connect, follow
from lychgate.settings import Settings
from tests.admin.running import make_token
from tests.support.catalogue import Catalogue, Proxy, wait_for
from tests.support.demo import Demo
from tests.support.envoy import end, free_port, running_envoy, running_module, wait_until
from tests.support.front import Log, Origin, exchange, request_bytes
from tests.support.postgres import PostgresServer
from tests.support.wire import Wire

NODES = ("node1", "node2")
APP = "whoami"
"""The application of the tests: staff may enter it."""
EDITED = "edits.localhost"
"""A host whose applications are made over the API."""
_STAFF = {
    "name": "staff",
    "decision": "allow",
    "include": [{"email_domain": {"domain": "staff.example"}}],
}
RESOURCES: Mapping[str, Any] = {
    "identity_providers": [{"name": "PIN", "type": "onetimepin", "config": {}}],
    "policies": [_STAFF],
    "applications": [
        {"name": APP, "type": "self_hosted", "domain": "localhost", "policies": ["staff"]},
        {
            "name": "mcp",
            "type": "self_hosted",
            "domain": "localhost/mcp",
            "policies": ["staff"],
            "path_cookie_attribute": True,
            "oauth_configuration": {"enabled": True},
        },
    ],
}
XDS = "extauthz.xds"
_MODULES = {Check.GRPC: "extauthz", Check.HTTP: "extauthz.http"}


@dataclass(slots=True)
class Node:
    """One machine of the fleet."""

    file: Path
    settings: Settings
    check: Check
    stack: ExitStack
    wire: Wire | None = None
    """What it reaches the database by, where that can be cut."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What its front is called."""
        return self.file.parent.name

    @property
    def decision(self) -> str:
        """The module of its decision server."""
        return _MODULES[self.check]

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where its decision server listens."""
        if self.check is Check.HTTP:
            return self.settings.http_check.endpoints
        return self.settings.extauthz.endpoints

    def start(self, *modules: str) -> None:
        """Start processes and wait until they answer."""
        for module in modules:
            arguments = (module, "--config", str(self.file))
            started = self.stack.enter_context(running_module(arguments, self.file.parent))
            self.processes[module] = started
        for module in modules:
            wait_until(self._serves(module), self.processes[module], 60)

    def stop(self, module: str) -> None:
        """Let a process end as an administrator does."""
        end(self.processes[module])

    def kill(self, module: str) -> None:
        """End a process without a word of warning."""
        self.processes[module].kill()
        self.processes[module].wait()

    def output(self) -> str:
        """What its processes have written."""
        return "".join(one.read_text(errors="replace") for one in self.file.parent.glob("*.log"))

    def call(self, method: str, path: str, token: str, body: Any = None) -> Any:
        """A call of its admin API; the result of a success."""
        host, _, port = self.settings.admin.listen.rpartition(":")
        with closing(HTTPConnection(host, int(port), timeout=20)) as connection:
            target = f"/client/v4/accounts/{ACCOUNT}/access/{path}"
            headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
            sent = None if body is None else json.dumps(body)
            connection.request(method, target, sent, headers)
            answer = json.loads(connection.getresponse().read())
        assert answer["success"], answer
        return answer["result"]

    def metric(self, name: str) -> float:
        """The sum of a metric of its companion app over all labels."""
        host, _, port = self.settings.health.listen.rpartition(":")
        data = request_bytes("GET", "/metrics", self.settings.health.listen)
        text = exchange((host, int(port)), data).body.decode()
        lines = [line for line in text.splitlines() if line.startswith((name + "{", name + " "))]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def _serves(self, module: str) -> Callable[[], bool]:
        if module == XDS:
            return lambda: accepts(self.settings.zero_hop.listen)
        if module == "lychgate.web":
            return lambda: accepts(self.settings.companion.listen)
        if self.check is Check.HTTP:
            return lambda: all(map(http_is_serving, self.endpoints))
        return lambda: all(is_serving(one, SERVICE) for one in self.endpoints)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The running installation; `catalogue` makes sessions, `demo` is what a browser meets."""

    catalogue: Catalogue
    demo: Demo
    postgres: PostgresServer
    nodes: tuple[Node, ...]
    fronts: Mapping[str, Proxy]
    token: str = field(repr=False)
    """An API token that may do everything."""

    @property
    def host(self) -> str:
        """The applications' host, with its port."""
        return urlsplit(self.demo.app(APP)).netloc

    def request(self, email: str, target: str = "/") -> bytes:
        """A request with a session of somebody who has logged in."""
        cookie = ("Cookie", f"{AUTH_COOKIE}={self.catalogue.token(email, APP)}")
        return request_bytes("GET", target, self.host, (cookie,))

    def statuses(self, data: bytes) -> list[int]:
        """What is answered before each node."""
        return [self.fronts[node.name].send_raw(data).status for node in self.nodes]


@contextmanager
def running_fleet(
    folder: Path,
    postgres: PostgresServer,
    check: Check = Check.GRPC,
    *,
    names: Sequence[str] = NODES,
    wired: bool = False,
    zero_hop: bool = False,
    **more: Any,
) -> Iterator[Fleet]:
    """Start everything, and stop it afterwards. Only the first node's file has the resources."""
    log, url, port = Log(), postgres.database(), free_port()
    key = folder / "lychgate.key"
    key.touch(0o600)
    key.write_text("5a" * 32)
    with ExitStack() as stack:
        origin = stack.enter_context(Origin("origin", log))
        nodes: list[Node] = []
        for name in names:
            wire = stack.enter_context(Wire(postgres.port)) if wired else None
            store = url.replace(str(postgres.port), str(wire.port)) if wire else url
            content = _content(folder, name, port, origin.address) | {"store": store, **more}
            if zero_hop:
                content["zero_hop"] = {"listen": f"unix:{folder / name / 'xds.sock'}"}
            if not nodes:
                content["resources"] = RESOURCES
            nodes.append(_node(folder / name, content, check, stack, wire))
        catalogue = _catalogue(folder, nodes[0], url, log, stack)
        for node in nodes:
            node.start("lychgate.web", node.decision, *([XDS] if zero_hop else []))
        fronts = {"all": _front(folder / "all", nodes, port, log, stack)}
        for node in nodes:
            fronts[node.name] = _front(node.file.parent, [node], free_port(), log, stack)
        catalogue.fronts["envoy"] = fronts["all"]
        demo = Demo(_info(folder, port), nodes[0].processes["lychgate.web"], folder / "none")
        secret, _ = make_token(catalogue.store, SCOPES, "", None)
        yield Fleet(catalogue, demo, postgres, tuple(nodes), fronts, secret)


def _content(folder: Path, name: str, port: int, origin: str) -> dict[str, Any]:
    own = folder / name
    own.mkdir()
    return {
        "team": {"name": "Fleet", "url": f"http://127.0.0.1:{port}"},
        "public_scheme": "http",
        "public_port": port,
        "master_key_file": str(folder / "lychgate.key"),
        "mail": {"folder": str(folder / "mail")},
        "companion": {"listen": f"127.0.0.1:{free_port()}"},
        "extauthz": {"listen": [f"unix:{own / 'decision.sock'}"]},
        "health": {"listen": f"127.0.0.1:{free_port()}"},
        "admin": {"listen": f"127.0.0.1:{free_port()}"},
        "limits": {"pins_per_hour": 1000},
        "log": {"format": "json"},
        "upstreams": [{"host": host, "to": f"http://{origin}"} for host in ("localhost", EDITED)],
    }


def _node(
    folder: Path, content: dict[str, Any], check: Check, stack: ExitStack, wire: Wire | None
) -> Node:
    if check is Check.HTTP:
        content["http_check"] = {"listen": [f"unix:{folder / 'check.sock'}"]}
    file = folder / "lychgate.yaml"
    file.write_text(yaml.safe_dump(content))
    return Node(file, load(file, {}).settings, check, stack, wire)


def _catalogue(folder: Path, first: Node, url: str, log: Log, stack: ExitStack) -> Catalogue:
    """The view of the whole that the tests have: straight to the database, past every wire."""
    settings = replace(first.settings, store=url)
    store = connect(settings)
    stack.callback(store.close)
    apply(load(first.file, {}), store)
    feed = follow(store)
    stack.callback(feed.stop)
    return Catalogue(folder, first.file, settings, store, feed, log, stack)


def _front(folder: Path, nodes: list[Node], port: int, log: Log, stack: ExitStack) -> Proxy:
    folder.mkdir(exist_ok=True)
    layout = replace(
        layout_of(nodes[0].settings, f"127.0.0.1:{port}", nodes[0].check),
        decision=tuple(one for node in nodes for one in node.endpoints),
        companions=tuple(node.settings.companion.listen for node in nodes),
    )
    envoy = stack.enter_context(running_envoy(layout, folder, log))
    probe = request_bytes("GET", "/", f"localhost:{port}")
    front = Proxy(envoy.url, log, "envoy")
    # Envoy sends nobody to a server before its first health check.
    wait_for(lambda: front.send_raw(probe).status == 302, 60)
    return front


def _info(folder: Path, port: int) -> dict[str, Any]:
    apps = {APP: f"http://localhost:{port}/", "mcp": f"http://localhost:{port}/mcp"}
    return {"team": f"http://127.0.0.1:{port}", "apps": apps, "mail_dir": str(folder / "mail")}
