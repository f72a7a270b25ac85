"""What a check costs a proxy: the same load on every way that a request can take."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.load import Load
from bench.progress import note
from bench.rounds import FULL, Effort, Lane, Rounds, run
from bench.site import Site
from bench.visits import snapshot_of, visits
from bench.ways import NOTHINGS, WAYS, Start
from lychgate.clock import clock
from lychgate.config import load
from lychgate.config.edits import apply
from lychgate.core.identity import Identity
from lychgate.core.model import IdpId
from lychgate.runtime import connect

_HOST = "app.localhost"
_SUBJECT = "5b2f6f0e-3c1d-5a77-9e4b-0d6f2a8c1b93"
_NONCE = "n0nce0f0a0session0of0this0kind"


BRIEF = Effort(rounds=15, seconds=1.0, warm=1.0)


def measure(effort: Effort = FULL) -> Mapping[str, float]:
    """Each way's medians, and the ratios within the same rounds."""
    rounds = _loaded(WAYS, effort)
    figures = _ratios(rounds)
    for name in WAYS:
        figures.update(rounds.summary(name))
    return figures


def measure_zero_hop(effort: Effort = BRIEF) -> Mapping[str, float]:
    """What the zero-hop path takes over Envoy alone, in many short rounds of these two."""
    return _over_envoy(_loaded({name: WAYS[name] for name in ("alone", "zero_hop")}, effort))


def _loaded(ways: Mapping[str, Start], effort: Effort) -> Rounds:
    with tempfile.TemporaryDirectory() as folder, Site(*_installation(Path(folder))) as site:
        lanes = _lanes(site, ways)
        for name, lane in lanes.items():
            note(f"trying {name}")
            lane.load.check(lane.way.url, effort.warm)
        return run(lanes, effort)


def _installation(folder: Path) -> tuple[Path, Mapping[str, Any], list[str]]:
    staff = {"email_domain": {"domain": "example.com"}}
    policy = {"name": "staff", "decision": "allow", "include": [staff]}
    app = {"name": "app", "type": "self_hosted", "domain": _HOST, "policies": ["staff"]}
    settings = {
        "team": {"name": "bench", "url": "http://127.0.0.1:8080"},
        "public_scheme": "http",
        "public_port": 8080,
        "store": f"sqlite:///{folder / 'lychgate.db'}",
        "resources": {"policies": [policy], "applications": [app]},
    }
    return folder, settings, [_HOST]


def _lanes(site: Site, ways: Mapping[str, Start]) -> Mapping[str, Lane]:
    loaded = load(site.config)
    store = connect(loaded.settings)
    try:
        apply(loaded, store)
    finally:
        store.close()
    snapshot = snapshot_of(site.settings)
    (app,) = snapshot.apps
    alice = Identity(_SUBJECT, "alice@example.com", "", IdpId("idp"), "oidc", "1", clock())
    load_ = Load(site.folder, "alice", visits(snapshot, [(app, alice, _NONCE)]))
    return {name: Lane(start(site), load_) for name, start in ways.items()}


def _ratios(rounds: Rounds) -> dict[str, float]:
    return {
        "check_grpc_over_nothing": rounds.over("grpc", "nothing_grpc"),
        "check_grpc_over_nothing_at_once": rounds.over("grpc", "nothing_grpc_at_once"),
        "http_check_over_nothing": rounds.over("http", "nothing_http"),
        **_over_envoy(rounds),
        "zero_hop_over_nothing_check": min(rounds.over("zero_hop", name) for name in NOTHINGS),
        "check_grpc_over_envoy": rounds.over("grpc", "alone"),
        "http_check_over_envoy": rounds.over("http", "alone"),
    }


def _over_envoy(rounds: Rounds) -> dict[str, float]:
    return {
        "zero_hop_over_envoy": rounds.over("zero_hop", "alone"),
        "zero_hop_cpu_us_over_envoy": rounds.more_cpu_us("zero_hop", "alone"),
    }
