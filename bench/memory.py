"""What a large installation costs to hold: memory of a process and its time to start."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.samples import POLICIES, host
from lychgate.core.model import Team
from lychgate.runtime import connect, open_runtime
from lychgate.settings import Settings
from lychgate.store.base import Actor, Catalogue, Edit, Kind, Put

APPLICATIONS = 10_000
TOKENS = 10_000


def measure() -> Mapping[str, float]:
    """Memory after a second swap, and the time from start to the first snapshot."""
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(Path(folder))
        fill(settings)
        answer = subprocess.run(
            [sys.executable, "-m", "bench.memory", folder],
            capture_output=True,
            text=True,
            check=True,
        )
    figures: Mapping[str, float] = json.loads(answer.stdout)
    return figures


def _settings(folder: Path) -> Settings:
    return Settings(Team("https://team.example.com"), store=f"sqlite:///{folder / 'lychgate.db'}")


def fill(settings: Settings) -> None:
    """Ten thousand applications of five policies each, and as many service tokens."""
    store = connect(settings)
    try:
        store.change(Actor("bench", "system"), _edits)
    finally:
        store.close()


def _edits(_catalogue: Catalogue) -> Sequence[Edit]:
    edits: list[Edit] = []
    for number in range(TOKENS):
        secret = {"name": f"token {number}", "client_secret_hash": f"{number:064x}"}
        edits.append(Put(Kind.SERVICE_TOKEN, f"00000000-0000-4000-8000-{number:012x}", secret))
    for index in range(APPLICATIONS):
        ids = [f"00000000-0000-4000-9{n:03x}-{index:012x}" for n in range(POLICIES)]
        edits.extend(Put(Kind.POLICY, id, _policy(n)) for n, id in enumerate(ids))
        links = [{"id": id, "precedence": n + 1} for n, id in enumerate(ids)]
        body: dict[str, object] = {
            "name": f"application {index}",
            "type": "self_hosted",
            "domain": host(index),
            "destinations": [{"type": "public", "uri": host(index)}],
            "policies": links,
        }
        edits.append(Put(Kind.APPLICATION, f"00000000-0000-4000-a000-{index:012x}", body))
    return edits


def _policy(number: int) -> Mapping[str, object]:
    return {
        "name": f"policy {number}",
        "decision": "allow",
        "include": [
            {"email_domain": {"domain": f"team{number}.example.com"}},
            {"email": {"email": f"person{number}@example.com"}},
        ],
        "reusable": False,
    }


def _held(folder: Path) -> Mapping[str, float]:
    started = time.perf_counter()
    settings = _settings(folder)
    with open_runtime(settings) as runtime:
        seconds = time.perf_counter() - started
        if not runtime.ready():
            raise SystemExit("the installation was not read")
        body = {"name": "one more", "client_secret_hash": "0" * 64}
        put = Put(Kind.SERVICE_TOKEN, "00000000-0000-4000-8000-ffffffffffff", body)
        revision = runtime.store.change(Actor("bench", "system"), lambda _: [put])
        runtime.feed.wait_for(revision)
        return {"start_s_10k": seconds, "rss_mb_10k": _resident()}


def _resident() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_held(Path(sys.argv[1]))))
