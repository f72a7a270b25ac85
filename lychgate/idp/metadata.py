"""A provider's discovery document (OpenID Connect Discovery 1.0): read, kept, kept when down."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lychgate.idp import answers
from lychgate.idp.base import Failure, LoginFailed
from lychgate.idp.client import Endpoints, origin
from lychgate.idp.shared import Shared
from lychgate.outbound import Outbound, Reply

FRESH = timedelta(hours=1)
SUFFIX = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a discovery document says, as far as it matters here."""

    endpoints: Endpoints
    pkce: bool
    post_only: bool
    """The token endpoint takes the secret in the body, and not by Basic."""
    sends_issuer: bool
    """Every callback carries `iss` (RFC 9207)."""


NOTHING = Metadata(Endpoints(), pkce=False, post_only=False, sends_issuer=False)
"""There is no discovery document."""


class Discovery:
    """The discovery document behind one URL; shared between threads."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._asking: Shared[Metadata | LoginFailed] = Shared()
        self._kept: dict[str, tuple[datetime, Metadata]] = {}

    def load(self, url: str, http: Outbound, now: datetime) -> Metadata | LoginFailed:
        """The document, from memory while it is fresh and whenever the provider is down."""
        kept = self._kept.get(url)
        if kept is not None and (now - kept[0] < FRESH or self._asking.busy):
            return kept[1]
        found = self._asking.ask(url, lambda: self._fetch(url, http))
        if isinstance(found, LoginFailed):
            return kept[1] if kept is not None else found
        self._kept = {url: (now, found)}
        return found

    def _fetch(self, url: str, http: Outbound) -> Metadata | LoginFailed:
        reply = answers.get(http, url)
        if isinstance(reply, Reply) and reply.status in (404, 410):
            return NOTHING
        document = answers.read(reply, self._name, Failure.BAD_ANSWER)
        return document if isinstance(document, LoginFailed) else _read(document)


def of_issuer(issuer: str, token_url: str) -> str:
    """Where an issuer's document is; empty unless it lives where the token endpoint does.

    The issuer was found inside a token: it may not send us anywhere an administrator did not.
    """
    if not origin(issuer) or origin(issuer) != origin(token_url):
        return ""
    return issuer.rstrip("/") + SUFFIX


def _read(document: Mapping[str, Any]) -> Metadata:
    methods = document.get("token_endpoint_auth_methods_supported")
    challenges = document.get("code_challenge_methods_supported")
    listed = methods if isinstance(methods, list) else ["client_secret_basic"]
    return Metadata(
        Endpoints(
            authorization=_url(document, "authorization_endpoint"),
            token=_url(document, "token_endpoint"),
            keys=_url(document, "jwks_uri"),
            user_info=_url(document, "userinfo_endpoint"),
            issuer=_text(document, "issuer"),
        ),
        pkce=isinstance(challenges, list) and "S256" in challenges,
        post_only="client_secret_post" in listed and "client_secret_basic" not in listed,
        sends_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _url(document: Mapping[str, Any], name: str) -> str:
    value = _text(document, name)
    return value if origin(value) else ""
