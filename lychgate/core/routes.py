"""Finds the application that owns a host and path; the most specific pattern wins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lychgate.core.model import AppId, Application, Destination
from lychgate.core.patterns import HostPattern, PathPattern, glob, spelled
from lychgate.errors import Problem


@dataclass(frozen=True, slots=True)
class Entry:
    """One destination of one application."""

    app: AppId
    host: HostPattern
    path: PathPattern
    public: tuple[str, ...] = ()

    def open_without_login(self, path: str) -> bool:
        """Whether an override of the destination makes the path public."""
        return any(glob(pattern, path) for pattern in self.public)


type Entries = tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Routes:
    """The destinations of all applications, by literal host and by the suffix of star hosts.

    The entries of a key are sorted, the most specific first.
    """

    exact: Mapping[str, Entries] = field(default_factory=dict)
    stars: Mapping[str, Entries] = field(default_factory=dict)

    def find(self, host: str, path: str) -> Entry | None:
        """The entry that owns the host and path; literal hosts before those with a star."""
        for entry in self.exact.get(host, ()):
            if entry.path.covers(path):
                return entry
        if not self.stars:
            return None
        covering = [entry for entry in self._candidates(host) if entry.path.covers(path)]
        return min(covering, key=_star_rank, default=None)

    def knows_host(self, host: str) -> bool:
        """Whether any application has a destination on the host."""
        return host in self.exact or any(True for _ in self._candidates(host))

    def on_host(self, host: str) -> Entries:
        """Every entry whose host pattern covers the host."""
        return (*self.exact.get(host, ()), *self._candidates(host))

    def _candidates(self, host: str) -> Iterable[Entry]:
        suffix = host
        while suffix:
            suffix = suffix.partition(".")[2]
            for entry in self.stars.get(suffix, ()):
                if entry.host.covers(host):
                    yield entry

    def replaced(self, gone: Iterable[Application], came: Iterable[Application]) -> "Routes":
        """These routes without the entries of some applications and with those of others."""
        exact, stars = dict(self.exact), dict(self.stars)
        for app in gone:
            for entry in entries_of(app):
                table, key = _place(entry, exact, stars)
                left = tuple(other for other in table.get(key, ()) if other.app != app.id)
                table.pop(key, None)
                if left:
                    table[key] = left
        touched: set[tuple[bool, str]] = set()
        for app in came:
            for entry in entries_of(app):
                table, key = _place(entry, exact, stars)
                table[key] = (*table.get(key, ()), entry)
                touched.add((entry.host.literal, key))
        for literal, key in touched:
            table = exact if literal else stars
            table[key] = tuple(sorted(table[key], key=_star_rank))
        return Routes(exact, stars)

    def conflicts(self, apps: Iterable[Application]) -> Iterable[Problem]:
        """Destinations of these applications that another's pattern makes ambiguous."""
        by_class: dict[str, Mapping[object, list[Entry]]] = {}
        for app in apps:
            for entry in entries_of(app):
                host = entry.host.text if entry.host.literal else "*"
                if host not in by_class:
                    by_class[host] = _by_class(self._sharing(entry.host))
                for rival in by_class[host].get(_class(entry), ()):
                    if rival.app != app.id and _ambiguous(entry, rival):
                        yield Problem(
                            f"applications/{app.id}/destinations",
                            f"`{entry.host.text}{entry.path.text}` is already taken by application"
                            f" `{rival.app}`",
                            "give one of them a more specific host or path",
                        )

    def _sharing(self, host: HostPattern) -> Iterable[Entry]:
        if host.literal:
            return self.exact.get(host.text, ())
        return (entry for entries in self.stars.values() for entry in entries)


def _by_class(entries: Iterable[Entry]) -> Mapping[object, list[Entry]]:
    found: dict[object, list[Entry]] = {}
    for entry in entries:
        found.setdefault(_class(entry), []).append(entry)
    return found


def _class(entry: Entry) -> object:
    """Entries of different classes are never ambiguous: another rank, or another literal path."""
    return (_star_rank(entry), "" if "*" in entry.path.text else entry.path.text)


def _place(
    entry: Entry, exact: dict[str, Entries], stars: dict[str, Entries]
) -> tuple[dict[str, Entries], str]:
    if entry.host.literal:
        return exact, entry.host.text
    return stars, entry.host.suffix


def _star_rank(entry: Entry) -> tuple[int, tuple[int, tuple[int, ...]]]:
    return (entry.host.rank, entry.path.rank)


def _ambiguous(entry: Entry, rival: Entry) -> bool:
    return entry.host.overlaps(rival.host) and entry.path.overlaps(rival.path)


def entries_of(app: Application) -> tuple[Entry, ...]:
    """The entries of an application, each pattern once."""
    return tuple(dict.fromkeys(_entry(app.id, destination) for destination in app.destinations))


def _entry(app: AppId, destination: Destination) -> Entry:
    return Entry(
        app,
        HostPattern(destination.host.lower()),
        PathPattern.of(destination.path),
        tuple(map(spelled, destination.public)),
    )
