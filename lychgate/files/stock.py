"""What an installation holds at one moment, and what a file may mean by a name."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lychgate.config.items import ONLY_ONE, called
from lychgate.config.naming import Existing, Names
from lychgate.config.resources import FileObject
from lychgate.store.base import Catalogue, Kind, Object, ObjectKey, Source, Store
from lychgate.store.deciding import owned_by_another

type Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stock:
    """All stored objects, in order of creation."""

    revision: int
    objects: Mapping[ObjectKey, Object]

    @classmethod
    def of_store(cls, store: Store) -> "Stock":
        """From one consistent read."""
        changes = store.changes(0)
        return cls(changes.revision, _by_key(changes.objects))

    @classmethod
    def inside(cls, catalogue: Catalogue) -> "Stock":
        """As it is inside a change."""
        return cls(catalogue.revision, _by_key(one for k in Kind for one in catalogue.objects(k)))

    def of_kind(self, kind: Kind) -> Iterator[Object]:
        """The objects of one kind."""
        return (one for one in self.objects.values() if one.kind is kind)

    def body(self, kind: Kind, id: str) -> Body:
        """The body of an object; empty for one that does not exist."""
        stored = self.objects.get((kind, id))
        return {} if stored is None else stored.body

    def existing(self, stays: Callable[[Object], bool], where: str) -> Existing:
        """What a file can mean; its objects may refer to those that stay besides them."""
        by_name: dict[tuple[str, str], list[str]] = {}
        names = Names(where=where)
        for one in filter(listed, self.objects.values()):
            name = called(one.body)
            by_name.setdefault((one.kind.value, name), []).append(one.id)
            if stays(one):
                names.add(one.kind.value, name, one.id)
        return Existing(
            frozenset((kind.value, id) for kind, id in self.objects),
            {key: ids for key, ids in by_name.items() if key[1]},
            self._own_policies(),
            {one.body["type"]: one.id for one in self.objects.values() if _is_the_only(one)},
            names,
        )

    def _own_policies(self) -> Mapping[tuple[str, str], list[str]]:
        own: dict[tuple[str, str], list[str]] = {}
        for application in self.of_kind(Kind.APPLICATION):
            for id in own_policies(application.body, self.body):
                key = (application.id, str(self.body(Kind.POLICY, id).get("name")))
                own.setdefault(key, []).append(id)
        return own


def _by_key(objects: Iterable[Object]) -> Mapping[ObjectKey, Object]:
    return {one.key: one for one in sorted(objects, key=lambda one: one.seq)}


def _is_the_only(stored: Object) -> bool:
    return stored.body.get("type") in ONLY_ONE


def listed(stored: Object) -> bool:
    """Whether an object stands in a section of its own, and not inside an application."""
    return not owned_by_another(stored.kind, stored.body)


def own_policies(application: Body, body: Callable[[Kind, str], Body]) -> Iterator[str]:
    """The policies that live in an application and nowhere else."""
    for link in application.get("policies", ()):
        if owned_by_another(Kind.POLICY, body(Kind.POLICY, link["id"])):
            yield link["id"]


def as_file_object(stored: Object) -> FileObject:
    """A stored object among those of a file, for judging all of them."""
    return FileObject(stored.kind.value, stored.id, called(stored.body), stored.body, ())


def from_configuration(stored: Object) -> bool:
    """Whether the file of `serve --config` owns it."""
    return stored.source is Source.FILE
