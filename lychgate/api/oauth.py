"""The wire shape of managed OAuth (`oauth_configuration`) on an application."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from lychgate.api.base import Duration, Flag, Name, Wire, duration
from lychgate.core.model import ManagedOAuth

_NEVER = frozenset({"javascript", "data", "file", "vbscript", "about", "blob"})


def _redirect_uri(text: str) -> str:
    shown = text[:80]
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise ValueError(f"`{shown}` is not a URL") from error
    if not parts.scheme or parts.scheme in _NEVER or "#" in text or "\\" in text:
        raise ValueError(f"`{shown}` is not a redirect URI that can be allowed")
    if parts.scheme in {"http", "https"} and not parts.hostname:
        raise ValueError(f"`{shown}` names no host")
    if "@" in parts.netloc or not text.isascii() or " " in text:
        raise ValueError(f"`{shown}` is not a redirect URI that can be allowed")
    stars = text.count("*")
    subpaths = parts.scheme in {"http", "https"} and parts.path.endswith("/*") and not parts.query
    if stars and not (stars == 1 and subpaths):
        raise ValueError(f"`{shown}` may have a star only as `/*` at the end of its path")
    return text


RedirectUri = Annotated[Name, AfterValidator(_redirect_uri)]


class RegistrationBody(Wire):
    """Which clients may register themselves."""

    enabled: Flag = True
    allow_any_on_localhost: Flag = True
    allow_any_on_loopback: Flag = True
    allowed_uris: Annotated[list[RedirectUri], Field(max_length=1000)] = Field(default_factory=list)


class GrantBody(Wire):
    """How long what is granted lasts."""

    access_token_lifetime: Duration | None = None
    session_duration: Duration | None = None


class OAuthBody(Wire):
    """Managed OAuth."""

    enabled: Flag = True
    dynamic_client_registration: RegistrationBody = RegistrationBody()
    grant: GrantBody = GrantBody()
    device_flow: Flag = False

    def managed(self) -> ManagedOAuth | None:
        """The core's value; None while it is switched off."""
        if not self.enabled:
            return None
        registration, grant = self.dynamic_client_registration, self.grant
        lifetime, session = grant.access_token_lifetime, grant.session_duration
        return ManagedOAuth(
            registration=registration.enabled,
            any_localhost=registration.allow_any_on_localhost,
            any_loopback=registration.allow_any_on_loopback,
            allowed_uris=tuple(registration.allowed_uris),
            access_token_lifetime=duration(lifetime) if lifetime else timedelta(minutes=15),
            grant_duration=duration(session) if session else None,
            device_flow=self.device_flow,
        )
