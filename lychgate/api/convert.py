"""Turns a stored wire body into the core's value: `to_model`."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from lychgate.api.applications import (
    ApplicationBody,
    LauncherApplicationBody,
    ReachableBody,
    SaasApplicationBody,
    WarpApplicationBody,
    application_model,
    precedences,
)
from lychgate.api.base import Kept, Wire, duration, parse_time
from lychgate.api.certificates import CertificateBody
from lychgate.api.groups import GroupBody, ListBody
from lychgate.api.identity_providers import ProviderBody, provider_model
from lychgate.api.kept import CustomPageBody, TagBody
from lychgate.api.mcp import McpPortalBody, McpServerBody
from lychgate.api.organization import OrganizationBody
from lychgate.api.policies import PolicyBody
from lychgate.api.problems import problems_of
from lychgate.api.service_tokens import ServiceTokenBody
from lychgate.core.model import (
    DAY,
    AppId,
    Application,
    ApprovalGroup,
    AppType,
    Audience,
    CertificateId,
    ClientAuthority,
    CookieSettings,
    CustomPage,
    DenySettings,
    Group,
    GroupId,
    IdentityProvider,
    IdpId,
    ItemList,
    ListId,
    LoginDesign,
    Organization,
    Policy,
    PolicyId,
    Rule,
    SameSite,
    ServiceToken,
    TokenId,
)
from lychgate.errors import InvalidConfiguration, Problem

FOREVER = datetime(2999, 12, 31, tzinfo=UTC)
"""When a service token without an end expires."""

PLURALS = {
    "organization": "organization",
    "identity_provider": "identity_providers",
    "group": "groups",
    "list": "lists",
    "policy": "policies",
    "application": "applications",
    "service_token": "service_tokens",
    "certificate": "certificates",
    "tag": "tags",
    "custom_page": "custom_pages",
    "mcp_server": "mcp_servers",
    "mcp_portal": "mcp_portals",
}
"""What the objects of a kind are called in the file and in `Problem.where`."""

type Model = (
    Organization
    | IdentityProvider
    | Group
    | ItemList
    | Policy
    | Application
    | ServiceToken
    | ClientAuthority
    | CustomPage
    | Kept
)

_KEPT: dict[str, type[Wire]] = {
    "tag": TagBody,
    "custom_page": CustomPageBody,
    "mcp_server": McpServerBody,
    "mcp_portal": McpPortalBody,
    "settings": Kept,
}


def body_model(kind: str, body: Any) -> type[Wire]:
    """The wire shape for an object of this kind, by its `type` where there are several."""
    type_ = body.get("type") if isinstance(body, Mapping) else None
    match kind:
        case "organization":
            return OrganizationBody
        case "identity_provider":
            return provider_model(type_)
        case "group":
            return GroupBody
        case "list":
            return ListBody
        case "policy":
            return PolicyBody
        case "application":
            return application_model(type_)
        case "service_token":
            return ServiceTokenBody
        case "certificate":
            return CertificateBody
        case _ if kind in _KEPT:
            return _KEPT[kind]
        case _:
            raise InvalidConfiguration([Problem("", f"unknown kind of object `{kind}`")])


def parse_body(kind: str, body: Any) -> Wire:
    """Validate a wire body, unknown members ignored; raises InvalidConfiguration."""
    model = body_model(kind, body)
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise InvalidConfiguration(problems_of(error, model)) from None


def to_model(kind: str, id: str, body: Mapping[str, Any], rules_changed_at: datetime, /) -> Model:
    """The core's value of a stored body; raises InvalidConfiguration naming the object."""
    try:
        return from_wire(id, parse_body(kind, body), body, rules_changed_at)
    except InvalidConfiguration as error:
        place = f"{PLURALS.get(kind, kind)}/{id}"
        raise InvalidConfiguration(
            Problem(f"{place}/{one.where}".rstrip("/"), one.message, one.hint)
            for one in error.problems
        ) from None


def from_wire(id: str, value: Wire, body: Mapping[str, Any], changed: datetime) -> Model:
    """The core's value of a validated wire object."""
    match value:
        case OrganizationBody():
            return _organization(id, value)
        case ProviderBody():
            config = body.get("config") or {}
            return IdentityProvider(IdpId(id), value.name, value.type, config)
        case GroupBody():
            return Group(
                GroupId(id),
                value.name,
                _rules(value.include),
                _rules(value.require),
                _rules(value.exclude),
                changed,
            )
        case ListBody():
            items = tuple(item.value for item in value.items)
            return ItemList(ListId(id), value.name, value.type, items, changed)
        case PolicyBody():
            return _policy(id, value, changed)
        case ServiceTokenBody():
            return _service_token(id, value)
        case CertificateBody():
            hosts = tuple(dict.fromkeys(value.associated_hostnames))
            pem, crl = value.certificate, value.crl
            return ClientAuthority(CertificateId(id), value.name, pem, hosts, crl)
        case ApplicationBody():
            return _application(id, value, changed)
        case CustomPageBody():
            return CustomPage(value.type, value.custom_html)
        case Kept():
            return value
        case _:
            raise InvalidConfiguration([Problem("", "unknown kind of object")])


def audience_of(id: str) -> Audience:
    """The AUD tag of an application that was not given one: fixed by its id."""
    return Audience(hashlib.sha256(f"lychgate audience {id}".encode()).hexdigest())


def client_id_of(id: str) -> str:
    """The client id of a service token that was not given one: fixed by its id."""
    return hashlib.sha256(f"lychgate client {id}".encode()).hexdigest()[:32] + ".access"


