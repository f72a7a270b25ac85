"""API tokens: how one is made, and who a call is from."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lychgate.admin.refusals import (
    malformed_credentials,
    no_credentials,
    not_authenticated,
)
from lychgate.store.base import ApiToken, ApiTokens

_PREFIX = "lga_"
_MOST = 200

type Headers = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token's secret, shown once, and what is kept of it."""

    secret: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """What is kept."""
        return digest_of(self.secret)


def new_token(random: Callable[[int], bytes]) -> NewToken:
    """A fresh token of 256 bits."""
    return NewToken(_PREFIX + base64.urlsafe_b64encode(random(32)).rstrip(b"=").decode())


def digest_of(secret: str) -> bytes:
    """The hash under which a token is kept; its entropy needs no more than that."""
    return hashlib.sha256(secret.encode(errors="replace")).digest()


def is_good(token: ApiToken, now: datetime) -> bool:
    """Whether a token is neither over nor revoked."""
    return token.revoked_at is None and (token.expires_at is None or now < token.expires_at)


def authenticate(headers: Headers, tokens: ApiTokens, now: datetime) -> ApiToken:
    """The token a call presents; raises Refused. Cookies and the query are never looked at."""
    email, key = _one(headers, "x-auth-email"), _one(headers, "x-auth-key")
    if key and email:
        token = _known(key, tokens, now)
        if not token.email or token.email.lower() != email.strip().lower():
            raise not_authenticated()
        return token
    authorization = _one(headers, "authorization")
    if not authorization:
        raise no_credentials()
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer" or not secret or secret.strip() != secret or " " in secret:
        raise malformed_credentials()
    return _known(secret, tokens, now)


def _known(secret: str, tokens: ApiTokens, now: datetime) -> ApiToken:
    token = tokens.by_digest(digest_of(secret)) if len(secret) <= _MOST else None
    if token is None or not is_good(token, now):
        raise not_authenticated()
    return token


def _one(headers: Headers, name: str) -> str:
    values = headers.get(name, ())
    if len(values) > 1:
        raise malformed_credentials()
    return values[0] if values else ""
