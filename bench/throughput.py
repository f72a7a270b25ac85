"""How many requests a second pass through the real Envoy and the decision server."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import yaml

from bench.samples import NOW
from lychgate.config import load
from lychgate.config.edits import apply
from lychgate.core.identity import Identity
from lychgate.core.model import IdpId
from lychgate.core.session import Grounds, app_claims
from lychgate.core.tokens import sign
from lychgate.processes import Processes, accepts, free_port, python
from lychgate.runtime import connect

SECONDS = 4
ROUNDS = 5
CONNECTIONS = 16
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_REFUSED = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_HOST = "app.localhost"
_ORIGIN = """
static_resources:
  listeners:
    - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.\
http_connection_manager.v3.HttpConnectionManager
                stat_prefix: origin
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: {{prefix: /}}
                          direct_response: {{status: 200, body: {{inline_string: ok}}}}
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One way to ask for a decision: the real server, and one that does nothing."""

    check: str
    real: str
    nothing: str
    setting: str


GRPC = Asked("grpc", "extauthz", "bench.nothing", "extauthz")
HTTP = Asked("http", "extauthz.http", "bench.nothing_http", "http_check")


def measure() -> Mapping[str, float]:
    """The rate behind a full decision over the rate behind one that does nothing."""
    full, nothing, ratio = both_rates(GRPC)
    return {
        "check_grpc_per_second": full,
        "nothing_grpc_per_second": nothing,
        "check_grpc_over_nothing": ratio,
    }


def both_rates(asked: Asked) -> tuple[float, float, float]:
    """The median rates behind the real server and behind nothing, and of their ratio."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        processes = stack.enter_context(Processes())
        full, nothing, headers = _start(folder, processes, asked)
        rates = [(_rate(full, headers), _rate(nothing, headers)) for _ in range(ROUNDS)]
    return (
        median(rate for rate, _ in rates),
        median(rate for _, rate in rates),
        median(one / other for one, other in rates),
    )


def _start(folder: Path, processes: Processes, asked: Asked) -> tuple[str, str, Sequence[str]]:
    origin = free_port()
    origin_file = folder / "origin.yaml"
    origin_file.write_text(_ORIGIN.format(port=origin))
    processes.start("origin", _envoy_command(origin_file), folder / "origin.log")
    urls = {}
    for name in ("check", "nothing"):
        endpoint = f"unix:{folder / name}.sock"
        config = folder / f"{name}.yaml"
        config.write_text(yaml.safe_dump(_configuration(folder, endpoint, origin, asked)))
        server = python(asked.real, "--config", str(config))
        if name == "nothing":
            server = python(asked.nothing, endpoint)
        else:
            token = _token(config)
        processes.start(name, server, folder / f"{name}.log")
        processes.wait_for(name, _accepting(endpoint))
        urls[name] = _proxy(folder, processes, name, config, asked)
    headers = (f"Host: {_HOST}", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) bench")
    cookie = f"Cookie: theme=dark; CF_Authorization={token}; lang=en"
    return urls["check"], urls["nothing"], (*headers, cookie)


def _accepting(address: str) -> Callable[[], bool]:
    return lambda: accepts(address)


def _configuration(folder: Path, endpoint: str, origin: int, asked: Asked) -> dict[str, object]:
    return {
        "team": {"name": "bench", "url": "http://127.0.0.1:8080"},
        "public_scheme": "http",
        "public_port": 8080,
        "store": f"sqlite:///{folder / 'lychgate.db'}",
        asked.setting: {"listen": [endpoint]},
        "log": {"allow": False},
        "upstreams": [{"host": _HOST, "to": f"http://127.0.0.1:{origin}"}],
        "resources": {
            "policies": [
                {
                    "name": "staff",
                    "decision": "allow",
                    "include": [{"email_domain": {"domain": "example.com"}}],
                }
            ],
            "applications": [
                {"name": "app", "type": "self_hosted", "domain": _HOST, "policies": ["staff"]}
            ],
        },
    }


def _token(config: Path) -> str:
    """A good application token, from the keys of the installation itself."""
    loaded = load(config)
    store = connect(loaded.settings)
    try:
        apply(loaded, store)
        store.mirror.refresh(store)
        mirrored = store.mirror.current
    finally:
        store.close()
    if mirrored is None:
        raise SystemExit("the installation was not read")
    snapshot = mirrored.snapshot
    app = next(iter(snapshot.apps.values())).app
    person = Identity("5b2f6f0e", "alice@example.com", "", IdpId("idp"), "oidc", "1", NOW)
    grounds = Grounds("nonce", app.policies[0], 0)
    second = max(snapshot.apps[app.id].rules_changed_at + 1, int(NOW.timestamp()))
    now = NOW.fromtimestamp(second, NOW.tzinfo)
    claims = app_claims(snapshot.team, app, person, grounds, now, app.session_duration)
    return sign(claims, snapshot.keyring.current(now))


def _envoy_command(file: Path) -> Sequence[str]:
    binary = shutil.which("envoy", path=str(Path(sys.executable).parent))
    if binary is None:
        raise SystemExit("there is no envoy: `uv sync` installs it")
    options = ("--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error")
    return (binary, "-c", str(file), *options)


def _proxy(folder: Path, processes: Processes, name: str, config: Path, asked: Asked) -> str:
    port = free_port()
    options = ("--config", str(config), "--listen", f"127.0.0.1:{port}", "--check", asked.check)
    command = python("extauthz.config", *options)
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    file = folder / f"envoy-{name}.yaml"
    file.write_text(made.stdout)
    processes.start(f"envoy {name}", _envoy_command(file), folder / f"envoy-{name}.log")
    processes.wait_for(f"envoy {name}", _accepting(f"127.0.0.1:{port}"))
    return f"http://127.0.0.1:{port}/reports/2026?page=2"


def _rate(url: str, headers: Sequence[str]) -> float:
    if shutil.which("wrk") is None:
        raise SystemExit("there is no wrk on this machine: `apt-get install wrk`")
    shape = ("-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s")
    options = [part for header in headers for part in ("-H", header)]
    done = subprocess.run(
        ["wrk", *shape, *options, url], capture_output=True, text=True, check=True
    )
    refused, rate = _REFUSED.search(done.stdout), _RATE.search(done.stdout)
    if refused is not None or rate is None:
        raise SystemExit(f"the load did not pass: {done.stdout}")
    return float(rate[1])
