"""The JSON Schema of the file, for editors: `lychgate config schema` prints it."""

from typing import Any

from pydantic import TypeAdapter

from lychgate.api.applications import (
    BookmarkApplicationBody,
    LauncherApplicationBody,
    McpApplicationBody,
    McpPortalApplicationBody,
    SaasApplicationBody,
    SelfHostedApplicationBody,
    WarpApplicationBody,
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
from lychgate.api.kept import (
    CertificateSettingsBody,
    CustomPageBody,
    KeySettingsBody,
    TagBody,
)
from lychgate.api.mcp import McpPortalBody as PortalOfServersBody
from lychgate.api.mcp import McpServerBody
from lychgate.api.organization import OrganizationBody
from lychgate.api.policies import PolicyBody
from lychgate.api.ruleschema import point_at_rules, rule_schema
from lychgate.api.service_tokens import ServiceTokenInFile
from lychgate.config.included import MEMBERS
from lychgate.config.process import FileBody

_PROVIDERS = {
    OidcBody: ("oidc",),
    PinBody: ("onetimepin",),
    SocialBody: ("github", "google"),
    GoogleAppsBody: ("google-apps",),
    OktaBody: ("okta",),
    EntraBody: ("azureAD",),
    SamlBody: ("saml",),
}
_APPLICATIONS = {
    SelfHostedApplicationBody: ("self_hosted",),
    SaasApplicationBody: ("saas",),
    LauncherApplicationBody: ("app_launcher",),
    BookmarkApplicationBody: ("bookmark",),
    McpApplicationBody: ("mcp",),
    McpPortalApplicationBody: ("mcp_portal",),
    WarpApplicationBody: ("warp",),
}


def json_schema() -> dict[str, Any]:
    """The schema; what needs the whole file, such as references, it cannot say."""
    definitions: dict[str, Any] = {"Rule": rule_schema()}
    schema = _schema(FileBody, definitions)
    schema["properties"]["resources"] = _resources(definitions)
    definitions["AppPolicyBody"] = {
        "anyOf": [{"type": "string"}, definitions["AppPolicyBody"]],
    }
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Lychgate configuration"
    schema["$defs"] = definitions
    _tidy(schema)
    return schema


def _resources(definitions: dict[str, Any]) -> dict[str, Any]:
    lists = {
        "identity_providers": [_typed(m, t, definitions) for m, t in _PROVIDERS.items()],
        "groups": [_schema(GroupBody, definitions)],
        "lists": [_schema(ListBody, definitions)],
        "policies": [_schema(PolicyBody, definitions)],
        "applications": [_typed(m, t, definitions) for m, t in _APPLICATIONS.items()],
        "service_tokens": [_schema(ServiceTokenInFile, definitions)],
        "certificates": [_in_the_file(_schema(CertificateBody, definitions))],
        "tags": [_schema(TagBody, definitions)],
        "custom_pages": [_schema(CustomPageBody, definitions)],
        "mcp_servers": [_schema(McpServerBody, definitions)],
        "mcp_portals": [_schema(PortalOfServersBody, definitions)],
    }
    for shape in (shape for shapes in lists.values() for shape in shapes):
        shape["properties"].setdefault("id", {"type": "string"})
    singles = {
        "organization": _schema(OrganizationBody, definitions),
        "keys": _schema(KeySettingsBody, definitions),
        "certificate_settings": _schema(CertificateSettingsBody, definitions),
    }
    properties = {
        name: {"type": "array", "items": shapes[0] if len(shapes) == 1 else {"anyOf": shapes}}
        for name, shapes in lists.items()
    }
    return {"type": "object", "properties": {**singles, **properties}}


def _schema(model: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = TypeAdapter(model).json_schema(by_alias=True)
    definitions.update(schema.pop("$defs", {}))
    return schema


def _in_the_file(certificate: dict[str, Any]) -> dict[str, Any]:
    """The file may name files in place of PEM texts."""
    certificate["properties"] |= {name: {"type": "string"} for name in MEMBERS}
    certificate["required"].remove("certificate")
    return certificate


def _typed(model: Any, types: tuple[str, ...], definitions: dict[str, Any]) -> dict[str, Any]:
    schema = _schema(model, definitions)
    schema["properties"]["type"] = {"enum": list(types)}
    return schema


def _tidy(node: Any) -> None:
    """Close every object to unknown members, and point the lists of rules at the rule."""
    if isinstance(node, list):
        for inner in node:
            _tidy(inner)
    if not isinstance(node, dict):
        return
    properties = node.get("properties")
    if node.get("type") == "object" and isinstance(properties, dict):
        node["additionalProperties"] = False
        point_at_rules(properties, "#/$defs/Rule")
    for inner in node.values():
        _tidy(inner)
