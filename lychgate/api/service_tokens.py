"""The wire shape of service tokens, and what the store keeps of their secrets."""

import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from lychgate.api.base import Flag, Name, Time, Wire
from lychgate.core.durations import parse_duration

_SECRET = re.compile(r"[A-Za-z0-9_-]{40,200}")
_SHA256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


def _lifetime(text: str) -> str:
    if text == "forever":
        return text
    life = parse_duration(text)
    if life is None:
        raise ValueError(f"`{text[:40]}` is neither `forever` nor a duration such as `8760h`")
    if life <= timedelta():
        raise ValueError(f"`{text[:40]}` must be more than nothing")
    return text


Lifetime = Annotated[str, AfterValidator(_lifetime)]


class ServiceTokenBody(Wire):
    """A service token. Hashes are the SHA-256 of the secret, in hex, and are never given out."""

    name: Name
    duration: Lifetime | None = None
    enabled: Flag = True
    client_id: Annotated[str, Field(pattern="^[A-Za-z0-9._-]{8,200}$")] | None = None
    client_secret_version: Annotated[int, Field(ge=1, le=2**31)] = 1
    expires_at: Time | None = None
    previous_client_secret_expires_at: Time | None = None
    client_secret_hash: _SHA256 | None = None
    previous_client_secret_hash: _SHA256 | None = None


def _secret(text: str) -> str:
    if not _SECRET.fullmatch(text):
        raise ValueError("must be 40 to 200 letters, digits, `-` and `_`")
    return text


class ServiceTokenInFile(ServiceTokenBody):
    """A service token of the file, which may bring a secret that its machine holds already."""

    client_secret: Annotated[str, AfterValidator(_secret)] | None = None


def hash_secret(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def with_hash(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the hash of its `client_secret` in place of it."""
    kept = dict(body)
    secret = kept.pop("client_secret", None)
    return kept if secret is None else {**kept, "client_secret_hash": hash_secret(secret)}
