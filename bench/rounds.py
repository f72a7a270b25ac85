"""Loads several ways in turn, round after round, so that a disturbance meets all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.load import Load
from bench.machine import cpu_seconds
from bench.progress import note
from bench.site import Way


@dataclass(frozen=True, slots=True)
class Effort:
    """How long is measured: rounds, seconds of load in each for each way, and before them all."""

    rounds: int = 7
    seconds: float = 3.0
    warm: float = 2.0


FULL = Effort()


@dataclass(frozen=True, slots=True)
class Sample:
    """One load on one way: requests a second, milliseconds, and CPU microseconds a request."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: Mapping[str, float]

    @property
    def all_cpu_us(self) -> float:
        """The CPU of all processes together."""
        return sum(self.cpu_us.values())


@dataclass(frozen=True, slots=True)
class Lane:
    """A way and the load that goes over it."""

    way: Way
    load: Load


@dataclass(frozen=True, slots=True)
class Rounds:
    """For each round, what was seen on each way; all figures are medians over the rounds."""

    seen: Sequence[Mapping[str, Sample]]

    def middle(self, of: Callable[[Mapping[str, Sample]], float]) -> float:
        """Of what is computed within each round."""
        return median(map(of, self.seen))

    def over(self, one: str, other: str) -> float:
        """How many times the throughput of the other."""
        return self.middle(lambda each: each[one].per_second / each[other].per_second)

    def more_cpu_us(self, one: str, other: str) -> float:
        """How much more CPU a request takes than on the other, all processes together."""
        return self.middle(lambda each: each[one].all_cpu_us - each[other].all_cpu_us)

    def summary(self, name: str) -> Mapping[str, float]:
        """What was seen on one way, under names that begin with its own."""
        found = {
            "per_second": self.middle(lambda each: each[name].per_second),
            "p50_ms": self.middle(lambda each: each[name].p50_ms),
            "p99_ms": self.middle(lambda each: each[name].p99_ms),
        }
        for process in self.seen[0][name].cpu_us:
            found[f"{process}_us"] = self._cpu_us(name, process)
        return {f"{name}_{figure}": value for figure, value in found.items()}

    def _cpu_us(self, name: str, process: str) -> float:
        return self.middle(lambda each: each[name].cpu_us[process])


def run(lanes: Mapping[str, Lane], effort: Effort) -> Rounds:
    """Load every lane once in each round."""
    rounds = []
    for number in range(effort.rounds):
        note(f"round {number + 1} of {effort.rounds}: {', '.join(lanes)}")
        rounds.append({name: _sample(lane, effort.seconds) for name, lane in lanes.items()})
    return Rounds(rounds)


def _sample(lane: Lane, seconds: float) -> Sample:
    before = _used(lane.way)
    went = lane.load.run(lane.way.url, seconds)
    cpu = {
        name: (used - before[name]) / went.requests * 1e6 for name, used in _used(lane.way).items()
    }
    return Sample(went.per_second, went.p50, went.p99, cpu)


def _used(way: Way) -> Mapping[str, float]:
    return {name: cpu_seconds(pids) for name, pids in way.processes.items()}
