"""The OpenAPI 3.1 document of the admin API, made from the table of routes and the wire shapes."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter

from lychgate import __version__
from lychgate.admin.appcalls import SettingsBody
from lychgate.admin.listcalls import ListChangeBody
from lychgate.admin.organization import RevokeBody
from lychgate.admin.people import UserBody, UserChangeBody
from lychgate.admin.routes import ROOT, ROUTES, Route
from lychgate.admin.scopes import Level, scope
from lychgate.api.applications import (
    BookmarkBody,
    LauncherBody,
    McpBody,
    McpPortalBody,
    SaasApplicationBody,
    SelfHostedBody,
    WarpBody,
)
from lychgate.api.certificates import CertificateBody
from lychgate.api.groups import GroupBody, ListBody
from lychgate.api.identity_providers import (
    EntraBody,
    GoogleAppsBody,
    OidcBody,
    OktaBody,
    PinBody,
    SamlBody,
    SocialBody,
)
from lychgate.api.kept import CertificateSettingsBody, CustomPageBody, KeySettingsBody, TagBody
from lychgate.api.mcp import McpPortalBody as PortalOfServersBody
from lychgate.api.mcp import McpServerBody
from lychgate.api.organization import OrganizationBody
from lychgate.api.policies import PolicyBody
from lychgate.api.service_tokens import ServiceTokenBody
from lychgate.store.base import Kind

type Schema = dict[str, Any]

_SHAPES: Mapping[Kind, tuple[type[BaseModel], ...]] = {
    Kind.APPLICATION: (
        SelfHostedBody,
        SaasApplicationBody,
        McpBody,
        McpPortalBody,
        LauncherBody,
        BookmarkBody,
        WarpBody,
    ),
    Kind.POLICY: (PolicyBody,),
    Kind.GROUP: (GroupBody,),
    Kind.LIST: (ListBody,),
    Kind.SERVICE_TOKEN: (ServiceTokenBody,),
    Kind.IDP: (
        OidcBody,
        PinBody,
        SocialBody,
        GoogleAppsBody,
        OktaBody,
        EntraBody,
        SamlBody,
    ),
    Kind.CERTIFICATE: (CertificateBody,),
    Kind.TAG: (TagBody,),
    Kind.CUSTOM_PAGE: (CustomPageBody,),
    Kind.MCP_SERVER: (McpServerBody,),
    Kind.MCP_PORTAL: (PortalOfServersBody,),
}
_BODIES: Mapping[tuple[str, str], type[BaseModel]] = {
    ("PATCH", "/access/apps/{id}/settings"): SettingsBody,
    ("PUT", "/access/apps/{id}/settings"): SettingsBody,
    ("POST", "/access/apps/{id}/policies"): PolicyBody,
    ("PUT", "/access/apps/{id}/policies/{policy}"): PolicyBody,
    ("PUT", "/access/certificates/settings"): CertificateSettingsBody,
    ("PATCH", "/gateway/lists/{id}"): ListChangeBody,
    ("POST", "/access/organizations"): OrganizationBody,
    ("PUT", "/access/organizations"): OrganizationBody,
    ("POST", "/access/organizations/revoke_user"): RevokeBody,
    ("PUT", "/access/keys"): KeySettingsBody,
    ("POST", "/access/users"): UserBody,
    ("PUT", "/access/users/{id}"): UserChangeBody,
}
_PAGED = frozenset(
    {"/access/users", "/access/apps/{id}/policies", "/gateway/lists/{id}/items"}
    | {"/access/policy-tests/{id}/users"}
)
_STATUSES = {
    "400": "Something in the call is not valid",
    "401": "The credential is unknown or over",
    "403": "The credential is not allowed this",
    "404": "There is no such object",
    "409": "The change does not go with the present state",
    "412": "The object was changed since it was read",
    "413": "The body is too large",
    "429": "Too many calls",
    "500": "A fault of ours",
    "503": "The store does not answer",
}


@cache
def document() -> Schema:
    """The whole document."""
    schemas: Schema = {"Envelope": _envelope({}), "Error": _error()}
    paths: dict[str, Schema] = {}
    for prefix, route in _every_path():
        operation = _operation(route, prefix, schemas)
        paths.setdefault(f"{prefix}{route.path}", {})[route.method.lower()] = operation
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
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "email": {"type": "apiKey", "in": "header", "name": "X-Auth-Email"},
                "key": {"type": "apiKey", "in": "header", "name": "X-Auth-Key"},
            },
        },
    }


def _every_path() -> Iterator[tuple[str, Route]]:
    seen: set[tuple[str, str, str]] = set()
    for route in ROUTES:
        prefixes = ("/accounts/{account_id}", "/zones/{zone_id}")
        for prefix in prefixes if route.zones else prefixes[:1]:
            if (route.method, prefix, route.path) not in seen:
                seen.add((route.method, prefix, route.path))
                yield prefix, route


def _operation(route: Route, prefix: str, schemas: Schema) -> Schema:
    names = re.findall(r"\{(\w+)\}", prefix + route.path)
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    many = _is_list(route)
    result = _result(route, schemas)
    success = "201" if _creates(route) else "200"
    responses: Schema = {
        success: _response(
            "Done", _envelope({"type": "array", "items": result} if many else result)
        )
    }
    responses |= {
        status: _response(text, {"$ref": "#/components/schemas/Error"})
        for status, text in _STATUSES.items()
    }
    operation: Schema = {
        "operationId": _name(route, prefix),
        "tags": [route.area.value],
        "summary": _summary(route),
        "description": f"Needs the permission `{scope(route.area, route.level)}`"
        + (f" or `{scope(route.area, Level.WRITE)}`." if route.level is not Level.WRITE else "."),
        "parameters": [*parameters, *(_queries(route) if many else [])],
        "responses": responses,
    }
    body = _body(route, schemas)
    if body is not None:
        content = {"application/json": {"schema": body}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _is_list(route: Route) -> bool:
    if route.method != "GET":
        return False
    collection = route.resource is not None and not route.path.endswith("}")
    plural = route.path.endswith(
        ("/active_sessions", "/failed_logins", "/access_requests", "/certificates/settings")
    )
    return collection or plural or route.path in _PAGED


def _creates(route: Route) -> bool:
    creating = ("/access/users", "/access/apps/{id}/policies", "/access/policy-tests")
    whole = route.resource is not None or route.path in (*creating, "/access/organizations")
    return route.method == "POST" and whole


def _queries(route: Route) -> list[Schema]:
    whole = {"type": "integer", "minimum": 1, "maximum": 1000}
    found = [] if route.resource is None else list(route.resource.filters)
    texts = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in found]
    if route.resource is not None and not route.resource.paged:
        return texts
    pages = [{"name": name, "in": "query", "schema": whole} for name in ("page", "per_page")]
    return [*texts, *pages]


def _body(route: Route, schemas: Schema) -> Schema | None:
    if route.method not in ("POST", "PUT", "PATCH"):
        return None
    model = _BODIES.get((route.method, route.path))
    if model is not None:
        return _ref(model, schemas)
    if route.resource is None:
        return None
    shapes = [_ref(model, schemas) for model in _SHAPES[route.resource.kind]]
    partial = route.method == "PUT" and route.resource.update == "partial"
    if partial:
        return {"type": "object"}
    return shapes[0] if len(shapes) == 1 else {"anyOf": shapes}


def _result(route: Route, schemas: Schema) -> Schema:
    if route.resource is None:
        return {}
    if route.method == "DELETE":
        return {"type": "object"}
    name = f"{route.resource.kind.value.title().replace('_', '')}Result"
    if name not in schemas:
        properties: Schema = {"id": {"type": "string"}}
        for model in _SHAPES[route.resource.kind]:
            for member in _members(model):
                properties.setdefault(member, {})
        stamp = {"type": "string", "format": "date-time"}
        properties |= {"created_at": stamp, "updated_at": stamp}
        schemas[name] = {"type": "object", "properties": properties}
    return {"$ref": f"#/components/schemas/{name}"}


_HIDDEN = frozenset(
    {"client_secret_hash", "previous_client_secret_hash", "auth_credentials", "crl"}
    | {"zero_hop", "client_secret"}
)


def _members(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if name not in _HIDDEN:
            yield field.alias or name


def _ref(model: type[BaseModel], schemas: Schema) -> Schema:
    if model.__name__ not in schemas:
        template = "#/components/schemas/{model}"
        schema = TypeAdapter(model).json_schema(by_alias=True, ref_template=template)
        schemas.update(schema.pop("$defs", {}))
        for hidden in ("client_secret_hash", "previous_client_secret_hash"):
            schema.get("properties", {}).pop(hidden, None)
        schemas[model.__name__] = schema
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _response(text: str, schema: Schema) -> Schema:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _envelope(result: Schema) -> Schema:
    number = {"type": "integer"}
    info = ("page", "per_page", "count", "total_count", "total_pages")
    return {
        "type": "object",
        "required": ["result", "success", "errors", "messages"],
        "properties": {
            "result": result,
            "success": {"const": True},
            "errors": {"type": "array", "maxItems": 0},
            "messages": {"type": "array", "items": {"type": "object"}},
            "result_info": {"type": "object", "properties": dict.fromkeys(info, number)},
        },
    }


def _error() -> Schema:
    fault = {
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "integer", "minimum": 1000},
            "message": {"type": "string"},
            "source": {"type": "object"},
            "error_chain": {"type": "array", "items": {"type": "object"}},
        },
    }
    return {
        "type": "object",
        "required": ["result", "success", "errors", "messages"],
        "properties": {
            "result": {"type": "null"},
            "success": {"const": False},
            "errors": {"type": "array", "minItems": 1, "items": fault},
            "messages": {"type": "array"},
        },
    }


def _name(route: Route, prefix: str) -> str:
    words = re.findall(r"\w+", route.path)
    owner = "zone" if "zone" in prefix else "account"
    return "_".join([route.method.lower(), owner, *words]).replace("-", "_")


def _summary(route: Route) -> str:
    text = (route.handler.__doc__ or "").strip().splitlines()
    if route.resource is None and text:
        return text[0]
    word = route.path.strip("/").rpartition("/access/")[2]
    return f"{route.method} {word}"
