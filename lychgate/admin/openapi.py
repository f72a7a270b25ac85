"""The OpenAPI 3.1 document of the admin API, made from the table of routes and the shapes."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from lychgate import __version__
from lychgate.admin.routes import ROOT, ROUTES, Route
from lychgate.admin.schemas import PLACE, Schemas, used
from lychgate.admin.scopes import Area, Level, scope
from lychgate.admin.shapes.shown import Many

type Schema = dict[str, Any]

_ACCOUNT = {"account_id": "The account: `00000000000000000000000000000000`."}
_ZONE = {"zone_id": "Any zone id: an installation shows the same objects in each."}
_REFUSALS = {
    "400": "Something in the call is not valid",
    "401": "The credential is unknown or over",
    "403": "The credential is not allowed this",
    "404": "There is no such object",
    "429": "Too many calls",
    "500": "A fault of ours",
    "503": "The store does not answer",
}
_REFUSED_CHANGES = {
    "409": "The change does not go with the present state",
    "412": "The object was changed since it was read",
    "413": "The body is too large",
}
_ABOUT = {
    Area.APPS: "Applications, their policies, reusable policies and tags.",
    Area.SERVICE_TOKENS: "Credentials of machines.",
    Area.ORGANIZATION: "The organization, identity providers, groups, people, sessions and keys.",
    Area.AUDIT: "Who logged in, and who was refused.",
    Area.CERTIFICATES: "Authorities of client certificates.",
    Area.CUSTOM_PAGES: "Pages of one's own.",
    Area.POLICY_TESTS: "Whom policies would let in.",
    Area.LISTS: "Lists of addresses that rules name.",
    Area.MCP: "MCP servers, and the portals that gather them.",
}


@cache
def document() -> Schema:
    """The whole document."""
    gives = [shape for route in ROUTES for shape in route.handler.gives.shapes]
    takes = [route.handler.takes for route in ROUTES if route.handler.takes is not None]
    schemas = Schemas(gives, takes)
    paths: dict[str, Schema] = {}
    for prefix, route in _every_path():
        operation = _operation(route, prefix, schemas)
        paths.setdefault(f"{prefix}{route.path}", {})[route.method.lower()] = operation
    responses = {
        status: _response(text, {"$ref": f"{PLACE}Error"})
        for status, text in (_REFUSALS | _REFUSED_CHANGES).items()
    }
    every = {**schemas.all, "Error": _error(), "PageInfo": _page_info()}
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Lychgate admin API",
            "version": __version__,
            "description": "The Access part of Cloudflare's API, over one's own installation.",
        },
        "servers": [{"url": ROOT}],
        "security": [{"token": []}, {"email": [], "key": []}],
        "tags": [{"name": area.value, "description": text} for area, text in _ABOUT.items()],
        "paths": paths,
        "components": {
            "schemas": used(every, [paths, responses]),
            "responses": responses,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "email": {"type": "apiKey", "in": "header", "name": "X-Auth-Email"},
                "key": {"type": "apiKey", "in": "header", "name": "X-Auth-Key"},
            },
        },
    }


def _every_path() -> Iterator[tuple[str, Route]]:
    for route in ROUTES:
        yield "/accounts/{account_id}", route
        if route.zones:
            yield "/zones/{zone_id}", route


def _operation(route: Route, prefix: str, schemas: Schemas) -> Schema:
    handler, zone = route.handler, "zone" in prefix
    statuses = _REFUSALS if route.method == "GET" else _REFUSALS | _REFUSED_CHANGES
    operation: Schema = {
        "operationId": handler.name + ("_of_zone" if zone else ""),
        "tags": [route.area.value],
        "summary": handler.says,
        "description": f"Needs the permission `{scope(route.area, route.level)}`"
        + (f" or `{scope(route.area, Level.WRITE)}`." if route.level is not Level.WRITE else "."),
        "parameters": [*_places(route, prefix), *_asked(route, schemas)],
        "responses": {
            str(handler.gives.status): _response("Done", _envelope(route, schemas)),
            **{status: {"$ref": f"#/components/responses/{status}"} for status in statuses},
        },
    }
    if handler.takes is not None:
        content = {"application/json": {"schema": schemas.takes(handler.takes)}}
        operation["requestBody"] = {"required": not handler.takes.optional, "content": content}
    return operation


def _places(route: Route, prefix: str) -> list[Schema]:
    """The parts of the path that are not fixed."""
    says = _ACCOUNT | _ZONE
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
            **({"description": says[name]} if name in says else {}),
        }
        for name in re.findall(r"\{(\w+)\}", prefix + route.path)
    ]


def _asked(route: Route, schemas: Schemas) -> list[Schema]:
    """The members of the query, and the condition of a change."""
    asked = [
        {
            "name": ask.name,
            "in": "query",
            "schema": schemas.inline(ask.type),
            **({"description": ask.says} if ask.says else {}),
        }
        for ask in route.handler.asks
    ]
    if route.method not in ("PUT", "PATCH", "DELETE"):
        return asked
    says = "The `ETag` of the state that may be changed; another one is refused."
    condition = {"name": "If-Match", "in": "header", "schema": {"type": "string"}}
    return [*asked, {**condition, "description": says}]


def _response(text: str, schema: Schema) -> Schema:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _envelope(route: Route, schemas: Schemas) -> Schema:
    gives = route.handler.gives
    result = schemas.gives(gives.shapes)
    if gives.many is not Many.ONE:
        result = {"type": "array", "items": result}
    paged: Schema = {}
    if gives.many is Many.PAGE:
        paged = {"result_info": {"$ref": f"{PLACE}PageInfo"}}
    return {
        "type": "object",
        "required": ["result", "success", "errors", "messages", *paged],
        "properties": {
            "result": result,
            "success": {"const": True},
            "errors": {"type": "array", "items": {}, "maxItems": 0},
            "messages": {"type": "array", "items": {"type": "object"}},
            **paged,
        },
    }


def _page_info() -> Schema:
    names = ("page", "per_page", "count", "total_count", "total_pages")
    return {
        "type": "object",
        "description": "Which page this is, and how many there are.",
        "required": list(names),
        "properties": {name: {"type": "integer", "minimum": 0} for name in names},
    }


def _error() -> Schema:
    chained = {
        "type": "object",
        "required": ["code", "message"],
        "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
    }
    fault = {
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "integer", "minimum": 1000},
            "message": {"type": "string"},
            "source": {
                "type": "object",
                "required": ["pointer"],
                "properties": {"pointer": {"type": "string"}},
            },
            "error_chain": {"type": "array", "items": chained},
        },
    }
    return {
        "type": "object",
        "description": "Why a call was refused.",
        "required": ["result", "success", "errors", "messages"],
        "properties": {
            "result": {"type": "null"},
            "success": {"const": False},
            "errors": {"type": "array", "minItems": 1, "items": fault},
            "messages": {"type": "array", "items": {"type": "object"}},
        },
    }
