"""What a demo origin received: the only thing it knows about its visitor.

The claims are read without checking their signature: these origins listen on loopback, where
only the gate speaks to them. A real origin checks it against `/cdn-cgi/access/certs`.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lychgate.core.urls import ASSERTION

_TIMES = ("iat", "nbf", "exp", "auth_time")


@dataclass(frozen=True, slots=True)
class Received:
    """One request as the origin saw it; names of headers are lower case, copies are joined."""

    app: str
    method: str
    host: str
    path: str
    """The target as it came: path, and query if there was one."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def claims(self) -> Mapping[str, Any]:
        """The claims of the assertion; empty when there is none."""
        return claims_of(self.headers.get(ASSERTION, ""))

    @property
    def email(self) -> str | None:
        """Who the assertion says the visitor is; None: nobody, or a machine."""
        email = self.claims.get("email")
        return email if isinstance(email, str) and email else None

    def document(self) -> dict[str, Any]:
        """The JSON a program gets."""
        return {
            "app": self.app,
            "method": self.method,
            "host": self.host,
            "path": self.path,
            "headers": dict(self.headers),
            "email": self.email,
        }

    def claim_rows(self) -> list[tuple[str, str]]:
        """The claims as people read them, times spelled out."""
        return [(name, _readable(name, value)) for name, value in self.claims.items()]


def join_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers of a request; several of one name become one, as HTTP joins them."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        separator = "; " if name == "cookie" else ", "
        joined[name] = f"{joined[name]}{separator}{value}" if name in joined else value
    return joined


def claims_of(token: str) -> Mapping[str, Any]:
    """The claims in a JSON Web Token, unchecked; empty when it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        text = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _readable(name: str, value: object) -> str:
    if name in _TIMES and isinstance(value, int) and 0 < value < 1 << 40:
        return f"{value} ({datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
