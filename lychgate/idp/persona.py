"""From claims to a person: email, name, groups, and the claims an administrator asked for."""

from collections.abc import Mapping
from typing import Any

from lychgate.core.urls import canonical_email
from lychgate.idp.base import Failure, LoginFailed, Profile
from lychgate.idp.client import Client
from lychgate.idp.failures import failed, shown

type Claims = Mapping[str, Any]


def missing(claims: Claims, client: Client) -> tuple[str, ...]:
    """The claims a login should have and these do not hold."""
    wanted = [client.email_claim, "name", *client.claims]
    absent = [claim for claim in wanted if claims.get(claim) in (None, "")]
    if _groups(claims) is None:
        absent.append("groups")
    if client.verified_email_only and "email_verified" not in claims:
        absent.append("email_verified")
    return tuple(dict.fromkeys(absent))


def joined(claims: Claims, more: Claims) -> Claims:
    """ID token and userinfo as one; the ID token goes first.

    `email_verified` speaks of the address next to it, so it never crosses over to another one.
    """
    said = {name: value for name, value in claims.items() if value not in (None, "")}
    added = dict(more)
    if "email" in said and said["email"] != more.get("email"):
        added.pop("email_verified", None)
    if "email" not in said:
        said.pop("email_verified", None)
    return {**added, **said}


def profile(claims: Claims, client: Client, subject: str, issuer: str) -> Profile | LoginFailed:
    """The person these claims speak of."""
    said = claims.get(client.email_claim)
    if said in (None, ""):
        return failed(client.name, Failure.EMAIL_MISSING, f"no claim `{client.email_claim}`")
    email = canonical_email(said) if isinstance(said, str) else None
    if email is None:
        detail = f"`{client.email_claim}` is not one plain address: `{shown(said)}`"
        return failed(client.name, Failure.EMAIL_INVALID, detail)
    verified = _verified(claims, said)
    if client.verified_email_only and verified is not True:
        return failed(client.name, Failure.EMAIL_UNVERIFIED, f"`{email}` is not verified")
    groups = names(_groups(claims))
    if groups is None:
        return failed(client.name, Failure.USER_INFO, "`groups` is not a list of names")
    return Profile(
        subject=subject,
        email=email,
        email_verified=verified,
        name=_name(claims),
        groups=groups,
        amr=names(claims.get("amr")) or (),
        claims={claim: claims[claim] for claim in client.claims if claim in claims},
        issuer=issuer,
        raw=dict(claims),
    )


def names(value: Any) -> tuple[str, ...] | None:
    """A list of names as providers write it: texts, numbers, or objects with a name or id.

    None for anything else: a group that cannot be read must not vanish, a rule may exclude it.
    """
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    found = [_item(item) for item in items]
    return tuple(dict.fromkeys(item for item in found if item)) if None not in found else None


def _item(item: Any) -> str | None:
    match item:
        case bool():
            return None
        case str():
            return item
        case int():
            return str(item)
        case {"name": str() as name}:
            return name
        case {"id": str() as name}:
            return name
        case _:
            return None


def _groups(claims: Claims) -> Any:
    if claims.get("groups") is not None:
        return claims["groups"]
    others = (claims[claim] for claim in claims if claim.lower() == "groups")
    return next((value for value in others if value is not None), None)


def _verified(claims: Claims, email: str) -> bool | None:
    # The statement is about the claim `email`, and about no other that an administrator named.
    if claims.get("email") != email:
        return None
    match claims.get("email_verified"):
        case bool() as said:
            return said
        case "true":
            return True
        case None:
            return None
        case _:
            return False


def _name(claims: Claims) -> str:
    parts = [claims.get("given_name"), claims.get("family_name")]
    joined = " ".join(part for part in parts if isinstance(part, str))
    for candidate in (claims.get("name"), joined, claims.get("preferred_username")):
        if isinstance(candidate, str) and candidate.strip():
            return " ".join(candidate.split())[:200]
    return ""
