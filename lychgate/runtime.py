"""Composes what every process that decides needs: settings to store, feed and gate."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry

from lychgate import tracing, vitals
from lychgate.api import to_model
from lychgate.audit import AccessLog, AuditTrail
from lychgate.clock import clock
from lychgate.core.events import AccessEvent
from lychgate.core.model import Team
from lychgate.core.snapshot import Snapshot
from lychgate.counts import DecisionCounts
from lychgate.gate import Gate, View
from lychgate.geo import Countries
from lychgate.monitoring import new_registry
from lychgate.pauses import keep_pauses_short
from lychgate.settings import Settings
from lychgate.store.base import Store
from lychgate.store.compiling import compiler, salvager
from lychgate.store.counts import StoreCounts
from lychgate.store.feed import Feed
from lychgate.store.sql import SqlStore, open_store
from lychgate.uses import LastUses


def connect(settings: Settings, counts: StoreCounts | None = None) -> SqlStore[Snapshot]:
    """Open the store of an installation; the first time makes everything it needs."""
    under = settings.setting
    return open_store(
        settings.store,
        to_model,
        compiler(under),
        clock,
        settings.master_key_file,
        salvager(under),
        counts=counts,
        connections=settings.store_connections,
    )


def prove(settings: Settings, url: str, environment: Mapping[str, str]) -> None:
    """Open another store as a process of this installation would; raises what keeps it from it."""
    under = settings.setting
    store = open_store(
        url,
        to_model,
        compiler(under),
        clock,
        salvage=salvager(under),
        environment=environment,
    )
    with closing(store):
        store.mirror.refresh(store)


def follow(store: SqlStore[Snapshot], counts: StoreCounts | None = None) -> Feed[Snapshot]:
    """Read a store, then follow it in the background without holding up what is decided."""
    feed = Feed(store, store.mirror, clock, counts=counts).start()
    keep_pauses_short()
    return feed


@dataclass(frozen=True, slots=True)
class Runtime:
    """One process's store, feed and gate; closes all of them."""

    settings: Settings
    store: Store
    feed: Feed[Snapshot]
    gate: Gate
    access_log: AccessLog
    audit_trail: AuditTrail
    last_uses: LastUses
    countries: Countries
    registry: CollectorRegistry
    """Everything this process counts."""

    @property
    def team(self) -> Team:
        """Where the installation is reached."""
        return self.settings.team

    def ready(self) -> bool:
        """Whether decisions are possible: a snapshot that is not too old."""
        age = self.feed.age()
        return age is not None and age <= self.settings.outage_grace

    def close(self) -> None:
        """Stop following the store and write what waits."""
        self.feed.stop()
        self.audit_trail.close()
        self.last_uses.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_runtime(settings: Settings) -> Runtime:
    """Open the store, read it once, and follow it; a store that fails later stops nothing."""
    countries = Countries.open(settings.country_database)
    registry = new_registry()
    counts = StoreCounts(registry)
    store = connect(settings, counts)
    feed = follow(store, counts)
    vitals.watch(feed, clock, registry)
    decisions = DecisionCounts(registry, by_application=settings.metrics.by_application)
    access_log = AccessLog(settings.log)
    trail = AuditTrail(store.audit, registry, bypass=settings.audit_bypass)
    uses = LastUses(store.token_uses)

    def observe(event: AccessEvent) -> None:
        decisions.observe(event)
        access_log.observe(event)
        trail.observe(event)
        uses.observe(event)
        tracing.decided(event)

    gate = Gate(
        view=lambda: _view(feed),
        clock=clock,
        observe=observe,
        grace=settings.outage_grace,
        country=countries.country if settings.country_database else None,
    )
    return Runtime(settings, store, feed, gate, access_log, trail, uses, countries, registry)


def _view(feed: Feed[Snapshot]) -> View | None:
    snapshot, age = feed.current(), feed.age()
    return None if snapshot is None or age is None else View(snapshot, max(age, timedelta(0)))
