"""Which object names which: what a body refers to, and by whom an object is in use."""

import copy
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lychgate.admin.refusals import invalid
from lychgate.config.naming import WORDS, mentions
from lychgate.store.base import Catalogue, Kind, Object


class Lookup(Protocol):
    """Finds objects: the store, or the catalogue inside a change."""

    def object(self, kind: Kind, id: str) -> Object | None:
        """One object, if it exists."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One object that a body names, and the member it names it in."""

    kind: Kind
    id: str
    member: str


_NAMING = (Kind.APPLICATION, Kind.POLICY, Kind.GROUP, Kind.ORGANIZATION, Kind.MCP_PORTAL)
_RULES = ("include", "require", "exclude")


def references(kind: Kind, body: Mapping[str, Any]) -> Iterator[Reference]:
    """Everything a stored body names."""
    for mention in mentions(kind, body):
        yield Reference(Kind(mention.kind), mention.text, str(mention.path[0]))


def refuse_unknown(
    kind: Kind, body: Mapping[str, Any], catalogue: Lookup, coming: frozenset[str] = frozenset()
) -> None:
    """Raise with everything a body names that does not exist; `coming` is made with it."""
    wanted = dict.fromkeys(references(kind, copy.copy(body)))
    missing = [
        one for one in wanted if one.id not in coming and catalogue.object(one.kind, one.id) is None
    ]
    if missing:
        raise invalid(*map(_said, missing))


def _said(reference: Reference) -> str:
    word = WORDS[reference.kind]
    if reference.member in _RULES:
        return f"invalid '{reference.member}' configuration: {word} not found: `{reference.id}`"
    return f"{reference.member}: {word} not found: `{reference.id}`"


def users_of(kind: Kind, id: str, catalogue: Catalogue, going: Container[str] = ()) -> list[str]:
    """What names an object and is not `going` with it, in words: "application `Wiki`"."""
    found: list[str] = []
    for naming in _NAMING:
        for one in catalogue.holding(naming, id):
            named = any(ref.kind is kind and ref.id == id for ref in references(naming, one.body))
            if named and one.id not in going:
                word = WORDS.get(naming, naming.value)
                found.append(f"{word} `{one.body.get('name', one.id)}`")
    return found
