"""How two bodies differ, member by member, in lines that people read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

_LONGEST = 120
"""Characters of a value that are shown."""


class Sign(StrEnum):
    """What becomes of an object, a member or an entry of a list."""

    NEW = "+"
    CHANGED = "~"
    GONE = "-"


@dataclass(frozen=True, slots=True)
class Line:
    """One line about a member; `depth` counts the members around it."""

    sign: Sign
    text: str
    depth: int = 0


type Body = Mapping[str, Any]


def added(body: Body, depth: int = 0) -> Iterator[Line]:
    """Every member of a body that is new."""
    for name, value in body.items():
        yield from _whole(Sign.NEW, name, value, depth)


def changed(before: Body, after: Body, depth: int = 0) -> Iterator[Line]:
    """Every member that differs."""
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield from _whole(Sign.GONE, name, before[name], depth)
        elif name not in before:
            yield from _whole(Sign.NEW, name, after[name], depth)
        elif before[name] != after[name]:
            yield from _member(name, before[name], after[name], depth)


def _member(name: str, before: Any, after: Any, depth: int) -> Iterator[Line]:
    match before, after:
        case Mapping(), Mapping():
            yield Line(Sign.CHANGED, f"{name}:", depth)
            yield from changed(before, after, depth + 1)
        case list(), list():
            yield Line(Sign.CHANGED, f"{name}:", depth)
            yield from _entries(before, after, depth + 1)
        case _:
            yield Line(Sign.CHANGED, f"{name}: {_short(before)} → {_short(after)}", depth)


def _whole(sign: Sign, name: str, value: Any, depth: int) -> Iterator[Line]:
    if isinstance(value, list) and value:
        yield Line(sign, f"{name}:", depth)
        yield from (Line(sign, _short(entry), depth + 1) for entry in value)
    else:
        yield Line(sign, f"{name}: {_short(value)}", depth)


def _entries(before: Sequence[Any], after: Sequence[Any], depth: int) -> Iterator[Line]:
    """Entries that came and went; named ones are compared with the one of the same name."""
    old, new = _by_name(before), _by_name(after)
    both = [name for name in old if name in new and old[name] != new[name]]
    for name in both:
        yield Line(Sign.CHANGED, f"{name}:", depth)
        yield from changed(old[name], new[name], depth + 1)
    first = [_key(entry, both) for entry in before]
    second = [_key(entry, both) for entry in after]
    for what, start, end, place, stop in SequenceMatcher(None, first, second, False).get_opcodes():
        if what != "equal":
            yield from (Line(Sign.GONE, _short(one), depth) for one in before[start:end])
            yield from (Line(Sign.NEW, _short(one), depth) for one in after[place:stop])


def _by_name(entries: Sequence[Any]) -> dict[str, Body]:
    """Those that have a name of their own; none when two share one."""
    named = [
        one for one in entries if isinstance(one, Mapping) and isinstance(one.get("name"), str)
    ]
    found = {str(one["name"]): one for one in named}
    return found if len(found) == len(named) else {}


def _key(entry: Any, named: Sequence[str]) -> str:
    if isinstance(entry, Mapping) and entry.get("name") in named:
        return json.dumps({"name": entry["name"]})
    return json.dumps(entry, sort_keys=True)


def _short(value: Any) -> str:
    text = (
        json.dumps(value, ensure_ascii=False)
        if not isinstance(value, str) or "\n" in value
        else value
    )
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
