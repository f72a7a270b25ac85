"""What can still be judged of an object that was refused: a stand-in with its sound rules."""

import copy
from collections.abc import Mapping
from typing import Any

from lychgate.core.model import Action

_HARMLESS: dict[str, Any] = {"everyone": {}}
_NOTHING: dict[str, Any] = {"name": "-", "decision": "allow", "include": [_HARMLESS]}
_BOOKMARK: dict[str, Any] = {"name": "-", "type": "bookmark", "domain": "stand-in.invalid"}


def stand_in(kind: str, raw: Any) -> dict[str, Any] | None:
    """A valid body in place of a refused one; None where nothing could refer to it."""
    match kind:
        case "identity_provider":
            return {"name": "-", "type": "saml", "config": {}}
        case "service_token":
            return {"name": "-"}
        case "application":
            return {**_BOOKMARK, **_links(raw)}
        case "list":
            addresses = _text(raw, "type").upper() == "IP"
            return {"name": "-", "type": "IP" if addresses else "EMAIL"}
        case "group":
            return {"name": "-", **_rules(raw)}
        case "policy":
            return policy_stand_in(raw)
        case _:
            return None


def policy_stand_in(raw: Any) -> dict[str, Any]:
    """A valid policy with the sound rules of a refused one."""
    decision = _text(raw, "decision").lower()
    known = decision if decision in set(Action) else Action.ALLOW.value
    return {"name": "-", "decision": known, **_rules(raw)}


def inline_policies(kind: str, raw: Any) -> list[tuple[int, Any]]:
    """The policies written inside a refused application, each with its place in the list."""
    entries = _list(raw, "policies") if kind == "application" else []
    return [(index, entry) for index, entry in enumerate(entries) if _inline(entry)]


def _inline(entry: Any) -> bool:
    return isinstance(entry, dict) and "include" in entry


def _links(raw: Any) -> dict[str, Any]:
    """The references of a refused application, harmless ones where there is none."""
    policies = [_link(entry) or copy.deepcopy(_NOTHING) for entry in _list(raw, "policies")]
    idps = [idp for idp in _list(raw, "allowed_idps") if isinstance(idp, str) and idp.strip()]
    return {"policies": policies[:1000], "allowed_idps": idps[:1000]}


def _link(entry: Any) -> dict[str, Any] | None:
    name = entry if isinstance(entry, str) else _text(entry, "id")
    return {"id": name} if name.strip() and len(name) <= 350 and not _inline(entry) else None


def _list(raw: Any, key: str) -> list[Any]:
    value = raw.get(key) if isinstance(raw, dict) else None
    return value if isinstance(value, list) else []


def _text(raw: Any, key: str) -> str:
    value = raw.get(key) if isinstance(raw, dict) else None
    return value if isinstance(value, str) else ""


def _rules(raw: Any) -> dict[str, Any]:
    """The three sets of rules, a harmless rule in place of each that is not one."""
    sets = {part: _set(raw, part) for part in ("include", "require", "exclude")}
    return {**sets, "include": sets["include"] or [copy.deepcopy(_HARMLESS)]}


def _set(raw: Any, part: str) -> list[Any]:
    rules = _list(raw, part)[:1000]
    return [copy.deepcopy(rule if _sound(rule) else _HARMLESS) for rule in rules]


def _sound(rule: Any) -> bool:
    if not isinstance(rule, dict) or len(rule) != 1:
        return False
    return all(isinstance(value, Mapping) for value in rule.values())
