"""What the xDS server counts: applications that qualify, Envoys, and what they are told."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from extauthz.xds.conversation import Message
from extauthz.xds.filters import RECENT


class Stream(Protocol):
    """One connected Envoy."""

    @property
    def proves(self) -> bool:
        """Whether it has everything it needs to prove a request."""
        ...


class Counts:
    """The numbers of one xDS server."""

    def __init__(
        self, registry: CollectorRegistry, reasons: Callable[[], Mapping[str, int]]
    ) -> None:
        self._streams: set[Stream] = set()
        self._messages = Counter(
            "lychgate_zero_hop_messages_total",
            "What Envoys were told",
            ("kind",),
            registry=registry,
        )
        self._answers = Counter(
            "lychgate_zero_hop_answers_total",
            "What they said to it",
            ("answer",),
            registry=registry,
        )
        envoys = Gauge(
            "lychgate_zero_hop_envoys",
            "Connected Envoys, by whether they prove requests",
            ("proves",),
            registry=registry,
        )
        for proves in (True, False):
            envoys.labels(str(proves).lower()).set_function(self._counting(proves))
        registry.register(_Applications(reasons))

    @contextmanager
    def connected(self, stream: Stream) -> Iterator[None]:
        """Count an Envoy while it is connected."""
        self._streams.add(stream)
        try:
            yield
        finally:
            self._streams.discard(stream)

    def sent(self, message: Message) -> None:
        """Count a message."""
        self._messages.labels(_kind(message)).inc()

    def answered(self, *, taken: bool) -> None:
        """Count an answer."""
        self._answers.labels("taken" if taken else "refused").inc()

    def _counting(self, proves: bool) -> Callable[[], float]:
        return lambda: sum(stream.proves is proves for stream in list(self._streams))


def _kind(message: Message) -> str:
    if message.removed:
        return "withdrawal"
    first = message.resources[0]
    if first.name != RECENT:
        return "filters"
    return "confirmation" if first.filter is None else "news"


class _Applications(Collector):
    """Applications by whether Envoy may prove them; reasons come and go with the configuration."""

    def __init__(self, reasons: Callable[[], Mapping[str, int]]) -> None:
        self._reasons = reasons

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The numbers now."""
        family = GaugeMetricFamily(
            "lychgate_zero_hop_applications",
            "Applications by whether Envoy may prove their sessions alone: yes, or why not",
            labels=["proved"],
        )
        for reason, number in sorted({"yes": 0, **self._reasons()}.items()):
            family.add_metric([reason], number)
        yield family
