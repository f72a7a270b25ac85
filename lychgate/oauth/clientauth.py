"""Which client calls the token endpoint, and whether it proves it (RFC 6749 2.3)."""

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import unquote_plus

from lychgate.oauth.clients import KnownClient, known
from lychgate.oauth.documents import is_document_url
from lychgate.oauth.errors import InvalidClient, InvalidRequest
from lychgate.oauth.tokens import digest
from lychgate.store.oauthbase import Clients


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client presented; `secret` is None when it sent none."""

    id: str
    secret: str | None = field(default=None, repr=False)


def credentials(authorization: tuple[str, ...], id: str, secret: str) -> Credentials:
    """The client's credentials from the Authorization header or the form, never from both."""
    if len(authorization) > 1:
        raise InvalidRequest("there are several Authorization headers")
    if not authorization:
        if not id:
            raise InvalidClient("client_id is missing")
        return Credentials(id, secret or None)
    basic = _basic(authorization[0])
    if secret:
        raise InvalidRequest("the client authenticates in two ways at once")
    if id and id != basic.id:
        raise InvalidRequest("client_id is not the one of the Authorization header")
    return basic


def _basic(header: str) -> Credentials:
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("clients authenticate with Basic, in the form, or not at all")
    try:
        pair = base64.b64decode(text.strip(" "), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidClient("the Authorization header cannot be read") from None
    id, colon, secret = pair.partition(":")
    if not colon or not id:
        raise InvalidClient("the Authorization header cannot be read")
    # Both halves are form-encoded before they are joined (2.3.1).
    return Credentials(unquote_plus(id), unquote_plus(secret) or None)


def authenticate(presented: Credentials, clients: Clients, now: datetime) -> KnownClient:
    """The client, or `InvalidClient`.

    A client that is known by its metadata document has no secret; what it holds was bound to
    its address when a person allowed it.
    """
    if is_document_url(presented.id) and presented.secret is None:
        return KnownClient(presented.id, presented.id, ())
    found = clients.get(presented.id, now)
    stored = found.secret_hash if found else None
    if found is None:
        raise InvalidClient("this client is not registered here, or not any more")
    if stored is None and presented.secret is None:
        return known(found)
    if stored is None or presented.secret is None:
        raise InvalidClient("the client did not authenticate the way it registered")
    if not hmac.compare_digest(digest(presented.secret), stored):
        raise InvalidClient("the client secret is wrong")
    return known(found)
