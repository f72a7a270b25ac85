"""The readable page of the admin API: every call, what it takes and gives, and every shape."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from lychgate.admin.openapi import document
from lychgate.admin.routes import ROOT
from lychgate.admin.schemas import PLACE
from lychgate.config.naming import ACCOUNT
from lychgate.core.model import LoginDesign
from lychgate.pages.design import theme_css
from lychgate.pages.render import Page, environment, page_headers

PAGE = f"{ROOT}/docs"
_FOLDER = files("lychgate.admin") / "templates"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_KINDS = {"string": "text", "integer": "number", "boolean": "true or false", "null": "nothing"}
_ACCOUNT, _ZONE = "/accounts/{account_id}", "/zones/{zone_id}"

type Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of what is said of a type; `shape` names the shape it stands for."""

    text: str
    shape: str = ""


type Words = tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a shape or of a query."""

    name: str
    type: Words
    needed: bool
    says: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call as people read of it."""

    name: str
    method: str
    path: str
    """Below the account."""
    zones: bool
    says: str
    permission: str
    asks: tuple[Member, ...]
    takes: Words
    gives: Words
    status: str


@dataclass(frozen=True, slots=True)
class Group:
    """The calls that one kind of permission opens."""

    title: str
    about: str
    calls: tuple[Call, ...]

    @property
    def anchor(self) -> str:
        """Where it is found on the page."""
        return "".join(char if char.isalnum() else "-" for char in self.title.lower())


@dataclass(frozen=True, slots=True)
class ShapeShown:
    """One shape with its members."""

    name: str
    says: str
    members: tuple[Member, ...]
    otherwise: Words
    """What it is when it has no members of its own."""


@cache
def page() -> Page:
    """The page; it loads nothing and runs nothing."""
    described = document()
    style = theme_css(LoginDesign()) + (_FOLDER / "reference.css").read_text("utf-8")
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    html = environment(str(_FOLDER)).get_template("reference.html")
    text = html.render(
        account=ACCOUNT,
        groups=list(_groups(described)),
        root=ROOT,
        shapes=[_shape(*one) for one in described["components"]["schemas"].items()],
        style=Markup(style),  # our own file, and colours that were parsed
        version=described["info"]["version"],
    )
    return Page(200, page_headers(f"sha256-{hashed}"), text.encode())


def _groups(described: Schema) -> Iterator[Group]:
    calls = list(_calls(described["paths"]))
    for tag in described["tags"]:
        mine = [call for area, call in calls if area == tag["name"]]
        mine.sort(key=lambda call: (call.path, _METHODS.index(call.method)))
        yield Group(tag["name"], tag["description"], tuple(mine))


def _calls(paths: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Call]]:
    for path, methods in paths.items():
        below = path.removeprefix(_ACCOUNT)
        for method, operation in methods.items():
            if path.startswith(_ACCOUNT):
                zones = method in paths.get(_ZONE + below, {})
                yield operation["tags"][0], _call(method, below, zones, operation)


def _call(method: str, path: str, zones: bool, operation: Schema) -> Call:
    status, answer = next(iter(operation["responses"].items()))
    result = _content(answer)["properties"]["result"]
    body = operation.get("requestBody")
    permission = operation["description"].removeprefix("Needs the permission ").rstrip(".")
    return Call(
        name=operation["operationId"],
        method=method.upper(),
        path=path,
        zones=zones,
        says=operation["summary"],
        permission=permission.replace("`", ""),
        asks=tuple(_asked(one) for one in operation["parameters"] if one["in"] != "path"),
        takes=() if body is None else _said(_content(body)),
        gives=_said(result),
        status=status,
    )


def _content(holder: Schema) -> Schema:
    schema: Schema = holder["content"]["application/json"]["schema"]
    return schema


def _asked(parameter: Schema) -> Member:
    says = parameter.get("description", "")
    return Member(parameter["name"], _said(parameter["schema"]), False, says)


def _shape(name: str, schema: Schema) -> ShapeShown:
    either = schema.get("anyOf", (schema,))
    whole = next((one for one in either if "properties" in one), schema)
    needed = whole.get("required", ())
    members = tuple(
        Member(
            member,
            _said(inner),
            member in needed,
            inner.get("description", ""),
        )
        for member, inner in whole.get("properties", {}).items()
    )
    says = (whole.get("description") or schema.get("description") or "").partition("\n")[0]
    return ShapeShown(name, says, members, () if members else _said(schema))


def _said(schema: Schema) -> Words:
    """What a schema asks for, in words."""
    match schema:
        case {"$ref": str(place)}:
            name = place.removeprefix(PLACE)
            return (Word(name, name),)
        case {"oneOf": list(several)} | {"anyOf": list(several)}:
            return _joined(_said(one) for one in several if one != {"type": "null"})
        case {"const": value}:
            return (Word(str(value).lower() if isinstance(value, bool) else str(value)),)
        case {"enum": list(values)}:
            return _joined((Word(str(value)),) for value in values)
        case {"type": "array"}:
            return (Word("list of "), *_said(schema.get("items", {})))
        case {"type": "string", "format": "date-time"}:
            return (Word("time"),)
        case {"type": str(kind)}:
            return (Word(_KINDS.get(kind, kind)),)
        case _:
            return (Word("anything"),)


def _joined(several: Iterator[Words]) -> Words:
    words: list[Word] = []
    for one in several:
        words += [Word(" or "), *one] if words else one
    return tuple(words)
