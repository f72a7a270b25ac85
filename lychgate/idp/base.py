"""What a login method is: how a login begins, and what its answer says of a person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from lychgate.outbound import Outbound


class Failure(StrEnum):
    """Why a login ended without a profile; stable, in the documentation."""

    CONFIGURATION = "idp_configuration"
    UNREACHABLE = "idp_unreachable"
    REFUSED = "idp_refused"
    """The provider answered with an error, for instance because the person declined."""
    BAD_ANSWER = "idp_bad_answer"
    MIX_UP = "idp_mix_up"
    """The answer came from another provider than the one asked."""
    INVALID_TOKEN = "idp_invalid_token"
    USER_INFO = "idp_user_info"
    EMAIL_MISSING = "idp_email_missing"
    EMAIL_INVALID = "idp_email_invalid"
    EMAIL_UNVERIFIED = "idp_email_unverified"
    NOT_A_MEMBER = "idp_not_a_member"
    """The account is real, but not of the domain or tenant this provider is for."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login under way; web seals it into `state` and opens it again at the callback.

    `state` is what the provider hands back. `issuer` is what the first good login through this
    provider reported (`Profile.issuer`), empty before it: see `docs/identity-providers/oidc.md`.
    """

    state: str
    nonce: str
    code_verifier: str = field(repr=False)
    redirect_uri: str
    login_hint: str = ""
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Redirection:
    """Where the visitor goes to log in."""

    url: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What an identity provider said about a person at login.

    `email` is canonical. `claims` holds the configured extra claims (wire: `oidc_fields`); `raw`
    everything that was said, for the provider's test; it never holds a token.
    """

    subject: str
    email: str
    email_verified: bool | None
    """None: the provider did not say."""
    name: str = ""
    groups: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    issuer: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoginFailed:
    """A login that ended without a profile: a sentence for the visitor, a detail for the log."""

    code: Failure
    message: str
    detail: str = ""


class LoginMethod(Protocol):
    """A configured source of people that the visitor is sent to and comes back from.

    Neither function raises; building one does no network I/O. A method keeps the provider's keys
    and metadata, so it is worth keeping: `LoginMethods` does.
    """

    def begin(self, attempt: Attempt, http: Outbound, now: datetime) -> Redirection | LoginFailed:
        """Say where the visitor has to go."""
        ...

    def finish(
        self, attempt: Attempt, answer: Mapping[str, str], http: Outbound, now: datetime
    ) -> Profile | LoginFailed:
        """Judge what the visitor brought back to the callback; `answer` is its query."""
        ...
