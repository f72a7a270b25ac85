"""What a large installation costs: memory, the start, pauses, and each check.

10,000 applications with 50,000 policies and one that all share, 10,000 service tokens, 100,000
sessions and 1,000 live revocations; beside it a small one, under the same load.
"""

import math
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import pause
from bench.large import FULL, SMALL, Size, app_id, fill, members, nonce, person
from bench.load import Load
from bench.machine import memory
from bench.pause import Patience
from bench.progress import note
from bench.rounds import Effort, Lane, Rounds, run
from bench.site import Site, Way
from bench.visits import snapshot_of, visits
from bench.ways import GATES
from extauthz.layout import Check


@dataclass(frozen=True, slots=True)
class Scale:
    """How large, how long it is loaded, and how patiently changes are looked at."""

    large: Size
    effort: Effort
    patience: Patience


DEFAULT = Scale(FULL, Effort(rounds=5, seconds=3.0), Patience())


@dataclass(frozen=True, slots=True)
class Stand:
    """An installation that serves, and the ways to it."""

    site: Site
    size: Size
    ways: Mapping[str, Way]
    start_s: float
    """Seconds until its first server could decide."""


def measure(scale: Scale = DEFAULT) -> Mapping[str, float]:
    """The costs of the large one, and how its checks compare with those of the small one."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        small = _stand(stack, folder / "small", SMALL)
        large = _stand(stack, folder / "large", scale.large)
        pauses = _pauses(large, scale.patience)
        lanes = {f"{name}_large": lane for name, lane in _lanes(large).items()}
        for name, lane in lanes.items():
            _see_everybody(name, lane, scale)
        lanes |= {f"{name}_small": lane for name, lane in _lanes(small).items()}
        rounds = run(lanes, scale.effort)
        held = [memory(pid) for way in large.ways.values() for pid in way.servers]
    return {
        "start_s_10k": large.start_s,
        "rss_mb_10k": max(now for now, _ in held),
        "peak_mb_10k": max(most for _, most in held),
        **pauses,
        **_ratios(rounds),
    }


def _stand(stack: ExitStack, folder: Path, size: Size) -> Stand:
    note(f"making an installation of {size.applications} applications")
    folder.mkdir()
    site = stack.enter_context(Site(folder, members(folder), ["*.example.com"]))
    fill(site.settings, size)
    note("starting its servers")
    ways, began, first = {}, time.monotonic(), math.inf
    for name, start in GATES.items():
        ways[name] = start(site)
        first = min(first, time.monotonic() - began)
    return Stand(site, size, ways, first)


def _pauses(large: Stand, patience: Patience) -> Mapping[str, float]:
    index, settings = large.size.applications, large.site.settings
    somebody = [(app_id(index), person(index), nonce(index))]
    (visit,) = visits(snapshot_of(settings), somebody)
    return pause.measure(settings, large.site.socket(Check.GRPC.value), visit, patience)


def _lanes(stand: Stand) -> Mapping[str, Lane]:
    size = stand.size
    note(f"{size.sessions} people log in")
    apps = [app_id(index % size.applications) for index in range(size.sessions)]
    people = [(app, person(index), nonce(index)) for index, app in enumerate(apps)]
    load = Load(stand.site.folder, "people", visits(snapshot_of(stand.site.settings), people))
    return {name: Lane(way, load) for name, way in stand.ways.items()}


def _see_everybody(name: str, lane: Lane, scale: Scale) -> None:
    """Let every session be seen once: its first request costs a signature."""
    rate = lane.load.check(lane.way.url, scale.effort.warm).per_second
    seconds = math.ceil(scale.large.sessions / rate * 1.3)
    note(f"everybody comes once over {name}, for {seconds} s")
    lane.load.check(lane.way.url, seconds)


_BUSY: Mapping[str, str] = {"grpc": "server", "http": "server", "zero_hop": "envoy"}
"""Who does the work of a check on each way."""


def _ratios(rounds: Rounds) -> Mapping[str, float]:
    def ratio(name: str) -> Callable[..., float]:
        busy, large, small = _BUSY[name], f"{name}_large", f"{name}_small"
        return lambda each: each[large].cpu_us[busy] / each[small].cpu_us[busy]

    found = {f"check_100k_over_small_{name}": rounds.middle(ratio(name)) for name in GATES}
    return {**found, "check_100k_over_small": max(found.values())}
