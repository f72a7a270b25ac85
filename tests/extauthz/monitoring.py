"""The files of `examples/monitoring`: their queries, and a real Prometheus that answers them."""

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.docs import pages
from tests.support.envoy import end, free_port

FOLDER = pages.ROOT / "examples" / "monitoring"


def alerts() -> list[dict[str, Any]]:
    """Every alert rule."""
    content = yaml.safe_load((FOLDER / "alerts.yml").read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Every panel of the dashboard that asks something."""
    content = json.loads((FOLDER / "grafana.json").read_text())
    return [panel for panel in content["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    """Every query of both, with the dashboard's variables filled in."""
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    filled = [one.replace("$__rate_interval", "1m").replace("$job", ".*") for one in asked]
    return filled + [str(rule["expr"]) for rule in alerts()]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running server."""

    url: str

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series that a query finds now."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": query}).json()
        assert answer["status"] == "success", (query, answer)
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found


@contextmanager
def prometheus(folder: Path, companion: str, workers: Sequence[str]) -> Iterator[Prometheus]:
    """Prometheus with the example's configuration, pointed at these addresses."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s"}
    for job, targets in zip(config["scrape_configs"], ([companion], list(workers)), strict=True):
        job["static_configs"] = [{"targets": targets}]
    (folder / "alerts.yml").write_text((FOLDER / "alerts.yml").read_text())
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    listen = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={folder / 'prometheus.yml'}"]
    command += [f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={listen}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        server = Prometheus(f"http://{listen}")
        _wait(server, len(workers) + 1)
        yield server
    finally:
        end(process)


def _wait(server: Prometheus, targets: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            found = server.ask("count_over_time(up[1m]) > 2 and up == 1")
        except httpx.TransportError:
            found = []
        if len(found) == targets:
            return
        time.sleep(0.3)
    raise TimeoutError("Prometheus has not scraped everything")
