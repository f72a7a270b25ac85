"""Which id an object of the file has, and which object a name in the file means."""

import re
import uuid
from collections.abc import Iterator, Mapping
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
    """Every object of the file by kind: its id by its name, and the ids there are."""

    by_name: dict[tuple[str, str], str] = field(default_factory=dict)
    ids: set[tuple[str, str]] = field(default_factory=set)

    def add(self, kind: str, name: str, id: str) -> None:
        """Make an object known."""
        self.by_name.setdefault((kind, name), id)
        self.ids.add((kind, id))

    def find(self, kind: str, text: str) -> str | None:
        """The id meant by an id or name."""
        return text if (kind, text) in self.ids else self.by_name.get((kind, text))

    def nearest(self, kind: str, text: str) -> str:
        """A hint naming the object whose name is most like the text."""
        known = [name for of, name in self.by_name if of == kind]
        close = get_close_matches(text[:200], known, 1, 0.6) if len(known) <= 2000 else []
        return f"did you mean `{close[0]}`?" if close else ""


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a wire body that names another object."""

    kind: str
    path: Path
    holder: Any
    """The list or object it is in."""
    key: Any
    """Where in the holder."""

    @property
    def text(self) -> str:
        """What is written there."""
        return str(self.holder[self.key])


def mentions(kind: str, body: Mapping[str, Any]) -> Iterator[Mention]:
    """Every place in a body that names another object, inline policies included."""
    yield from _in_rules(body, ())
    if kind == "policy":
        yield from _in_approvals(body, ())
    if kind == "application":
        for index, _ in enumerate(body.get("allowed_idps", ())):
            path = ("allowed_idps", index)
            yield Mention("identity_provider", path, body["allowed_idps"], index)
        for index, policy in enumerate(body.get("policies", ())):
            yield from _in_entry(policy, ("policies", index))


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
