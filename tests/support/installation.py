"""An installation on disk: one file, a store that holds what it says, and the decision server."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any
from urllib.parse import urlsplit

import yaml

from extauthz.__main__ import GRPC
from extauthz.http.__main__ import HTTP
from extauthz.layout import Check, layout_of
from lychgate.config import load
from lychgate.config.edits import apply
from lychgate.runtime import connect
from lychgate.settings import Settings
from tests.support.envoy import Envoy, free_port, running_envoy, running_module, wait_until
from tests.support.front import Log, request_bytes


@dataclass(frozen=True, slots=True)
class Installation:
    """A configuration file whose objects are in the store."""

    file: Path
    settings: Settings
    check: Check = Check.GRPC
    """Which decision server it runs."""

    @contextmanager
    def deciding(self) -> Iterator[Popen[bytes]]:
        """The decision server as a process of its own, once every worker serves."""
        arguments = (_KINDS[self.check].module, "--config", str(self.file))
        with running_module(arguments, self.file.parent) as process:
            wait_until(self.serves, process, 60)
            yield process

    def serves(self) -> bool:
        """Whether every worker of the decision server says that it serves."""
        kind = _KINDS[self.check]
        return all(map(kind.serves, kind.endpoints(self.settings)))


_KINDS = {Check.GRPC: GRPC, Check.HTTP: HTTP}


def install(
    folder: Path,
    applications: Sequence[Mapping[str, Any]],
    upstreams: Sequence[Mapping[str, str]],
    workers: int = 1,
    check: Check = Check.GRPC,
) -> Installation:
    """Write the file of an installation on free ports of loopback, and apply it."""
    port = free_port()
    content = {
        "team": {"name": "Test", "url": f"http://127.0.0.1:{port}"},
        "public_port": port,
        "public_scheme": "http",
        "store": f"sqlite:///{folder / 'lychgate.db'}",
        "companion": {"listen": f"127.0.0.1:{free_port()}"},
        "extauthz": {"listen": [f"unix:{folder / 'decision.sock'}"], "workers": workers},
        "http_check": {"listen": [f"unix:{folder / 'check.sock'}"], "workers": workers},
        "upstreams": list(upstreams),
        "resources": {"applications": list(applications)},
    }
    file = folder / "lychgate.yaml"
    file.write_text(yaml.safe_dump(content))
    loaded = load(file, {})
    store = connect(loaded.settings)
    try:
        apply(loaded, store)
    finally:
        store.close()
    return Installation(file, loaded.settings, check)


@contextmanager
def behind_envoy(installation: Installation, log: Log) -> Iterator[Envoy]:
    """The decision server and the real Envoy, on the port that the team's URL names."""
    port = urlsplit(installation.settings.team.url).port
    layout = layout_of(installation.settings, f"127.0.0.1:{port}")
    folder = installation.file.parent
    with installation.deciding() as server, running_envoy(layout, folder, log) as front:
        probe = request_bytes("GET", "/", "nobody.invalid")
        wait_until(lambda: front.send_raw(probe).status != 503, server, 30)
        yield front
