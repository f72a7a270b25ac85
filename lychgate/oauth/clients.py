"""Who an OAuth client is: dynamic registration (RFC 7591), and what is known of a client later."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from lychgate.core.metadata import DEVICE_GRANT
from lychgate.core.model import ManagedOAuth
from lychgate.core.snapshot import Snapshot
from lychgate.oauth.errors import (
    AccessDenied,
    InvalidClientMetadata,
    InvalidRedirectUri,
    UnapprovedSoftwareStatement,
)
from lychgate.oauth.redirects import RedirectUri, allowed, read_redirect
from lychgate.oauth.tokens import digest
from lychgate.store.oauthbase import Client

UNUSED_LIFE = timedelta(hours=24)
"""How long a registration waits for its first use."""
CODE_GRANT = "authorization_code"
REFRESH_GRANT = "refresh_token"
GRANT_TYPES = (CODE_GRANT, REFRESH_GRANT, DEVICE_GRANT)
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
MOST_URIS = 20
_LONGEST_TEXT = 200
_LONGEST_LINK = 2048
_TEXTS = ("client_name", "software_id", "software_version", "application_type")
_LINKS = ("client_uri", "logo_uri", "tos_uri", "policy_uri")
_DISGUISE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class Registration:
    """What a client says of itself, checked."""

    redirect_uris: tuple[RedirectUri, ...]
    auth_method: str
    grant_types: tuple[str, ...]
    extra: Mapping[str, str]

    def told(self) -> dict[str, Any]:
        """All registered values, as the client is told (RFC 7591 3.2.1)."""
        return {
            **self.extra,
            "redirect_uris": [uri.text for uri in self.redirect_uris],
            "token_endpoint_auth_method": self.auth_method,
            "grant_types": list(self.grant_types),
            "response_types": ["code"] if CODE_GRANT in self.grant_types else [],
        }


@dataclass(frozen=True, slots=True)
class KnownClient:
    """A client, registered here or described by its own metadata document."""

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...] = (CODE_GRANT, REFRESH_GRANT)
    secret_hash: bytes | None = field(default=None, repr=False)

    @property
    def localhost_only(self) -> bool:
        """Whether any program on the visitor's machine could pass for it."""
        uris = [read_redirect(text) for text in self.redirect_uris]
        return all(uri is not None and uri.local for uri in uris)


def open_rules(snapshot: Snapshot) -> list[ManagedOAuth]:
    """The rules of every application that takes clients which register themselves."""
    rules = (app.app.oauth for app in snapshot.apps.values())
    return [rule for rule in rules if rule is not None and rule.registration]


def read_registration(body: bytes) -> Registration:
    """The registration in a request's body."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidClientMetadata("the body is not a JSON document") from None
    if not isinstance(document, dict):
        raise InvalidClientMetadata("the body is not a JSON object")
    return check_metadata(document)


def check_metadata(document: Mapping[str, Any]) -> Registration:
    """The metadata of a client (RFC 7591 2); members we do not know are ignored."""
    if document.get("software_statement") is not None:
        raise UnapprovedSoftwareStatement("software statements are not accepted")
    method = _text(document, "token_endpoint_auth_method") or "client_secret_basic"
    if method not in AUTH_METHODS:
        methods = ", ".join(AUTH_METHODS)
        raise InvalidClientMetadata(f"token_endpoint_auth_method must be one of {methods}")
    grants = _grant_types(document)
    types = _texts(document, "response_types")
    if types and CODE_GRANT in grants and "code" not in types:
        raise InvalidClientMetadata("response_types must contain code")
    extra = {name: text for name in _TEXTS if (text := _text(document, name))}
    extra |= {name: link for name in _LINKS if (link := _link(document, name))}
    return Registration(_redirects(document, grants), method, grants, extra)


def _grant_types(document: Mapping[str, Any]) -> tuple[str, ...]:
    asked = _texts(document, "grant_types") or (CODE_GRANT,)
    known = tuple(grant for grant in GRANT_TYPES if grant in asked)
    if CODE_GRANT not in known and DEVICE_GRANT not in known:
        raise InvalidClientMetadata(f"grant_types must contain {CODE_GRANT}")
    return known


def _redirects(document: Mapping[str, Any], grants: tuple[str, ...]) -> tuple[RedirectUri, ...]:
    value = document.get("redirect_uris")
    if value is None and CODE_GRANT not in grants:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidRedirectUri("redirect_uris must be a list of URIs")
    if not value and CODE_GRANT in grants:
        raise InvalidRedirectUri("redirect_uris must name at least one URI")
    if len(value) > MOST_URIS:
        raise InvalidClientMetadata(f"redirect_uris may name at most {MOST_URIS} URIs")
    read = [read_redirect(one) for one in value]
    good = tuple(uri for uri in read if uri is not None)
    if len(good) != len(read):
        raise InvalidRedirectUri("a redirect_uri is malformed, or of a kind no client can have")
    return good


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise InvalidClientMetadata(f"{name} must be a text of at most {_LONGEST_TEXT} characters")
    return " ".join(_DISGUISE.sub(" ", value).split())


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = document.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidClientMetadata(f"{name} must be a list of texts")
    return tuple(value)


def _link(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_LINK or not _is_web(value):
        raise InvalidClientMetadata(f"{name} must be an http or https URL")
    return value


def _is_web(text: str) -> bool:
    uri = read_redirect(text.partition("#")[0])
    try:
        return uri is not None and urlsplit(text).scheme in ("http", "https")
    except ValueError:
        return False


def check_allowed(registration: Registration, rules: Iterable[ManagedOAuth]) -> None:
    """Refuse a registration with a redirect URI that no application takes."""
    open_ones = list(rules)
    if not open_ones:
        raise AccessDenied("no application here takes clients that register themselves")
    for uri in registration.redirect_uris:
        if not any(allowed(uri, rule) for rule in open_ones):
            text = "redirect_uri is not allowed by the account configuration"
            raise InvalidClientMetadata(text)


def new_client(registration: Registration, id: str, secret: str, now: datetime) -> Client:
    """The client to keep; `secret` counts only for those that want one."""
    public = registration.auth_method == "none"
    return Client(
        id=id,
        secret_hash=None if public else digest(secret),
        metadata=registration.told(),
        created_at=now,
        expires_at=now + UNUSED_LIFE,
    )


def registered_answer(client: Client, secret: str) -> dict[str, Any]:
    """What a client is told once: its id, its secret if it has one, and what was registered."""
    answer: dict[str, Any] = {
        "client_id": client.id,
        "client_id_issued_at": int(client.created_at.timestamp()),
        **client.metadata,
    }
    if client.secret_hash is not None:
        answer |= {"client_secret": secret, "client_secret_expires_at": 0}
    return answer


def known(client: Client) -> KnownClient:
    """What a registered client is to the other endpoints."""
    return KnownClient(
        id=client.id,
        name=client.metadata.get("client_name") or "A client without a name",
        redirect_uris=tuple(client.metadata["redirect_uris"]),
        grant_types=tuple(client.metadata["grant_types"]),
        secret_hash=client.secret_hash,
    )
