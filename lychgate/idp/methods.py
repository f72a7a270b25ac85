"""Which login methods there are, and the one place that keeps them between requests."""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lychgate.core.model import IdentityProvider, IdpId
from lychgate.idp import client, entra, github, google, oidc, okta
from lychgate.idp.base import Attempt, Failure, LoginFailed, LoginMethod, Profile, Redirection
from lychgate.idp.failures import failed
from lychgate.outbound import Outbound

PIN_TYPE: Final = "onetimepin"
"""The type that is a form of our own instead of a redirection; see `onetimepin.py`."""

type Build = Callable[[IdentityProvider, str | None], LoginMethod]


def generic(idp: IdentityProvider, secret: str | None) -> LoginMethod:
    """Any OpenID provider."""
    defaults = client.blank(("openid", "email", "profile"))
    return oidc.Oidc(client.parse(idp, secret, client.Endpoints(), defaults))


METHODS: Mapping[str, Build] = {
    "oidc": generic,
    "github": github.github,
    "google": google.google,
    "google-apps": google.google_apps,
    "okta": okta.okta,
    "azureAD": entra.entra,
}
"""Every type the visitor is sent away to, by its wire name."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A provider that nobody can log in with; it says so instead of stopping the process."""

    failure: LoginFailed

    def begin(self, attempt: Attempt, http: Outbound, now: datetime) -> Redirection | LoginFailed:
        """Say why not."""
        return self.failure

    def finish(
        self, attempt: Attempt, answer: Mapping[str, str], http: Outbound, now: datetime
    ) -> Profile | LoginFailed:
        """Say why not."""
        return self.failure


def method_for(idp: IdentityProvider, secret: str | None) -> LoginMethod:
    """The login method of a provider; its settings are judged here, the network is not touched."""
    build = METHODS.get(idp.type)
    name = idp.name or idp.type
    if build is None:
        return Unusable(failed(name, Failure.CONFIGURATION, f"no login by type `{idp.type}`"))
    try:
        return build(idp, secret)
    except client.Unconfigured as error:
        return Unusable(failed(name, Failure.CONFIGURATION, str(error)))


def issuer_pin(idp: IdentityProvider) -> str:
    """The name under which the issuer of a provider's first good login is to be kept.

    It changes with whatever could change the issuer, so that no stale one is compared.
    """
    keys = ("type", "auth_url", "token_url", "certs_url", "discovery_url", "issuer", "client_id")
    values = [idp.type, *(str(idp.config.get(key) or "") for key in keys[1:])]
    return hashlib.sha256("\n".join((idp.id, *values)).encode()).hexdigest()[:32]


class LoginMethods:
    """The methods in use, with the keys and metadata they have fetched; shared between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[IdpId, tuple[IdentityProvider, str | None, LoginMethod]] = {}

    def get(self, idp: IdentityProvider, secret: str | None) -> LoginMethod:
        """The method of a provider, a new one when its settings have changed."""
        with self._lock:
            kept = self._kept.get(idp.id)
            if kept is not None and kept[0] == idp and kept[1] == secret:
                return kept[2]
            method = method_for(idp, secret)
            self._kept[idp.id] = (idp, secret, method)
            return method
