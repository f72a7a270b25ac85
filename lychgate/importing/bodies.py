"""Turns an answered body into one that can be stored here, and says what is lost on the way."""

from collections.abc import Iterator, Mapping
from typing import Any

from lychgate.api import parse_body
from lychgate.api.base import wire
from lychgate.errors import InvalidConfiguration

_COMPUTED = frozenset(
    {"id", "uid", "created_at", "updated_at", "created_by", "modified_at", "modified_by"}
    | {"app_count", "reusable", "read_only", "precedence", "redirect_url", "self_hosted_domains"}
    | {"count", "last_seen_at", "scim_base_url", "public_key", "idp_entity_id", "sso_endpoint"}
    | {"fingerprint", "expires_on", "saml_certificate_set", "client_secret", "domain_type"}
    | {"tools", "prompts", "status", "error", "error_details", "authentication_status"}
    | {"auth_config_summary", "last_synced", "last_successful_sync", "resource_id", "source"}
)
"""Members that are computed there, or say the same as another."""
_EMPTY: tuple[Any, ...] = (None, "", [], {}, False)

type Body = dict[str, Any]


class Unfit(Exception):
    """A body that cannot be stored here; the message says why."""


def fit(kind: str, raw: Mapping[str, Any]) -> Body:
    """The stored form of a body; raises Unfit."""
    try:
        body = wire(parse_body(kind, dense(raw)))
    except InvalidConfiguration as error:
        raise Unfit("; ".join(dict.fromkeys(one.message for one in error.problems))) from None
    return body


def lost(raw: Any, kept: Any, path: str = "") -> Iterator[str]:
    """The members of an answer that mean something there and are not kept here."""
    if isinstance(raw, Mapping) and isinstance(kept, Mapping):
        for name, value in raw.items():
            here = f"{path}{name}"
            if name in kept:
                yield from lost(value, kept[name], f"{here}.")
            elif name not in _COMPUTED and _says_something(value):
                yield here


def _says_something(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_says_something(inner) for inner in value.values())
    return value not in _EMPTY


def dense(value: Any) -> Any:
    """The value without members that are null."""
    if isinstance(value, Mapping):
        return {name: dense(inner) for name, inner in value.items() if inner is not None}
    return [dense(inner) for inner in value] if isinstance(value, list) else value
