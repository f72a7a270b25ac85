"""Which bearer token of ours a request presents; any other Authorization is the origin's."""

from lychgate.core.keys import Keyring
from lychgate.core.request import Request
from lychgate.core.session import OAUTH_PREFIX


class Garbled:
    """Several Authorization headers, one of which holds a token of ours."""


GARBLED = Garbled()


def bearer(request: Request, keyring: Keyring) -> str | Garbled | None:
    """The text of our token in the Authorization header (RFC 6750 2.1); None: there is none."""
    values = request.headers.get("authorization")
    if values is None:
        return None
    if len(values) == 1:
        text = _credentials(values[0])
        return text if text is not None and _is_ours(text, keyring) else None
    return GARBLED if any(is_our_bearer(value, keyring) for value in values) else None


def is_our_bearer(value: str, keyring: Keyring) -> bool:
    """Whether an Authorization value is a token we issued, and so must not reach the origin."""
    text = _credentials(value)
    return text is not None and _is_ours(text, keyring)


def _is_ours(text: str, keyring: Keyring) -> bool:
    if text.startswith(OAUTH_PREFIX):
        return True
    key, dot, _ = text.partition(".")
    return bool(dot) and any(key == one.id for one in keyring.sealing)


def presents_managed(request: Request) -> bool:
    """Whether the request carries a managed OAuth token, good or bad."""
    texts = map(_credentials, request.headers.get("authorization", ()))
    return any(text is not None and text.startswith(OAUTH_PREFIX) for text in texts)


def _credentials(value: str) -> str | None:
    scheme, space, rest = value.partition(" ")
    return rest.strip(" ") if space and scheme.lower() == "bearer" else None
