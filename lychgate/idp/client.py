"""Who we are at a provider, and where it is: the parsed `config` of an identity provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from lychgate.core.model import IdentityProvider


class ClientAuth(StrEnum):
    """How the secret travels to the token endpoint."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"


class Unconfigured(Exception):
    """A provider whose settings cannot lead to a login; the message names the setting."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider's parts are; empty: not known."""

    authorization: str = ""
    token: str = ""
    keys: str = ""
    user_info: str = ""
    issuer: str = ""
    discovery: str = ""
    api: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """The settings of one provider, read once."""

    name: str
    """What the visitor knows the provider by."""
    client_id: str
    secret: str = field(repr=False)
    endpoints: Endpoints
    scopes: tuple[str, ...]
    claims: tuple[str, ...] = ()
    email_claim: str = "email"
    pkce: bool | None = None
    """None: when the provider advertises it."""
    client_auth: ClientAuth | None = None
    """None: Basic, unless the provider's metadata lacks it."""
    verified_email_only: bool = False


def parse(idp: IdentityProvider, secret: str | None, preset: Endpoints, defaults: Client) -> Client:
    """Read a provider's `config`; what it does not set comes from the preset.

    Raises `Unconfigured` when a value is missing or of the wrong kind.
    """
    config = idp.config
    pkce = flag(config, "pkce_enabled")
    verified = flag(config, "require_email_verified")
    method = text(config, "token_endpoint_auth_method")
    if method not in ("", *ClientAuth):
        raise Unconfigured("`token_endpoint_auth_method` is client_secret_basic or _post")
    return replace(
        defaults,
        name=idp.name or idp.type,
        client_id=required(config, "client_id"),
        secret=secret or "",
        endpoints=_overridden(config, preset),
        scopes=texts(config, "scopes") or defaults.scopes,
        claims=texts(config, "claims"),
        email_claim=text(config, "email_claim_name") or defaults.email_claim,
        # A client without a secret has nothing else that ties the code to it (RFC 9700 2.1.1).
        pkce=True if not secret else defaults.pkce if pkce is None else pkce,
        client_auth=ClientAuth(method) if method else defaults.client_auth,
        verified_email_only=defaults.verified_email_only if verified is None else verified,
    )


def blank(scopes: tuple[str, ...]) -> Client:
    """The defaults of a provider before its own settings are read."""
    return Client(name="", client_id="", secret="", endpoints=Endpoints(), scopes=scopes)


def _overridden(config: Mapping[str, Any], preset: Endpoints) -> Endpoints:
    return Endpoints(
        authorization=url(config, "auth_url") or preset.authorization,
        token=url(config, "token_url") or preset.token,
        keys=url(config, "certs_url") or preset.keys,
        user_info=url(config, "userinfo_url") or preset.user_info,
        issuer=text(config, "issuer") or preset.issuer,
        discovery=url(config, "discovery_url") or preset.discovery,
        api=(url(config, "api_url") or preset.api).rstrip("/"),
    )


def text(config: Mapping[str, Any], key: str) -> str:
    """A text setting; empty when it is absent."""
    value = config.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unconfigured(f"`{key}` is not a text")
    return value.strip()


def required(config: Mapping[str, Any], key: str) -> str:
    """A text setting that has to be there."""
    value = text(config, key)
    if not value:
        raise Unconfigured(f"`{key}` is missing")
    return value


def url(config: Mapping[str, Any], key: str) -> str:
    """A URL setting; empty when it is absent."""
    value = text(config, key)
    if value and not origin(value):
        raise Unconfigured(f"`{key}` is not an http or https url")
    return value


def texts(config: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A list setting; empty when it is absent."""
    value = config.get(key)
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise Unconfigured(f"`{key}` is not a list of texts")
    return tuple(value)


def flag(config: Mapping[str, Any], key: str) -> bool | None:
    """A switch; None when it is absent."""
    value = config.get(key)
    if value is not None and not isinstance(value, bool):
        raise Unconfigured(f"`{key}` is not true or false")
    return value


def origin(target: str) -> str:
    """Scheme, host and port of a URL, for comparing; empty when it has none."""
    try:
        parts = urlsplit(target)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port or (443 if parts.scheme == 'https' else 80)}"
