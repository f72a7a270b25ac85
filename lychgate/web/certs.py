"""The public keys that verify our tokens, as JWKs (RFC 7517) and as certificates."""

import base64
from datetime import datetime
from typing import Any

from lychgate.core.keys import Keyring, SigningKey
from lychgate.web.reply import Reply, json_reply
from lychgate.web.request import WebRequest
from lychgate.web.services import Services

PUBLIC = (("access-control-allow-origin", "*"), ("cache-control", "public, max-age=60"))
"""Headers of a document that any page may read and anybody may keep for a minute."""


def certs(request: WebRequest, services: Services) -> Reply:
    """GET certs: every key whose signatures count, the coming one included."""
    now = services.clock()
    keyring = services.current().keyring
    document = {
        "keys": jwks(keyring, now),
        "public_cert": _certificate(keyring.current(now)),
        "public_certs": [_certificate(key) for key in keyring.usable(now)],
    }
    return json_reply(200, document, PUBLIC)


def jwks(keyring: Keyring, now: datetime) -> list[dict[str, Any]]:
    """The keys of a JSON Web Key Set, oldest first."""
    return [_jwk(key) for key in keyring.usable(now)]


def _jwk(key: SigningKey) -> dict[str, Any]:
    numbers = key.private.public_key().public_numbers()
    return {
        "kid": key.kid,
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "e": _number(numbers.e),
        "n": _number(numbers.n),
    }


def _certificate(key: SigningKey) -> dict[str, str]:
    return {"kid": key.kid, "cert": key.certificate_pem}


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
