"""Reads `resources` of the file: validated wire bodies with ids in place of names."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from lychgate.api import PLURALS, audience_of, body_model, client_id_of
from lychgate.api.applications import ApplicationBody, precedences
from lychgate.api.base import wire
from lychgate.api.problems import problems_of
from lychgate.api.saas import to_keep
from lychgate.config.naming import ACCOUNT, WORDS, Names, id_for, mentions, own_id
from lychgate.config.salvage import inline_policies, policy_stand_in, stand_in
from lychgate.config.yamlfile import Path
from lychgate.errors import Problem

_COMPUTED = frozenset(
    {"id", "uid", "created_at", "updated_at", "app_count", "reusable", "read_only"}
)
"""Members the API computes: a body copied from one of its answers may hold them."""
_CHOSEN_IDS = frozenset({"mcp_server", "mcp_portal"})
"""Kinds whose id is a member that their author chooses."""
_SEALED = ("auth_credentials", "client_secret")
_SINGLE_TYPES = frozenset({"onetimepin", "app_launcher", "warp"})
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
class FileObject:
    """An object of the file, as the store keeps it."""

    kind: str
    id: str
    name: str
    body: Mapping[str, Any]
    path: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Resources:
    """What `resources` holds, and what is wrong with it."""

    objects: list[FileObject] = field(default_factory=list)
    stand_ins: list[FileObject] = field(default_factory=list)
    """What can be said of objects that were refused: so that naming them is not one more finding,
    and their sound rules are judged all the same."""
    findings: list[Finding] = field(default_factory=list)
    names: Names = field(default_factory=Names)


@dataclass(frozen=True, slots=True)
class _Item:
    kind: str
    id: str
    name: str
    raw: Any
    path: Path


def read_resources(raw: Any) -> Resources:
    """Read the whole section; every finding is kept, what is sound is too."""
    found = Resources()
    items = list(_items(raw, found))
    for item in items:
        if item.name:
            found.names.add(item.kind, item.name, item.id)
    _once(items, found)
    for item in items:
        _read(item, found)
    return found


def _items(raw: Any, found: Resources) -> Iterator[_Item]:
    if raw is None:
        return
    if not isinstance(raw, dict):
        found.findings.append(Finding(("resources",), "resources must be an object"))
        return
    kinds = {plural: kind for kind, plural in PLURALS.items()}
    for section, content in raw.items():
        path = ("resources", section)
        if section not in kinds:
            close = get_close_matches(section, kinds, 1, 0.6)
            hint = f"did you mean `{close[0]}`?" if close else ""
            found.findings.append(Finding(path, f"unknown key `{section[:80]}`", hint))
        elif section == "organization":
            if content is not None:
                yield _Item("organization", ACCOUNT, "", content, path)
        elif content is not None:
            yield from _listed(kinds[section], section, content, found)


def _listed(kind: str, section: str, content: Any, found: Resources) -> Iterator[_Item]:
    if not isinstance(content, list):
        found.findings.append(Finding(("resources", section), f"{section} must be a list"))
        return
    for index, raw in enumerate(content):
        name = _name(raw)
        if kind == "tag":
            yield _Item(kind, name, name, raw, ("resources", section, index))
            continue
        id = (own_id(raw) if isinstance(raw, dict) else None) or id_for(kind, name)
        yield _Item(kind, id, name, raw, ("resources", section, index))


def _name(raw: Any) -> str:
    if not isinstance(raw, dict):
        return ""
    name, kind = raw.get("name"), raw.get("type")
    default = _DEFAULT_NAMES.get(kind, "") if isinstance(kind, str) else ""
    return name if isinstance(name, str) and name else default


def _once(items: list[_Item], found: Resources) -> None:
    """Names and ids are what objects are known by: each only once in its kind."""
    seen: set[tuple[str, str, str]] = set()
    for item in items:
        marks = [("name", item.name), ("id", item.id)] if item.name else []
        raw_type = item.raw.get("type") if isinstance(item.raw, dict) else None
        if isinstance(raw_type, str) and raw_type in _SINGLE_TYPES:
            marks.append(("type", raw_type))
        for what, text in marks:
            if (item.kind, what, text) in seen:
                word = WORDS[item.kind]
                message = f"another {word} has the {what} `{text[:80]}` already"
                found.findings.append(Finding(item.path, message))
                break
        seen.update((item.kind, what, text) for what, text in marks)


def _read(item: _Item, found: Resources) -> None:
    raw = item.raw
    before = len(found.findings)
    if isinstance(raw, dict):
        if "id" in raw and own_id(raw) is None:
            found.findings.append(Finding((*item.path, "id"), "id is not fit to be one"))
        raw = {key: value for key, value in raw.items() if key not in _COMPUTED}
        if item.kind in _CHOSEN_IDS:
            raw["id"] = item.id
        if item.name and "name" not in raw:
            raw["name"] = item.name
    value = _validated(item, raw, found)
    if value is None:
        _stand_in(item, raw, found)
        return
    body = copy.deepcopy(wire(value))
    _resolve(item, body, found)
    _name_sources(item, body, found)
    sound = len(found.findings) == before
    (found.objects if sound else found.stand_ins).extend(_objects(item, body, value))


def _validated(item: _Item, raw: Any, found: Resources) -> Any:
    """The validated object, unknown keys reported and left out; None when it is no object."""
    model = body_model(item.kind, raw)
    try:
        return model.model_validate(raw, extra="forbid")
    except ValidationError as error:
        _report(problems_of(error, model), item.path, found)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        _report(problems_of(error, model), item.path, found)
        return None


def _report(problems: Iterable[Problem], base: Path, found: Resources) -> None:
    for problem in problems:
        inner = tuple(int(p) if p.isdigit() else p for p in problem.where.split("/") if p)
        found.findings.append(Finding((*base, *inner), problem.message, problem.hint))


def _stand_in(item: _Item, raw: Any, found: Resources) -> None:
    body = stand_in(item.kind, raw)
    if body is not None:
        _resolve(item, body, found)
        found.stand_ins.append(FileObject(item.kind, item.id, "", body, item.path))
    for index, policy in inline_policies(item.kind, raw):
        path = (*item.path, "policies", index)
        inline = _Item("policy", id_for("policy", item.id, str(index)), "", policy, path)
        rules = policy_stand_in(policy)
        _resolve(inline, rules, found)
        found.stand_ins.append(FileObject("policy", inline.id, "", rules, path))


def _resolve(item: _Item, body: dict[str, Any], found: Resources) -> None:
    for mention in mentions(item.kind, body):
        id = found.names.find(mention.kind, mention.text)
        if id is None:
            message = f"there is no {WORDS[mention.kind]} `{mention.text[:80]}` in this file"
            hint = found.names.nearest(mention.kind, mention.text)
            found.findings.append(Finding((*item.path, *mention.path), message, hint))
        else:
            mention.holder[mention.key] = id


def _name_sources(item: _Item, body: dict[str, Any], found: Resources) -> None:
    """Ids in place of the names of providers that a custom claim says its source by."""
    for index, claim in enumerate(body.get("saas_app", {}).get("custom_claims", ())):
        by_name = claim["source"].get("name_by_idp", {})
        for text in list(by_name):
            id = found.names.find("identity_provider", text)
            if id is None:
                path = (*item.path, "saas_app", "custom_claims", index, "source", "name_by_idp")
                message = f"there is no identity provider `{text[:80]}` in this file"
                hint = found.names.nearest("identity_provider", text)
                found.findings.append(Finding((*path, text), message, hint))
            else:
                by_name[id] = by_name.pop(text)


def _objects(item: _Item, body: dict[str, Any], value: Any) -> Iterator[FileObject]:
    secrets: dict[str, str] = {}
    match item.kind:
        case "identity_provider":
            secret = body.get("config", {}).pop("client_secret", None)
            secrets = {"client_secret": secret} if secret is not None else {}
        case "application":
            body.setdefault("aud", audience_of(item.id))
            if "saas_app" in body:
                body["saas_app"] = to_keep(item.id, body["saas_app"])
            yield from _inline_policies(item, body, value)
        case "service_token":
            body.setdefault("client_id", client_id_of(item.id))
        case "mcp_server":
            secrets = {name: body.pop(name) for name in _SEALED if name in body}
    yield FileObject(item.kind, item.id, item.name, body, item.path, secrets)


def _inline_policies(
    item: _Item, body: dict[str, Any], value: ApplicationBody
) -> Iterator[FileObject]:
    """Split inline policies off into objects of their own; the application keeps links."""
    links: list[dict[str, Any]] = []
    numbers = precedences(value.policies)
    for index, (policy, number) in enumerate(zip(body.get("policies", ()), numbers, strict=True)):
        if "include" in policy:
            names = [other.get("name") for other in body["policies"][:index]]
            nth = str(names.count(policy["name"]))
            id = policy.pop("id", None) or id_for("policy", item.id, policy["name"], nth)
            policy.pop("precedence", None)
            path = (*item.path, "policies", index)
            inline = {**policy, "reusable": False}
            yield FileObject("policy", id, policy["name"], inline, path)
        else:
            id = policy["id"]
        links.append({"id": id, "precedence": number})
    if "policies" in body:
        body["policies"] = links
