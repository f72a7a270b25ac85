"""Reads `resources` of the file: validated wire bodies with ids in place of names."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from lychgate.api import body_model
from lychgate.api.applications import ApplicationBody, precedences
from lychgate.api.base import Wire, wire
from lychgate.api.problems import problems_of
from lychgate.api.service_tokens import ServiceTokenInFile, with_hash
from lychgate.config.items import SINGLES, Finding, Item, Listing
from lychgate.config.naming import Existing, Names, id_for, mentions, own_id
from lychgate.config.salvage import inline_policies, policy_stand_in, stand_in
from lychgate.config.yamlfile import Path
from lychgate.errors import Problem
from lychgate.store.deciding import MUST_BE_SEALED

_COMPUTED = frozenset(
    {"id", "uid", "created_at", "updated_at", "app_count", "reusable", "read_only"}
)
"""Members the API computes: a body copied from one of its answers may hold them."""
_CHOSEN_IDS = frozenset({"mcp_server", "mcp_portal"})
"""Kinds whose id is a member that their author chooses."""
_NOTHING = Existing()
_SEALED = ("auth_credentials", "client_secret")


@dataclass(frozen=True, slots=True)
class FileObject:
    """An object of the file, as the store keeps it, save what `completed` adds."""

    kind: str
    id: str
    name: str
    body: Mapping[str, Any]
    path: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Resources:
    """What `resources` holds, and what is wrong with it."""

    existing: Existing = _NOTHING
    objects: list[FileObject] = field(default_factory=list)
    stand_ins: list[FileObject] = field(default_factory=list)
    """What can be said of objects that were refused: so that naming them is not one more finding,
    and their sound rules are judged all the same."""
    findings: list[Finding] = field(default_factory=list)
    names: Names = field(default_factory=Names)


def read_resources(raw: Any, existing: Existing = _NOTHING) -> Resources:
    """Read the whole section; every finding is kept, what is sound is too."""
    listing = Listing(existing)
    items = listing.items(raw)
    beyond = existing.names
    names = Names(beyond=beyond, where=beyond.where if beyond else "in this file")
    found = Resources(existing, findings=listing.findings, names=names)
    for item in items:
        if item.name:
            found.names.add(item.kind, item.name, item.id)
    for item in items:
        _read(item, found)
    _one_each(found)
    return found


def _read(item: Item, found: Resources) -> None:
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
    objects = list(_objects(item, body, value, found.existing))
    for one in objects:
        found.findings.extend(_unsealed(one.path, one.body))
    sound = len(found.findings) == before
    (found.objects if sound else found.stand_ins).extend(objects)


def _model(item: Item, raw: Any) -> type[Wire]:
    for single in SINGLES.values():
        if (item.kind, item.id) == (single.kind, single.id):
            return single.model
    return ServiceTokenInFile if item.kind == "service_token" else body_model(item.kind, raw)


def _one_each(found: Resources) -> None:
    """Policies inside applications have ids as well, and may not share them."""
    seen: set[tuple[str, str]] = set()
    for one in (*found.objects, *found.stand_ins):
        key = (one.kind, one.id)
        if key in seen and one.kind == "policy":
            message = f"another policy has the id `{one.id[:80]}` already"
            found.findings.append(Finding((*one.path, "id"), message))
        seen.add(key)


def _unsealed(path: Path, value: Any) -> Iterator[Finding]:
    """Secrets at places where they would be kept in the clear."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in MUST_BE_SEALED and isinstance(inner, str) and inner:
                yield Finding((*path, name), f"{name} has no use here and would not be kept secret")
            else:
                yield from _unsealed((*path, name), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unsealed((*path, index), inner)


def _validated(item: Item, raw: Any, found: Resources) -> Any:
    """The validated object, unknown keys reported and left out; None when it is no object."""
    model = _model(item, raw)
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


def _stand_in(item: Item, raw: Any, found: Resources) -> None:
    body = stand_in(item.kind, raw)
    if body is not None:
        _resolve(item, body, found)
        found.stand_ins.append(FileObject(item.kind, item.id, "", body, item.path))
    for index, policy in inline_policies(item.kind, raw):
        path = (*item.path, "policies", index)
        inline = Item("policy", id_for("policy", item.id, str(index)), "", policy, path)
        rules = policy_stand_in(policy)
        _resolve(inline, rules, found)
        found.stand_ins.append(FileObject("policy", inline.id, "", rules, path))


def _resolve(item: Item, body: dict[str, Any], found: Resources) -> None:
    for mention in mentions(item.kind, body):
        id = found.names.find(mention.kind, mention.text)
        if id is None:
            message, hint = found.names.unknown(mention.kind, mention.text)
            found.findings.append(Finding((*item.path, *mention.path), message, hint))
        else:
            mention.put(id)


def _objects(
    item: Item, body: dict[str, Any], value: Any, existing: Existing
) -> Iterator[FileObject]:
    """The object, and those written inside it; secrets leave the body."""
    secrets: dict[str, str] = {}
    match item.kind:
        case "identity_provider":
            secret = body.get("config", {}).pop("client_secret", None)
            secrets = {"client_secret": secret} if secret is not None else {}
        case "application":
            if "saas_app" in body:
                body["saas_app"] = with_hash(body["saas_app"])
            yield from _inline_policies(item, body, value, existing)
        case "service_token":
            body = with_hash(body)
        case "mcp_server":
            secrets = {name: body.pop(name) for name in _SEALED if name in body}
    yield FileObject(item.kind, item.id, item.name, body, item.path, secrets)


def _inline_policies(
    item: Item, body: dict[str, Any], value: ApplicationBody, existing: Existing
) -> Iterator[FileObject]:
    """Split inline policies off into objects of their own; the application keeps links."""
    links: list[dict[str, Any]] = []
    numbers = precedences(value.policies)
    for index, (policy, number) in enumerate(zip(body.get("policies", ()), numbers, strict=True)):
        if "include" in policy:
            names = [other.get("name") for other in body["policies"][:index]]
            nth = names.count(policy["name"])
            id = policy.pop("id", None) or _inline_id(item.id, policy["name"], nth, existing)
            policy.pop("precedence", None)
            path = (*item.path, "policies", index)
            inline = {**policy, "reusable": False}
            yield FileObject("policy", id, policy["name"], inline, path)
        else:
            id = policy["id"]
        links.append({"id": id, "precedence": number})
    if "policies" in body:
        body["policies"] = links


def _inline_id(application: str, name: str, nth: int, existing: Existing) -> str:
    made = id_for("policy", application, name, str(nth))
    own = existing.own.get((application, name), ())
    return made if made in own or nth >= len(own) else own[nth]
