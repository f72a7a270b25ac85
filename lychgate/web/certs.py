"""The public keys that verify our tokens, as JWKs (RFC 7517) and as certificates."""

from lychgate.core.keys import SigningKey, jwks
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


def _certificate(key: SigningKey) -> dict[str, str]:
    return {"kid": key.kid, "cert": key.certificate_pem}
