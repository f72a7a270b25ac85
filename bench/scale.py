"""What a large installation costs: memory, the start, pauses, and each check.

10,000 applications with 50,000 policies and one that all share, 10,000 service tokens, 100,000
sessions and 1,000 live revocations; beside it a small one, under the same load.
"""

import math
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import pause
from bench.figures import TOGETHER
from bench.large import FULL, SMALL, Size, app_id, fill, members, nonce, person
from bench.load import Load, Visit
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


DEFAULT = Scale(FULL, Effort(rounds=9, seconds=2.0), Patience())


@dataclass(frozen=True, slots=True)
class Stand:
    """An installation that serves, and the ways to it that were started."""

    site: Site
    size: Size
    ways: dict[str, Way] = field(default_factory=dict)
    start_s: dict[str, float] = field(default_factory=dict)
    """Seconds until all of each way was there."""

    def start(self, *names: str) -> None:
        """Start the servers and the Envoy of ways."""
        for name in names:
            note(f"starting {name}")
            began = time.monotonic()
            self.ways[name] = GATES[name](self.site)
            self.start_s[name] = time.monotonic() - began


def measure(scale: Scale = DEFAULT) -> Mapping[str, float]:
    """The costs of the large one, and how its checks compare with those of the small one."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        small = _stand(stack, folder / "small", replace(SMALL, sessions=scale.large.sessions))
        small.start(*GATES)
        large = _stand(stack, folder / "large", scale.large)
        large.start("grpc")
        pauses = _pauses(large, scale.patience)
        large.start(*(name for name in GATES if name != "grpc"))
        together = _pauses(large, scale.patience)
        large.site.wait_until_proved()
        lanes = {"large": _lanes(large, scale), "small": _lanes(small, scale)}
        beside = {f"{name}_{size}": lanes[size][name] for name in GATES for size in lanes}
        rounds = run(beside, scale.effort)
        held = _held(large.ways)
    started = {
        "start_s_10k": large.start_s["grpc"],
        "start_s_10k_zero_hop": large.start_s["zero_hop"],
    }
    shared = {TOGETHER + name: milliseconds for name, milliseconds in together.items()}
    return {**started, **held, **pauses, **shared, **_ratios(rounds)}


def _held(ways: Mapping[str, Way]) -> Mapping[str, float]:
    workers = [memory(pid) for name in ("grpc", "http") for pid in ways[name].servers]
    (xds,) = ways["zero_hop"].servers
    return {
        "rss_mb_10k": max(now for now, _ in workers),
        "peak_mb_10k": max(most for _, most in workers),
        "rss_mb_10k_xds": memory(xds)[0],
        "rss_mb_10k_envoy": memory(ways["zero_hop"].envoy)[0],
    }


def _stand(stack: ExitStack, folder: Path, size: Size) -> Stand:
    note(f"making an installation of {size.applications} applications")
    folder.mkdir()
    site = stack.enter_context(Site(folder, members(folder), ["*.example.com"], size.sessions))
    fill(site.settings, size)
    return Stand(site, size)


def _pauses(large: Stand, patience: Patience) -> Mapping[str, float]:
    index, settings = large.size.applications, large.site.settings
    somebody = [(app_id(index), person(index), nonce(index))]
    (visit,) = visits(snapshot_of(settings), somebody)
    return pause.measure(settings, large.site.socket(Check.GRPC.value), visit, patience)


def _lanes(stand: Stand, scale: Scale) -> Mapping[str, Lane]:
    size = stand.size
    note(f"{size.sessions} people log in")
    apps = [app_id(index % size.applications) for index in range(size.sessions)]
    people = [(app, person(index), nonce(index)) for index, app in enumerate(apps)]
    come = visits(snapshot_of(stand.site.settings), people)
    load = Load(stand.site.folder, "people", [one for one in come if _is_proved(one)])
    lanes = {name: Lane(way, load) for name, way in stand.ways.items()}
    for name, lane in lanes.items():
        _see_everybody(name, lane, scale)
    return lanes


def _is_proved(visit: Visit) -> bool:
    """Not one of those (some 2 of 1,000) whose token looks as if it held a name of a cookie.

    Envoy leaves them to the decision server, and that of the zero-hop way is away.
    """
    return len(re.findall(r"CF[._]", visit.cookie)) == 2


def _see_everybody(name: str, lane: Lane, scale: Scale) -> None:
    """Let every session be seen once: its first request costs a signature."""
    rate = lane.load.check(lane.way.url, scale.effort.warm).per_second
    seconds = math.ceil(scale.large.sessions / rate * 1.3)
    note(f"everybody comes once over {name}, for {seconds} s")
    lane.load.check(lane.way.url, seconds)


_BUSY: Mapping[str, str] = {"grpc": "server", "http": "server", "zero_hop": "envoy"}
"""Who does the work of a check on each way."""


def _ratios(rounds: Rounds) -> Mapping[str, float]:
    def cpu(name: str) -> Callable[..., float]:
        busy, large, small = _BUSY[name], f"{name}_large", f"{name}_small"
        return lambda each: each[large].cpu_us[busy] / each[small].cpu_us[busy]

    def latency(name: str) -> Callable[..., float]:
        return lambda each: each[f"{name}_large"].p50_ms / each[f"{name}_small"].p50_ms

    checks = {f"check_100k_over_small_{name}": rounds.middle(cpu(name)) for name in GATES}
    times = {f"latency_100k_over_small_{name}": rounds.middle(latency(name)) for name in GATES}
    return {**checks, **times, "check_100k_over_small": max(checks.values())}
