"""Reads YAML into plain values, remembers the line of each, and refuses what could surprise.

Plain scalars are read as YAML 1.2 does: only `true` and `false` are booleans, so that the country
`NO` stays text, and times stay text. Tags are refused. Nothing here recurses over what the file
says or grows beyond it: nesting is limited, and so is what aliases repeat.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from lychgate.errors import Problem

MOST_BYTES = 64 * 1024 * 1024
MOST_VALUES = 3_000_000
MOST_ALIASED = 100_000
DEEPEST = 40
_INTEGER = re.compile(r"[-+]?[0-9]{1,15}")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,15}\.[0-9]{1,15}")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

type Key = str | int
type Path = tuple[Key, ...]


@dataclass(slots=True)
class Place:
    """Where a value stands in the file, and where those inside it do."""

    line: int
    inner: dict[Key, "Place"] = field(default_factory=dict)

    def line_of(self, path: Path) -> int:
        """The line of the value at a path, or of the nearest one around it."""
        place = self
        for key in path:
            found = place.inner.get(key)
            if found is None:
                return place.line
            place = found
        return place.line


@dataclass(frozen=True, slots=True)
class Document:
    """The file's content: plain values, their places, and what was wrong with its form."""

    value: Any
    place: Place
    problems: tuple[Problem, ...]


@dataclass(slots=True)
class _Open:
    """A list or object that is still being read."""

    value: Any
    place: Place
    anchor: str | None
    key: str | None = None
    size: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    value: Any
    place: Place
    size: int


class _Unreadable(Exception):
    """Ends the reading; the message and line are reported."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def read_yaml(content: bytes, name: str) -> Document:
    """Read the content of the file called `name`; problems carry `name:line`."""
    reader = _Reader(name)
    try:
        reader.read(_text(content))
    except _Unreadable as error:
        reader.report(str(error), error.line)
    except yaml.YAMLError as error:
        reader.report(*_said(error))
    return Document(reader.value, reader.place, tuple(reader.problems))


def _text(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise _Unreadable("the file is too large", 1)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _Unreadable("the file is not UTF-8 text", line) from None


def _said(error: yaml.YAMLError) -> tuple[str, int]:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or "it holds a character that text cannot have"
    return f"not valid YAML: {problem}", mark.line + 1 if mark is not None else 1


class _Reader:
    """Builds values from the events of the parser, one at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._count = 0
        self._aliased = 0
        self._documents = 0
        self.value: Any = None
        self.place = Place(1)
        self.problems: list[Problem] = []

    def report(self, message: str, line: int, hint: str = "") -> None:
        """Note something wrong."""
        self.problems.append(Problem(f"{self._name}:{line}", message, hint))

    def read(self, text: str) -> None:
        """Read one document."""
        for event in _events(text):
            mark = event.start_mark
            line = mark.line + 1 if mark is not None else 1
            match event:
                case yaml.DocumentStartEvent():
                    self._document(line)
                case yaml.ScalarEvent():
                    self._scalar(event, line)
                case yaml.SequenceStartEvent():
                    self._start([], event, line)
                case yaml.MappingStartEvent():
                    self._start({}, event, line)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self._end()
                case yaml.AliasEvent():
                    self._alias(event.anchor, line)

    def _document(self, line: int) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _Unreadable("the file must hold one document only", line)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        self._no_tag(event.tag, line)
        top = self._stack[-1] if self._stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self._key(top, event.value, line)
            return
        plain = event.style in (None, "")
        value = plain_value(event.value) if plain else event.value
        place = Place(line)
        self._keep(event.anchor, value, place, 1)
        self._add(value, place, 1)

    def _key(self, top: _Open, key: str, line: int) -> None:
        if key in top.value:
            self.report(f"the key `{key[:80]}` is there twice", line)
        top.key = key
        top.place.inner[key] = Place(line)

    def _start(self, value: Any, event: yaml.CollectionStartEvent, line: int) -> None:
        self._no_tag(event.tag, line)
        top = self._stack[-1] if self._stack else None
        if top is not None and isinstance(top.value, dict):
            if top.key is None:
                raise _Unreadable("a key must be text", line)
            line = top.place.inner[top.key].line
        if len(self._stack) >= DEEPEST:
            raise _Unreadable("the file is nested too deeply", line)
        self._stack.append(_Open(value, Place(line), event.anchor))

    def _end(self) -> None:
        done = self._stack.pop()
        self._keep(done.anchor, done.value, done.place, done.size)
        self._add(done.value, done.place, done.size)

    def _alias(self, anchor: str | None, line: int) -> None:
        known = self._anchors.get(anchor or "")
        if known is None:
            raise _Unreadable("an alias names nothing that is complete above it", line)
        self._aliased += known.size
        if self._aliased > MOST_ALIASED:
            raise _Unreadable("aliases repeat too much", line)
        if self._stack and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None:
            raise _Unreadable("a key must be text", line)
        self._add(known.value, known.place, known.size)

    def _keep(self, anchor: str | None, value: Any, place: Place, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = _Anchored(value, place, size)

    def _add(self, value: Any, place: Place, size: int) -> None:
        self._count += 1
        if self._count > MOST_VALUES:
            raise _Unreadable("the file holds too many values", place.line)
        if not self._stack:
            self.value, self.place = value, place
            return
        top = self._stack[-1]
        top.size += size
        if isinstance(top.value, list):
            top.place.inner[len(top.value)] = place
            top.value.append(value)
        elif top.key is not None:
            # A repeated key keeps its first value; the repetition has been reported.
            line = top.place.inner[top.key].line
            top.place.inner[top.key] = Place(line, place.inner)
            top.value.setdefault(top.key, value)
            top.key = None

    def _no_tag(self, tag: str | None, line: int) -> None:
        if tag is not None:
            raise _Unreadable(f"tags such as `{tag[:80]}` are not supported", line)


def _events(text: str) -> Iterator[yaml.Event]:
    yield from yaml.parse(text, Loader=_Loader)


def plain_value(text: str) -> Any:
    """What a scalar without quotes means."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text
