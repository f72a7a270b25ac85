"""The JSON Schema of rules: one member out of the selectors there are."""

from typing import Any

from lychgate.core.selectors import ALL

_TEXT = {"type": "string", "minLength": 1}
_LEVELS = {"enum": ["low", "medium", "high", "unscored"]}
_RISK = {"type": "array", "minItems": 1, "items": _LEVELS}
_PARTS = ("include", "require", "exclude")


def rule_schema() -> dict[str, Any]:
    """The schema of one rule."""
    kinds = {one.kind: _inner(one.members, one.optional) for one in ALL}
    properties = {**kinds, "group": _inner(("id",), ())}
    return {"type": "object", "properties": properties, "minProperties": 1, "maxProperties": 1}


def _inner(members: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Any]:
    needed = {name: _RISK if name == "user_risk_score" else _TEXT for name in members}
    free = {name: {"anyOf": [_TEXT, {"type": "null"}]} for name in optional}
    schema: dict[str, Any] = {"type": "object", "properties": {**needed, **free}}
    return schema | ({"required": list(members)} if members else {})


def point_at_rules(properties: dict[str, Any], reference: str) -> None:
    """Make the lists of rules among an object's members speak of rules."""
    for part in _PARTS:
        listed = properties.get(part, {})
        for shape in (listed, *listed.get("anyOf", ())):
            if shape.get("type") == "array":
                shape["items"] = {"$ref": reference}
