"""What `resources` lists: each object with its kind, its place in the file, its name and its id."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from lychgate.api import PLURALS
from lychgate.api.base import Wire
from lychgate.api.kept import CertificateSettingsBody, KeySettingsBody
from lychgate.api.organization import OrganizationBody
from lychgate.config.naming import ACCOUNT, WORDS, Existing, id_for, own_id
from lychgate.config.yamlfile import Path

ONLY_ONE = frozenset({"onetimepin", "app_launcher", "warp"})
"""Types of which there is only one object."""
_DEFAULT_NAMES = {
    "onetimepin": "One-time PIN",
    "app_launcher": "App Launcher",
    "warp": "Warp Login App",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a path of the file."""

    path: Path
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Single:
    """A section that is one object instead of a list of them."""

    kind: str
    id: str
    model: type[Wire]


SINGLES = {
    "organization": Single("organization", ACCOUNT, OrganizationBody),
    "keys": Single("settings", "keys", KeySettingsBody),
    "certificate_settings": Single("settings", "certificates", CertificateSettingsBody),
}
SECTIONS = {plural: kind for kind, plural in PLURALS.items() if plural not in SINGLES}
"""The kind of the objects that a section lists."""


@dataclass(frozen=True, slots=True)
class Item:
    """One object as it is written."""

    kind: str
    id: str
    name: str
    raw: Any
    path: Path


@dataclass(frozen=True, slots=True)
class Listing:
    """Reads the sections; what is wrong with them goes to `findings`."""

    existing: Existing
    findings: list[Finding] = field(default_factory=list)

    def items(self, raw: Any) -> list[Item]:
        """Every object of the file, in its order."""
        found = list(self._items(raw))
        self._once(found)
        return found

    def _items(self, raw: Any) -> Iterator[Item]:
        if raw is None:
            return
        if not isinstance(raw, dict):
            self.findings.append(Finding(("resources",), "resources must be an object"))
            return
        for section, content in raw.items():
            path = ("resources", section)
            single = SINGLES.get(section)
            if single is not None:
                if content is not None:
                    yield Item(single.kind, single.id, "", content, path)
            elif section in SECTIONS:
                yield from self._listed(SECTIONS[section], content, path)
            else:
                close = get_close_matches(section, [*SECTIONS, *SINGLES], 1, 0.6)
                hint = f"did you mean `{close[0]}`?" if close else ""
                self.findings.append(Finding(path, f"unknown key `{section[:80]}`", hint))

    def _listed(self, kind: str, content: Any, path: Path) -> Iterator[Item]:
        if content is not None and not isinstance(content, list):
            self.findings.append(Finding(path, f"{path[-1]} must be a list"))
            return
        for index, raw in enumerate(content or ()):
            name, place = called(raw), (*path, index)
            if kind == "tag":
                yield Item(kind, name, name, raw, place)
            else:
                yield Item(kind, self._id(kind, name, raw, place), name, raw, place)

    def _id(self, kind: str, name: str, raw: Any, path: Path) -> str:
        """Its own id, that of the existing object which is meant, or the one its name makes."""
        given = own_id(raw) if isinstance(raw, dict) else None
        made = id_for(kind, name)
        if given is not None or (kind, made) in self.existing.ids:
            return given or made
        named = self.existing.by_name.get((kind, name), ())
        if len(named) > 1:
            message = f"more than one {WORDS[kind]} is called `{name[:80]}`"
            self.findings.append(Finding(path, message, "say which by its id"))
        if len(named) == 1:
            return named[0]
        type = raw.get("type") if isinstance(raw, dict) else None
        return self.existing.by_type.get(type, made) if isinstance(type, str) else made

    def _once(self, items: Iterable[Item]) -> None:
        """Objects are known by their ids, and by their names where they have no id of their own."""
        seen: dict[tuple[str, str, str], bool] = {}
        for item in items:
            for mark, must_differ in _marks(item):
                key = (item.kind, *mark)
                if key in seen and (must_differ or seen[key]):
                    said = f"has the {mark[0]} `{mark[1][:80]}` already"
                    message = f"another {WORDS[item.kind]} {said}"
                    self.findings.append(Finding(item.path, message))
                    break
            seen |= {(item.kind, *mark): must_differ for mark, must_differ in _marks(item)}


def _marks(item: Item) -> Iterator[tuple[tuple[str, str], bool]]:
    """What an item is known by, and whether nothing else may be known by it."""
    raw = item.raw if isinstance(item.raw, dict) else {}
    if item.name:
        yield ("name", item.name), "id" not in raw
        yield ("id", item.id), True
    type = raw.get("type")
    if isinstance(type, str) and type in ONLY_ONE:
        yield ("type", type), True


def called(raw: Any) -> str:
    """The name of an object as it is written; empty when it has none."""
    if not isinstance(raw, dict):
        return ""
    name, type = raw.get("name"), raw.get("type")
    default = _DEFAULT_NAMES.get(type, "") if isinstance(type, str) else ""
    return name if isinstance(name, str) and name else default
