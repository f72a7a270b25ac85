"""What a large installation costs its administrators: a page of a list, a change in force."""

import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import yaml

from bench.large import FULL, fill
from bench.samples import browser_request
from lychgate.admin.credentials import new_token
from lychgate.admin.scopes import SCOPES
from lychgate.clock import clock
from lychgate.config import load
from lychgate.config.naming import ACCOUNT
from lychgate.gate import Forward
from lychgate.processes import Processes, free_port, python
from lychgate.runtime import connect, open_runtime
from lychgate.store.base import ApiToken

PER_PAGE = 25
ROUNDS = 15
CHANGES = 7
_ROOT = f"/client/v4/accounts/{ACCOUNT}/access"


def measure() -> Mapping[str, float]:
    """Pages at the beginning and the end of the list, and from an answer to a decision."""
    with tempfile.TemporaryDirectory() as folder, Processes() as processes:
        config, admin, check = _prepare(Path(folder))
        token = _fill(config)
        processes.start("web", python("lychgate.web", "--config", str(config)), _log(folder, "web"))
        decide = subprocess.Popen([sys.executable, "-m", "bench.admin", str(config), check])
        try:
            headers = {"authorization": f"Bearer {token}"}
            with httpx.Client(base_url=admin + _ROOT, headers=headers, timeout=60) as http:
                processes.wait_for("web", lambda: _ready(http), 120)
                return {**_pages(http), **_in_force(http, Path(check))}
        finally:
            decide.terminate()
            decide.wait()


def _log(folder: str, name: str) -> Path:
    return Path(folder) / f"{name}.log"


def _prepare(folder: Path) -> tuple[Path, str, str]:
    admin = f"127.0.0.1:{free_port()}"
    config = folder / "lychgate.yaml"
    whole: dict[str, Any] = {
        "team": {"name": "bench", "url": "https://team.example.com"},
        "store": f"sqlite:///{folder / 'lychgate.db'}",
        "companion": {"listen": f"127.0.0.1:{free_port()}"},
        "health": {"listen": f"127.0.0.1:{free_port()}"},
        "admin": {"listen": admin, "calls_per_minute": 1_000_000},
    }
    config.write_text(yaml.safe_dump(whole))
    return config, f"http://{admin}", str(folder / "decided")


def _fill(config: Path) -> str:
    """So many applications, and a token for the API."""
    settings = load(config).settings
    fill(settings, replace(FULL, sessions=0, revocations=0))
    made, store = new_token(secrets.token_bytes), connect(settings)
    try:
        token = ApiToken("bench", "bench", "", SCOPES, clock())
        store.api_tokens.create(token, made.digest)
    finally:
        store.close()
    return made.secret


def _ready(http: httpx.Client) -> bool:
    try:
        return http.get("/apps", params={"per_page": 1}).status_code == 200
    except httpx.TransportError:
        return False


def _pages(http: httpx.Client) -> Mapping[str, float]:
    last = FULL.applications // PER_PAGE
    rounds = [(_page(http, 1), _page(http, last)) for _ in range(ROUNDS)]
    return {
        "admin_page_ms_10k": median(one for pair in rounds for one in pair) * 1000,
        "admin_last_page_over_first": median(two / one for one, two in rounds),
    }


def _page(http: httpx.Client, page: int) -> float:
    began = time.perf_counter()
    answer = http.get("/apps", params={"page": page, "per_page": PER_PAGE})
    seconds = time.perf_counter() - began
    if len(answer.json()["result"]) != PER_PAGE:
        raise SystemExit(f"page {page} is not full: {answer.text[:300]}")
    return seconds


def _in_force(http: httpx.Client, decided: Path) -> Mapping[str, float]:
    """Seconds from the answer of the API until another process decides by the change."""
    changes, late = [], []
    for _ in range(CHANGES):
        word = f"bench-{secrets.token_hex(4)}"
        policy = {"name": "open", "decision": "bypass", "include": [{"everyone": {}}]}
        app = {"type": "self_hosted", "name": word, "domain": f"{word}.example.com"}
        began = time.perf_counter()
        made = http.post("/apps", json={**app, "policies": [policy]})
        answered = time.time()
        changes.append(time.perf_counter() - began)
        if made.status_code != 201:
            raise SystemExit(f"the change was refused: {made.text[:300]}")
        late.append(max(0.0, _allowed_at(decided, app["domain"]) - answered))
    return {
        "admin_change_s_10k": median(changes),
        "admin_in_force_s_10k": median(late),
        "admin_in_force_worst_s_10k": max(late),
    }


def _allowed_at(decided: Path, host: str) -> float:
    """When the other process first let a request to that host pass."""
    decided.with_suffix(".asked").write_text(host)
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        words = decided.read_text().split() if decided.exists() else []
        if len(words) == 2 and words[0] == host:
            return float(words[1])
        time.sleep(0.002)
    raise SystemExit(f"nobody decided about {host}")


def _decide(config: Path, decided: Path) -> None:
    """The other process: judges requests to the host it is asked about until one passes."""
    asked, done = decided.with_suffix(".asked"), ""
    with open_runtime(load(config).settings) as runtime:
        while True:
            host = asked.read_text() if asked.exists() else ""
            if not host or host == done:
                time.sleep(0.001)
                continue
            request = replace(browser_request(0, "none"), host=host)
            if isinstance(runtime.gate.check(request), Forward):
                decided.with_suffix(".new").write_text(f"{host} {time.time()}")
                decided.with_suffix(".new").rename(decided)
                done = host
            time.sleep(0.001)


if __name__ == "__main__":
    _decide(Path(sys.argv[1]), Path(sys.argv[2]))
