"""What is in force in this process, as numbers: read when monitoring asks, never before."""

import math
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

from lychgate.core.snapshot import Snapshot
from lychgate.store.base import Clock
from lychgate.store.feed import Feed

NEVER = math.inf


def watch(feed: Feed[Snapshot], clock: Clock, registry: CollectorRegistry) -> None:
    """Put the numbers of what a feed follows into the registry."""
    _watch_feed(feed, registry)
    _watch_objects(feed, registry)
    _watch_ends(feed, clock, registry)


def _watch_feed(feed: Feed[Snapshot], registry: CollectorRegistry) -> None:
    def age() -> float:
        found = feed.age()
        return NEVER if found is None else found.total_seconds()

    revision = Gauge("lychgate_snapshot_revision", "The revision in force", registry=registry)
    revision.set_function(_of(feed, lambda snapshot: snapshot.revision, 0))
    Gauge(
        "lychgate_snapshot_age_seconds",
        "Time since what is in force was known to be the newest",
        registry=registry,
    ).set_function(age)
    Gauge(
        "lychgate_store_up", "Whether the last look at the store succeeded", registry=registry
    ).set_function(lambda: float(feed.follows))


def _watch_objects(feed: Feed[Snapshot], registry: CollectorRegistry) -> None:
    gauge = Gauge(
        "lychgate_snapshot_objects", "How many there are in force", ("kind",), registry=registry
    )
    sizes: dict[str, Callable[[Snapshot], int]] = {
        "application": lambda snapshot: len(snapshot.apps),
        "policy": lambda snapshot: len(snapshot.records.policies),
        "identity_provider": lambda snapshot: len(snapshot.idps),
        "service_token": lambda snapshot: len(snapshot.by_client_id),
        "revocation": lambda snapshot: snapshot.revocations.count,
    }
    for kind, size in sizes.items():
        gauge.labels(kind).set_function(_of(feed, size, 0))


def _watch_ends(feed: Feed[Snapshot], clock: Clock, registry: CollectorRegistry) -> None:
    def signs_since(snapshot: Snapshot) -> float:
        return snapshot.keyring.current(clock()).active_from.timestamp()

    Gauge(
        "lychgate_signing_key_active_timestamp_seconds",
        "Since when the key that signs tokens now does so",
        registry=registry,
    ).set_function(_of(feed, signs_since, 0))
    Gauge(
        "lychgate_client_authorities_end_timestamp_seconds",
        "When the first certificate or revocation list of the client authorities is over",
        registry=registry,
    ).set_function(_of(feed, _renew_by, NEVER))


def _renew_by(snapshot: Snapshot) -> float:
    authorities = (one for each in snapshot.authorities.values() for one in each)
    return min((one.renew_by.timestamp() for one in authorities), default=NEVER)


def _of(
    feed: Feed[Snapshot], number: Callable[[Snapshot], float], without: float
) -> Callable[[], float]:
    """A number of the snapshot in force, or what stands for it while there is none."""

    def read() -> float:
        snapshot = feed.current()
        return without if snapshot is None else number(snapshot)

    return read
