"""Who asks: the person as the identity provider described them, and the principal of a request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lychgate.core.model import AppId, IdpId, PolicyId, TokenId
from lychgate.core.values import momentary


@dataclass(frozen=True, slots=True)
class Identity:
    """What is known of a person since their login; stored under the session's nonce.

    `email` is canonical (see `core.urls` for addresses: lower case, one `@`). `claims` are the
    configured extra claims of the identity provider (wire: `oidc_fields`).
    """

    subject: str
    """Our user id, the `sub` claim."""
    email: str
    name: str
    idp_id: IdpId
    idp_type: str
    idp_subject: str
    auth_time: datetime
    groups: tuple[str, ...] | None = ()
    """None: not known here (a token carried too few of them), so no rule may rest on them."""
    amr: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    partial: bool = False
    """Read from a token, which has little room: a claim that is missing is unknown, not absent."""


@momentary
class User:
    """A person with a valid token for the application asked for, or linked to it."""

    subject: str
    email: str
    session: str
    """The `identity_nonce`: names the login this token came from."""
    policy: PolicyId | None
    linked_from: AppId | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A machine: a service token, a client certificate, or a caller a Service Auth rule accepts."""

    client_id: str
    name: str
    token_id: TokenId | None = None
    common_name: str = ""


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Nobody that could be identified."""


ANONYMOUS = Anonymous()

type Principal = User | Service | Anonymous
