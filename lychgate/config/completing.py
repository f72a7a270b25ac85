"""What the store keeps of an object of the file besides what the file says of it."""

from collections.abc import Mapping
from typing import Any

from lychgate.api import audience_of, client_id_of
from lychgate.api.saas import to_keep
from lychgate.config.resources import FileObject

SECRET_OF_TOKENS = (
    "client_secret_hash",
    "client_secret_version",
    "previous_client_secret_hash",
    "previous_client_secret_expires_at",
    "expires_at",
)
"""What the command line or the API makes of a service token; the file need not repeat it."""
_OF_SAAS = ("client_id", "client_secret_hash")


def completed(one: FileObject, before: Mapping[str, Any]) -> dict[str, Any]:
    """The whole body, where `before` is the one that is stored; empty for none."""
    body = dict(one.body)
    match one.kind:
        case "application":
            body.setdefault("aud", before.get("aud") or audience_of(one.id))
            if "saas_app" in body:
                kept = _some(before.get("saas_app") or {}, _OF_SAAS)
                body["saas_app"] = to_keep(one.id, {**kept, **body["saas_app"]})
        case "service_token":
            body = {**_some(before, (*SECRET_OF_TOKENS, "client_id")), **body}
            body.setdefault("client_id", client_id_of(one.id))
        case "policy":
            body.setdefault("reusable", True)
    return body


def _some(body: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: body[name] for name in names if name in body}