def _rules(bodies: list[dict[str, Any]]) -> tuple[Rule, ...]:
    return tuple(Rule(kind, value) for body in bodies for kind, value in body.items())


def _organization(id: str, value: OrganizationBody) -> Organization:
    design = value.login_design
    pages = value.custom_pages
    return Organization(
        name=value.name or "Lychgate",
        account_id=id,
        session_duration=duration(value.session_duration) if value.session_duration else DAY,
        auto_redirect_to_identity=value.auto_redirect_to_identity,
        login_design=LoginDesign(**design.model_dump()) if design else LoginDesign(),
        deny_unmatched_requests=value.deny_unmatched_requests,
        exempted_hosts=tuple(
            name.lower() for name in value.deny_unmatched_requests_exempted_zone_names
        ),
        strict_service_tokens=value.strict_service_token_auth,
        identity_denied_page=(pages and pages.identity_denied) or "",
        forbidden_page=(pages and pages.forbidden) or "",
        zero_hop=value.zero_hop,
    )


def _policy(id: str, value: PolicyBody, changed: datetime) -> Policy:
    return Policy(
        id=PolicyId(id),
        name=value.name,
        action=value.decision,
        include=_rules(value.include),
        require=_rules(value.require),
        exclude=_rules(value.exclude),
        session_duration=duration(value.session_duration) if value.session_duration else None,
        purpose_required=value.purpose_justification_required,
        purpose_prompt=value.purpose_justification_prompt or "",
        approval_required=value.approval_required,
        approval_groups=tuple(
            ApprovalGroup(
                group.approvals_needed,
                tuple(address.lower() for address in group.email_addresses),
                ListId(group.email_list_uuid) if group.email_list_uuid else None,
            )
            for group in value.approval_groups
        ),
        reusable=value.reusable,
        rules_changed_at=changed,
    )


def _service_token(id: str, value: ServiceTokenBody) -> ServiceToken:
    previous = value.previous_client_secret_hash
    previous_end = value.previous_client_secret_expires_at
    return ServiceToken(
        id=TokenId(id),
        name=value.name,
        client_id=value.client_id or client_id_of(id),
        secret_hash=bytes.fromhex(value.client_secret_hash or ""),
        expires_at=_time(value.expires_at) or FOREVER,
        enabled=value.enabled,
        previous_secret_hash=bytes.fromhex(previous) if previous else None,
        previous_expires_at=_time(previous_end),
    )


def _time(text: str | None) -> datetime | None:
    return parse_time(text) if text else None


def _application(id: str, value: ApplicationBody, changed: datetime) -> Application:
    session = value.session_duration
    common = Application(
        id=AppId(id),
        audience=Audience(value.aud) if value.aud else audience_of(id),
        name=value.name,
        type=AppType(value.type),
        policies=_links(value),
        session_duration=duration(session) if session else DAY,
        allowed_idps=tuple(IdpId(idp) for idp in value.allowed_idps),
        auto_redirect_to_identity=value.auto_redirect_to_identity,
        zero_hop=value.zero_hop,
        logo_url=value.logo_url or "",
        launcher_visible=value.app_launcher_visible,
        custom_pages=tuple(value.custom_pages),
        rules_changed_at=changed,
        domain=getattr(value, "domain", None) or "",
        deny=_deny(value),
        saas=value.saas_app.client(id) if isinstance(value, SaasApplicationBody) else None,
    )
    return _reachable(common, value) if isinstance(value, ReachableBody) else common


def _links(value: ApplicationBody) -> tuple[PolicyId, ...]:
    """The policies by ascending precedence; a stored body holds links only."""
    ordered = sorted(zip(precedences(value.policies), value.policies, strict=True), key=_first)
    return tuple(PolicyId(policy.id) for _, policy in ordered if policy.id is not None)


def _first(pair: tuple[int, Any]) -> int:
    return pair[0]


def _deny(value: ApplicationBody) -> DenySettings:
    if not isinstance(value, ReachableBody | LauncherApplicationBody | WarpApplicationBody):
        return DenySettings()
    return DenySettings(
        message=value.custom_deny_message or "",
        url=value.custom_deny_url or "",
        non_identity_url=value.custom_non_identity_deny_url or "",
    )


def _reachable(common: Application, value: ReachableBody) -> Application:
    places = value.places()
    found = [place.destination() for place in places]
    destinations = tuple(one for one in found if one is not None)
    header = value.read_service_tokens_from_header
    oauth, cors = value.oauth_configuration, value.cors_headers
    return replace(
        common,
        destinations=destinations,
        domain=value.domain or next((place.uri for place in places if place.uri), ""),
        cookie=_cookie(value, len(destinations)),
        cors=cors.cors() if cors else None,
        options_preflight_bypass=value.options_preflight_bypass,
        service_auth_401=value.service_auth_401_redirect,
        service_token_header=header.lower() if header else None,
        skip_interstitial=value.skip_interstitial,
        oauth=oauth.managed() if oauth else None,
        allow_encoded_slash=value.allow_encoded_slash,
        cookie_for_origin=value.cookie_for_origin,
    )


def _cookie(value: ReachableBody, destinations: int) -> CookieSettings:
    eager = value.eager_redirect_cookie_setting
    return CookieSettings(
        same_site=value.same_site_cookie_attribute or SameSite.LAX,
        http_only=value.http_only_cookie_attribute,
        binding=value.enable_binding_cookie,
        path=value.path_cookie_attribute,
        eager=(1 < destinations <= 5) if eager is None else eager,
    )
