"""The wire shapes of tags, custom pages and settings: kept, and deciding nothing themselves."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from lychgate.api.base import Flag, Kept, Lower, Name, plain_text
from lychgate.api.certificates import Host

_MOST_HTML = 262_144


Html = Annotated[str, Field(min_length=1, max_length=_MOST_HTML), AfterValidator(plain_text)]


class TagBody(Kept):
    """A word that applications are sorted by; the name is also the id."""

    name: Annotated[Name, Field(max_length=100)]


class CustomPageBody(Kept):
    """A page of one's own in place of one of ours."""

    name: Name
    type: Annotated[Literal["identity_denied", "forbidden", "login", "interstitial"], Lower]
    custom_html: Html
    contract_version: Annotated[int, Field(ge=0, le=2**31)] | None = None


class KeySettingsBody(Kept):
    """When signing keys are replaced."""

    key_rotation_interval_days: Annotated[int, Field(ge=21, le=365)]


class HostSettingsBody(Kept):
    """How client certificates are treated on one host."""

    hostname: Host
    client_certificate_forwarding: Flag
    china_network: Flag


class CertificateSettingsBody(Kept):
    """How client certificates are treated, host by host."""

    settings: Annotated[list[HostSettingsBody], Field(max_length=1000)]


def _unique_id(value: object) -> object:
    if isinstance(value, str) and not value.strip("-_abcdefghijklmnopqrstuvwxyz0123456789"):
        return value
    raise ValueError("must be lower-case letters, digits, `-` and `_`")


Slug = Annotated[str, Field(min_length=1, max_length=100), BeforeValidator(_unique_id)]
"""An id that its author chooses."""
