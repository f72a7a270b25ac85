"""What the test of a provider says: plain sentences about what came back, and the identity."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lychgate.core.model import IdentityProvider
from lychgate.idp.base import LoginFailed, Profile


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a test login; it makes no session."""

    ok: bool
    headline: str
    lines: tuple[str, ...]
    identity: Mapping[str, Any]
    """As `get-identity` shows it; empty after a failure."""


def report(idp: IdentityProvider, outcome: Profile | LoginFailed) -> Report:
    """Put the outcome of a test login into words for the administrator."""
    match outcome:
        case LoginFailed():
            lines = (outcome.message, f"For administrators: {outcome.detail} ({outcome.code})")
            return Report(False, "Your connection does not work yet.", lines, {})
        case Profile():
            identity = _identity(idp, outcome)
            return Report(True, "Your connection works!", tuple(_lines(idp, outcome)), identity)


def _lines(idp: IdentityProvider, profile: Profile) -> Iterator[str]:
    yield f"{idp.name or idp.type} logged in {profile.name or 'a person without a name'}."
    yield f"The email address is {profile.email}, the subject {profile.subject}."
    match profile.email_verified:
        case True:
            yield "The provider says that the email address is verified."
        case False:
            yield (
                "The provider says that the email address is NOT verified. People can log in; "
                "switch `require_email_verified` on unless only you assign addresses there."
            )
        case None:
            yield "The provider does not say whether the email address is verified."
    if profile.groups:
        yield f"{len(profile.groups)} groups came back: {', '.join(profile.groups[:50])}."
    else:
        yield "No groups came back; rules on groups will match nobody from here."
    for claim in _wanted(idp):
        if claim in profile.claims:
            yield f"The claim `{claim}` is {profile.claims[claim]!r}."
        else:
            yield f"The claim `{claim}` did not come back; rules on it will match nobody."
    if profile.issuer:
        yield f"The issuer is {profile.issuer}."


def _identity(idp: IdentityProvider, profile: Profile) -> dict[str, Any]:
    return {
        "id": profile.subject,
        "name": profile.name,
        "email": profile.email,
        "email_verified": profile.email_verified,
        "idp": {"id": idp.id, "type": idp.type},
        "groups": list(profile.groups),
        "amr": list(profile.amr),
        "oidc_fields": dict(profile.claims),
    }


def _wanted(idp: IdentityProvider) -> tuple[str, ...]:
    claims = idp.config.get("claims")
    return tuple(str(claim) for claim in claims) if isinstance(claims, list | tuple) else ()
