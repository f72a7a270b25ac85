"""Composes what every process that decides needs: settings to store, feed and gate."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from lychgate.api import to_model
from lychgate.audit import AccessLog
from lychgate.core.model import Team
from lychgate.core.snapshot import Setting, Snapshot
from lychgate.gate import Gate, View
from lychgate.geo import Countries
from lychgate.settings import Settings
from lychgate.store.base import Store
from lychgate.store.compiling import compiler
from lychgate.store.feed import Feed
from lychgate.store.sql import SqlStore, open_store


def clock() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)  # noqa: TID251 - the one clock of a process


def setting(settings: Settings) -> Setting:
    """What of the settings a snapshot depends on."""
    return Setting(settings.team, country_known=settings.country_database is not None)


def connect(settings: Settings) -> SqlStore[Snapshot]:
    """Open the store of an installation; the first time makes everything it needs."""
    return open_store(
        settings.store, to_model, compiler(setting(settings)), clock, settings.master_key_file
    )


def follow(store: SqlStore[Snapshot]) -> Feed[Snapshot]:
    """Follow a store in the background."""
    return Feed(store, store.mirror, clock).start()


@dataclass(frozen=True, slots=True)
class Runtime:
    """One process's store, feed and gate; closes all of them."""

    settings: Settings
    store: Store
    feed: Feed[Snapshot]
    gate: Gate
    access_log: AccessLog
    countries: Countries

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
        self.access_log.close()
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
    store = connect(settings)
    feed = follow(store)
    access_log = AccessLog(settings.log)
    gate = Gate(
        view=lambda: _view(feed),
        clock=clock,
        observe=access_log.observe,
        grace=settings.outage_grace,
        country=countries.country if settings.country_database else None,
    )
    return Runtime(settings, store, feed, gate, access_log, countries)


def _view(feed: Feed[Snapshot]) -> View | None:
    snapshot, age = feed.current(), feed.age()
    return None if snapshot is None or age is None else View(snapshot, max(age, timedelta(0)))
