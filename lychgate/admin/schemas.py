"""The schemas of the OpenAPI document, made from the shapes that calls take and give."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from lychgate.admin.shapes.shown import Shape, Shown, Takes
from lychgate.api.applications import ApplicationBody
from lychgate.api.policies import PolicyBody
from lychgate.api.ruleschema import point_at_rules, rule_schema
from lychgate.api.saas import SaasBody
from lychgate.api.service_tokens import ServiceTokenBody

type Schema = dict[str, Any]

PLACE = "#/components/schemas/"
_SAAS = frozenset({"client_id", "client_secret", "client_secret_hash", "public_key"})
_TOKEN = frozenset({"client_id", "expires_at", "client_secret_hash", "previous_client_secret_hash"})
_NOT_TAKEN: Mapping[type[BaseModel], frozenset[str]] = {
    ApplicationBody: frozenset({"aud"}),
    PolicyBody: frozenset({"reusable"}),
    SaasBody: _SAAS,
    ServiceTokenBody: _TOKEN,
}
"""Members that the file has and callers cannot choose."""
_MODE: Literal["validation"] = "validation"
_NEVER = frozenset({"client_secret_hash"})
_VALUES = frozenset({"const", "enum", "examples"})


class Schemas:
    """Every schema under its name, and where each shape is found among them."""

    def __init__(self, shapes: Iterable[Shape], taken: Iterable[Takes]) -> None:
        shown = [one for one in dict.fromkeys(shapes) if isinstance(one, Shown)]
        plain = [one for one in dict.fromkeys(shapes) if not isinstance(one, Shown)]
        bodies = [body for takes in taken for body in takes.shapes]
        made = [part for one in shown for part in (one.body, one.more)]
        types = list(dict.fromkeys([*bodies, *made, *plain]))
        inputs = [(place, _MODE, TypeAdapter(type)) for place, type in enumerate(types)]
        found, extra = TypeAdapter.json_schemas(inputs, ref_template=PLACE + "{model}")
        self._of = {type: found[place, _MODE] for place, type in enumerate(types)}
        self.all: Schema = {"Rule": rule_schema(), **extra["$defs"]}
        for body in bodies:
            self._drop(self._of[body], _not_taken(body))
        self._drop({"$ref": f"{PLACE}SaasBody"}, _SAAS)
        self._drop({"$ref": f"{PLACE}SaasClient"}, _NEVER)
        for one in shown:
            self.all[one.name] = self._composed(one)
        # An entry of `policies` may also be a bare id.
        entry = self.all["AppPolicyBody"]
        self.all["AppPolicyBody"] = {"anyOf": [{"type": "string"}, entry]}
        for schema in self.all.values():
            _tidy(schema)

    def gives(self, shapes: Iterable[Shape]) -> Schema:
        """The schema of a result that has one of these shapes."""
        return self._either([self._place(shape) for shape in shapes])

    def takes(self, takes: Takes) -> Schema:
        """The schema of a body."""
        if takes.needs is None:
            return self._either([self._of[shape] for shape in takes.shapes])
        return self._either([self._with_needs(shape, takes.needs) for shape in takes.shapes])

    def inline(self, type: Any) -> Schema:
        """The schema of a small type by itself."""
        schema: Schema = TypeAdapter(type).json_schema()
        return schema

    def _place(self, shape: Shape) -> Schema:
        return {"$ref": PLACE + shape.name} if isinstance(shape, Shown) else self._of[shape]

    def _either(self, schemas: list[Schema]) -> Schema:
        if len(schemas) == 1:
            return schemas[0]
        mapping = {type: one["$ref"] for one in schemas for type in self._types(one)}
        return {"oneOf": schemas, "discriminator": {"propertyName": "type", "mapping": mapping}}

    def _types(self, place: Schema) -> list[str]:
        said = self._at(place)["properties"]["type"]
        return said["enum"] if "enum" in said else [said["const"]]

    def _at(self, place: Schema) -> Schema:
        schema: Schema = self.all[place["$ref"].removeprefix(PLACE)]
        return schema

    def _drop(self, place: Schema, names: frozenset[str]) -> None:
        properties = self._at(place)["properties"]
        for name in names:
            properties.pop(name, None)

    def _with_needs(self, shape: type[BaseModel], needs: tuple[str, ...]) -> Schema:
        name = shape.__name__.removesuffix("Body") + "UpdateBody"
        if name not in self.all:
            schema = copy.deepcopy(self._at(self._of[shape]))
            schema.pop("required", None)
            for member in schema["properties"].values():
                member.pop("default", None)
            self.all[name] = schema | ({"required": list(needs)} if needs else {})
        return {"$ref": PLACE + name}

    def _composed(self, shown: Shown) -> Schema:
        """A body with what is added, without what is hidden."""
        body = copy.deepcopy(self._at(self._of[shown.body]))
        more = self._at(self._of[shown.more])
        hidden = shown.hidden | _NEVER
        properties = {
            name: self._without(_never_null(schema), hidden)
            for name, schema in body["properties"].items()
            if name not in hidden and name not in more["properties"]
        }
        required = dict.fromkeys([*body.get("required", ()), *more.get("required", ())])
        return {
            "type": "object",
            "description": body.get("description", ""),
            "properties": {**properties, **more["properties"]},
            "required": [name for name in required if name not in hidden],
        }

    def _without(self, schema: Schema, hidden: frozenset[str]) -> Schema:
        """The schema of a member, whose own members are not shown when they are hidden."""
        if "$ref" not in schema or not hidden & set(self._at(schema).get("properties", {})):
            return schema
        inner = copy.deepcopy(self._at(schema))
        for name in hidden:
            inner["properties"].pop(name, None)
        name = schema["$ref"].removeprefix(PLACE) + "Shown"
        self.all[name] = inner
        return {"$ref": PLACE + name}


def used(schemas: Schema, roots: Any) -> Schema:
    """The schemas that something names, directly or through others, by name."""
    found: set[str] = set()
    waiting = list(_named(roots))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _named(schemas[name])
    return {name: schemas[name] for name in sorted(found)}


def _named(node: Any) -> Iterator[str]:
    if isinstance(node, str) and node.startswith(PLACE):
        yield node.removeprefix(PLACE)
    elif isinstance(node, dict | list):
        for inner in node.values() if isinstance(node, dict) else node:
            yield from _named(inner)


def _not_taken(body: type[BaseModel]) -> frozenset[str]:
    found = (names for kind, names in _NOT_TAKEN.items() if issubclass(body, kind))
    return frozenset().union(*found)


def _never_null(schema: Schema) -> Schema:
    """A member that is left out of answers when it has no value."""
    either = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(either) != 1:
        return {name: value for name, value in schema.items() if name != "default"}
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return {**either[0], **rest}


def _say_default(node: Schema) -> None:
    """Generators take a `default` for something to send, which no partial update must do."""
    default = node.pop("default", None)
    if isinstance(default, bool | int | str) and default != "":
        text = str(default).lower() if isinstance(default, bool) else default
        said = node.get("description", "")
        node["description"] = f"{said} `{text}` when it is left out.".strip()


def _tidy(node: Any) -> None:
    """Say nothing twice: no titles made of names, and one schema for all rules."""
    if isinstance(node, list):
        for inner in node:
            _tidy(inner)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("title"), str):
        del node["title"]
    if isinstance(node.get("properties"), dict):
        point_at_rules(node["properties"], f"{PLACE}Rule")
        for member in node["properties"].values():
            _say_default(member)
    for name, inner in node.items():
        if name not in _VALUES:
            _tidy(inner)
