"""Which id an object of the file has, and which object a name in the file means."""

import re
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from lychgate.config.yamlfile import Path

ACCOUNT = "0" * 32
"""The account id of an installation, and the id of its organization."""

_SPACE = uuid.UUID("6f1c8bb6-6d5c-5e0b-9d6e-2f7a3c1b9e04")
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")

WORDS = {
    "identity_provider": "identity provider",
    "group": "group",
    "list": "list",
    "policy": "policy",
    "application": "application",
    "service_token": "service token",
    "certificate": "certificate",
    "tag": "tag",
    "custom_page": "custom page",
    "mcp_server": "MCP server",
    "mcp_portal": "MCP portal",
}
_RULES = {
    ("group", "id"): "group",
    ("service_token", "token_id"): "service_token",
    ("linked_app_token", "app_uid"): "application",
    ("login_method", "id"): "identity_provider",
    ("email_list", "id"): "list",
    ("ip_list", "id"): "list",
}


def id_for(*parts: str) -> str:
    """The id of an object without one of its own: always the same for the same names."""
    return str(uuid.uuid5(_SPACE, "\x1f".join(parts)))


def own_id(item: Mapping[str, Any]) -> str | None:
    """The id an object of the file gives itself, if it is fit to be one."""
    given = item.get("id")
    return given if isinstance(given, str) and _ID.fullmatch(given) else None


@dataclass(slots=True)
class Names:
    """Objects that may be named, by kind: an id by a name, and the ids there are."""

    by_name: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    ids: set[tuple[str, str]] = field(default_factory=set)
    beyond: "Names | None" = None
    """Where to look for what is not here."""
    where: str = "in this file"

    def add(self, kind: str, name: str, id: str) -> None:
        """Make an object known."""
        if name:
            self.by_name.setdefault((kind, name), set()).add(id)
        self.ids.add((kind, id))

    def find(self, kind: str, text: str) -> str | None:
        """The id meant by an id or name; None when it means nothing, or several."""
        if (kind, text) in self.ids:
            return text
        meant = self.by_name.get((kind, text))
        if meant is None:
            return self.beyond.find(kind, text) if self.beyond else None
        return next(iter(meant)) if len(meant) == 1 else None

    def unknown(self, kind: str, text: str) -> tuple[str, str]:
        """What to say of a name that `find` did not find: a message and a hint."""
        word, shown = WORDS[kind], text[:80]
        if self._means_several(kind, text):
            return f"more than one {word} is called `{shown}`", "name the one meant by its id"
        return f"there is no {word} `{shown}` {self.where}", self._nearest(kind, text)

    def _means_several(self, kind: str, text: str) -> bool:
        here = len(self.by_name.get((kind, text), ())) > 1
        return here or (self.beyond is not None and self.beyond._means_several(kind, text))

    def _nearest(self, kind: str, text: str) -> str:
        known = [name for of, name in self.by_name if of == kind]
        if self.beyond is not None:
            known += [name for of, name in self.beyond.by_name if of == kind]
        close = get_close_matches(text[:200], known, 1, 0.6) if len(known) <= 2000 else []
        return f"did you mean `{close[0]}`?" if close else ""


@dataclass(frozen=True, slots=True)
class Existing:
    """Objects there are besides those of a file, which may mean them by their names."""

    ids: Collection[tuple[str, str]] = frozenset()
    by_name: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    """Ids by kind and name."""
    own: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    """Policies that live in one application, by its id and their name, in their order."""
    by_type: Mapping[str, str] = field(default_factory=dict)
    """Ids by a type of which there is only one object."""
    names: Names | None = None
    """Those that objects of the file may refer to."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a wire body that names another object."""

    kind: str
    path: Path
    holder: Any
    """The list or object it is in."""
    key: Any
    """Where in the holder."""
    by_key: bool = False
    """Whether it is the key itself that names the other object."""

    @property
    def text(self) -> str:
        """What is written there."""
        return str(self.key if self.by_key else self.holder[self.key])

    def put(self, text: str) -> None:
        """Write something else there."""
        if self.by_key:
            self.holder[text] = self.holder.pop(self.key)
        else:
            self.holder[self.key] = text


def mentions(kind: str, body: Mapping[str, Any]) -> Iterator[Mention]:
    """Every place in a body that names another object, inline policies included."""
    yield from _in_rules(body, ())
    match kind:
        case "policy":
            yield from _in_approvals(body, ())
        case "application":
            yield from _in_application(body)
        case "organization":
            pages = body.get("custom_pages") or {}
            for member in (name for name, text in pages.items() if "<" not in text):
                yield Mention("custom_page", ("custom_pages", member), pages, member)
        case "mcp_portal":
            for index, server in enumerate(body.get("servers", ())):
                yield Mention("mcp_server", ("servers", index, "server_id"), server, "server_id")
        case _:
            return


_LISTED = {"allowed_idps": "identity_provider", "tags": "tag", "custom_pages": "custom_page"}


def _in_application(body: Mapping[str, Any]) -> Iterator[Mention]:
    for member, kind in _LISTED.items():
        for index, _ in enumerate(body.get(member, ())):
            yield Mention(kind, (member, index), body[member], index)
    for index, policy in enumerate(body.get("policies", ())):
        yield from _in_entry(policy, ("policies", index))
    for index, place in enumerate(body.get("destinations", ())):
        if "mcp_server_id" in place:
            path: Path = ("destinations", index, "mcp_server_id")
            yield Mention("mcp_server", path, place, "mcp_server_id")
    for index, claim in enumerate(body.get("saas_app", {}).get("custom_claims", ())):
        by_name = claim["source"].get("name_by_idp", {})
        within: Path = ("saas_app", "custom_claims", index, "source", "name_by_idp")
        for text in list(by_name):
            yield Mention("identity_provider", (*within, text), by_name, text, by_key=True)


def _in_entry(policy: dict[str, Any], path: Path) -> Iterator[Mention]:
    if "include" in policy:
        yield from _in_rules(policy, path)
        yield from _in_approvals(policy, path)
    else:
        yield Mention("policy", path, policy, "id")


def _in_approvals(policy: Mapping[str, Any], path: Path) -> Iterator[Mention]:
    for index, group in enumerate(policy.get("approval_groups", ())):
        if "email_list_uuid" in group:
            yield Mention("list", (*path, "approval_groups", index), group, "email_list_uuid")


def _in_rules(body: Mapping[str, Any], path: Path) -> Iterator[Mention]:
    for part in ("include", "require", "exclude"):
        for index, rule in enumerate(body.get(part, ())):
            for kind, value in rule.items():
                yield from _in_rule(kind, value, (*path, part, index))


def _in_rule(kind: str, value: Mapping[str, Any], path: Path) -> Iterator[Mention]:
    for member, text in value.items():
        target = _RULES.get((kind, member))
        if member == "identity_provider_id":
            target = "identity_provider"
        if target is not None and isinstance(text, str):
            yield Mention(target, path, value, member)
