"""How groups lie within each other: how deep, and which contain themselves."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from lychgate.core.model import Group, GroupId

type _Names = Mapping[GroupId, Set[GroupId]]


@dataclass(frozen=True, slots=True)
class Nesting:
    """`depth`: how many groups lie within each other below one; absent when one is a ring's."""

    depth: Mapping[GroupId, int]
    rings: frozenset[GroupId]
    """Groups that contain themselves, or lie between two that do."""


def nesting(groups: Mapping[GroupId, Group]) -> Nesting:
    """The nesting of some groups; what they name and is not among them counts for nothing."""
    inner = {id: _named(group) & groups.keys() for id, group in groups.items()}
    depth = _peel(inner)
    left = {id: names - depth.keys() for id, names in inner.items() if id not in depth}
    return Nesting(depth, frozenset(left.keys() - _peel(_turned(left)).keys()))


def _named(group: Group) -> set[GroupId]:
    rules = (*group.include, *group.require, *group.exclude)
    return {GroupId(str(rule.value.get("id", ""))) for rule in rules if rule.kind == "group"}


def _turned(inner: _Names) -> _Names:
    outer: dict[GroupId, set[GroupId]] = {id: set() for id in inner}
    for id, names in inner.items():
        for name in names:
            outer[name].add(id)
    return outer


def _peel(inner: _Names) -> dict[GroupId, int]:
    """The depth of each group that is on no ring and leads to none, the flat ones first."""
    outer, missing = _turned(inner), {id: len(names) for id, names in inner.items()}
    ready = [id for id, count in missing.items() if count == 0]
    depth: dict[GroupId, int] = {}
    for id in ready:
        depth[id] = max((depth[name] + 1 for name in inner[id]), default=0)
        for holder in outer[id]:
            missing[holder] -= 1
            if missing[holder] == 0:
                ready.append(holder)
    return depth
