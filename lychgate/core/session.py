"""What our tokens claim, how long they live, and whether one is good for a purpose now."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from typing import Any

from lychgate.core.decision import SetCookie
from lychgate.core.identity import Identity
from lychgate.core.keys import Keyring, unseal
from lychgate.core.model import AppId, Application, IdpId, Organization, PolicyId, Team
from lychgate.core.tokens import MAX_LENGTH, Rejected, Signed, trusted, verify
from lychgate.core.urls import AUTH_COOKIE

LEEWAY = 30
"""Seconds that `nbf` and `iat` may lie ahead: clocks of two nodes differ."""
META_LIFE = timedelta(seconds=300)
IMMEDIATE_LIFE = timedelta(seconds=60)
"""Life of an application token whose session duration is 0s."""
TEAM_COOKIE_LIFE = timedelta(hours=4)
APP_SESSION_LIFE = timedelta(hours=24)
SERVICE_TOKEN_LIFE_CAP = timedelta(hours=24)
RULES, TIMES = "rules", "times"
"""The claims by which a proxy may prove an application token alone (see `core.zerohop`).

They are true of one token only: what is made of its claims is made without them.
"""
_CUSTOM_BUDGET = 800
"""Bytes of custom claims an application token may carry; the cookie limit is 4096 in all."""
_GROUPS_BUDGET = 600
"""Bytes of groups likewise; longer lists stay in the identity record."""


class TokenType(StrEnum):
    """The `type` claim: what a token is for."""

    APP = "app"
    ORG = "org"
    META = "meta"
    OAUTH = "oauth"
    """An access token of managed OAuth: sealed, with the claims of an application token."""
    SAAS = "saas"
    """An access token of a SaaS application: likewise."""


@dataclass(frozen=True, slots=True)
class Token:
    """The claims of one of our tokens, type-checked; times in whole seconds since 1970."""

    type: TokenType
    issuer: str
    audiences: tuple[str, ...]
    subject: str
    email: str
    session: str
    issued_at: int
    expires_at: int
    policy: PolicyId | None
    facts: int
    common_name: str
    linked_from: AppId | None
    linked_at: int
    """When the token of `linked_from` that this one goes back to was issued."""
    grant: str
    kid: str
    """The key that signed it."""
    claims: Mapping[str, Any]


type Verify = Callable[[str], Token | Rejected]
"""What `decide` is handed to check a signature; the gate's remembers those it has seen."""


def read(signed: Signed) -> Token | Rejected:
    """The token these verified claims make; every claim we rely on must have its type."""
    claims = signed.claims
    try:
        kind = TokenType(claims.get("type", ""))
    except ValueError:
        return Rejected.TYPE
    audience = claims.get("aud")
    audiences = (audience,) if isinstance(audience, str) else audience
    if not isinstance(audiences, list | tuple) or not all(_is_text(one) for one in audiences):
        return Rejected.AUDIENCE
    if kind is not TokenType.ORG and len(audiences) != 1:
        return Rejected.AUDIENCE
    times = [claims.get("iat"), claims.get("exp"), claims.get("nbf", claims.get("iat"))]
    times.append(claims.get("linked_at", 0))
    if not all(type(time) is int and 0 <= time < 2**40 for time in times):
        return Rejected.CLAIMS
    texts = {name: claims.get(name, "") for name in _TEXT_CLAIMS}
    facts = texts["facts"] or "0"
    if not all(isinstance(text, str) for text in texts.values()) or not _is_hex(facts):
        return Rejected.CLAIMS
    return Token(
        type=kind,
        issuer=texts["iss"],
        audiences=tuple(audiences),
        subject=texts["sub"],
        email=texts["email"],
        session=texts["identity_nonce"],
        issued_at=max(claims["iat"], times[2]),
        expires_at=claims["exp"],
        policy=PolicyId(texts["policy_id"]) if texts["policy_id"] else None,
        facts=int(facts, 16),
        common_name=texts["common_name"],
        linked_from=AppId(texts["linked_from"]) if texts["linked_from"] else None,
        linked_at=times[3],
        grant=texts["grant_id"],
        kid=signed.kid,
        claims=claims,
    )


_TEXT_CLAIMS = (
    "iss",
    "sub",
    "email",
    "identity_nonce",
    "policy_id",
    "facts",
    "common_name",
    "linked_from",
    "grant_id",
)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_hex(text: str) -> bool:
    return len(text) <= 4096 and all(char in "0123456789abcdef" for char in text)


MANAGED_PURPOSE = "managed oauth access token"
SAAS_PURPOSE = "saas access token"
OAUTH_PREFIX = "oauth:"
_SEALED: Mapping[str, TokenType] = {
    MANAGED_PURPOSE: TokenType.OAUTH,
    SAAS_PURPOSE: TokenType.SAAS,
}


def open_token(
    text: str, keyring: Keyring, now: datetime, signed_by: str | None = None
) -> Token | Rejected:
    """Any token we issued: a signed one, or a sealed access token.

    `signed_by` is the key that was found to have signed this very text before; None: look.
    """
    if text.startswith(OAUTH_PREFIX):
        return _unsealed(text.removeprefix(OAUTH_PREFIX), MANAGED_PURPOSE, keyring)
    if text.count(".") == 1:
        return _unsealed(text, SAAS_PURPOSE, keyring)
    signed = verify(text, keyring, now) if signed_by is None else trusted(text, signed_by)
    token = signed if isinstance(signed, Rejected) else read(signed)
    if isinstance(token, Token) and token.type in _SEALED.values():
        return Rejected.TYPE
    return token


def _unsealed(text: str, purpose: str, keyring: Keyring) -> Token | Rejected:
    if len(text) > MAX_LENGTH:
        return Rejected.MALFORMED
    claims = unseal(keyring, purpose, text)
    if claims is None:
        return Rejected.SIGNATURE
    token = read(Signed(text.partition(".")[0], claims))
    if isinstance(token, Token) and token.type is not _SEALED[purpose]:
        return Rejected.TYPE
    return token


def judge_times(token: Token, now: datetime) -> Rejected | None:
    """Whether a token is within its life; expiry has no leeway."""
    seconds = now.timestamp()
    if seconds >= token.expires_at:
        return Rejected.EXPIRED
    return Rejected.NOT_YET if token.issued_at > seconds + LEEWAY else None


def seconds(moment: datetime) -> int:
    """A moment as the whole seconds that tokens carry."""
    return int(moment.timestamp())


def app_duration(app: Application, policy_duration: timedelta | None) -> timedelta:
    """How long those admitted by a policy stay: the policy's duration, else the application's."""
    return app.session_duration if policy_duration is None else policy_duration


def token_life(duration: timedelta) -> timedelta:
    """The life of the application token of a session that long; 0 s means `IMMEDIATE_LIFE`."""
    return duration if duration > timedelta(0) else IMMEDIATE_LIFE


def org_audience(organization: Organization) -> str:
    """The audience of team sessions: one per account, never that of an application."""
    return hashlib.sha256(b"lychgate team session " + organization.account_id.encode()).hexdigest()


def org_claims(
    team: Team,
    organization: Organization,
    identity: Identity,
    session: str,
    now: datetime,
) -> dict[str, Any]:
    """The claims of a team session: proof of a login, good for no application."""
    issued = seconds(now)
    return {
        "type": TokenType.ORG.value,
        "aud": [org_audience(organization)],
        "iss": team.url,
        "sub": identity.subject,
        "email": identity.email,
        "account_id": organization.account_id,
        "identity_nonce": session,
        "iat": issued,
        "nbf": issued,
        "exp": issued + int(organization.session_duration.total_seconds()),
    }


@dataclass(frozen=True, slots=True)
class Grounds:
    """How a person came to be admitted: the login, the policy, and what held at the time."""

    session: str
    policy: PolicyId
    facts: int
    country: str | None = None


def app_claims(
    team: Team,
    app: Application,
    identity: Identity,
    grounds: Grounds,
    now: datetime,
    life: timedelta,
) -> dict[str, Any]:
    """The claims of a person's application token."""
    issued = seconds(now)
    claims: dict[str, Any] = {
        "type": TokenType.APP.value,
        "aud": [app.audience],
        "iss": team.url,
        "sub": identity.subject,
        "email": identity.email,
        "identity_nonce": grounds.session,
        "policy_id": grounds.policy,
        "auth_time": seconds(identity.auth_time),
        "iat": issued,
        "nbf": issued,
        "exp": issued + int(life.total_seconds()),
    }
    if grounds.facts:
        claims["facts"] = f"{grounds.facts:x}"
    if grounds.country:
        claims["country"] = grounds.country
    if identity.amr:
        claims["amr"] = list(identity.amr)[:16]
    claims["idp"] = {"id": identity.idp_id, "type": identity.idp_type}
    if identity.groups is not None and _size(list(identity.groups)) <= _GROUPS_BUDGET:
        claims["groups"] = list(identity.groups)
    if identity.claims and _size(dict(identity.claims)) <= _CUSTOM_BUDGET:
        claims["custom"] = dict(identity.claims)
    return claims


def _size(value: object) -> int:
    return len(json.dumps(value))


def service_claims(
    team: Team, app: Application, common_name: str, now: datetime, life: timedelta
) -> dict[str, Any]:
    """The claims of a machine's application token: `sub` is empty, `common_name` says who."""
    issued = seconds(now)
    return {
        "type": TokenType.APP.value,
        "aud": [app.audience],
        "iss": team.url,
        "sub": "",
        "common_name": common_name,
        "iat": issued,
        "exp": issued + int(life.total_seconds()),
    }


def oauth_assertion(token: Token, now: datetime) -> dict[str, Any]:
    """The ordinary application token behind an OAuth access token; it ends when that one does."""
    claims = dict(token.claims)
    issued = seconds(now)
    claims.update(type=TokenType.APP.value, iat=issued, nbf=issued)
    for name in ("client_id", RULES, TIMES):
        claims.pop(name, None)
    return claims


def hash_app_session(value: str) -> str:
    """What of a `CF_AppSession` travels to the team domain."""
    return hashlib.sha256(value.encode("latin-1", "replace")).hexdigest()


def bound_to(token: Token) -> str | None:
    """The hash of the `CF_Binding` cookie this token needs; None when it needs none."""
    value = token.claims.get("binding")
    return value if isinstance(value, str) else None


def identity_of(token: Token) -> Identity:
    """What a person's application token says of them; groups are unknown when it says so."""
    idp = token.claims.get("idp")
    groups = token.claims.get("groups")
    custom = token.claims.get("custom")
    amr = token.claims.get("amr")
    auth_time = token.claims.get("auth_time")
    return Identity(
        subject=token.subject,
        email=token.email,
        name="",
        idp_id=IdpId(str(idp.get("id", ""))) if isinstance(idp, dict) else IdpId(""),
        idp_type=str(idp.get("type", "")) if isinstance(idp, dict) else "",
        idp_subject="",
        auth_time=datetime.fromtimestamp(auth_time if isinstance(auth_time, int) else 0, UTC),
        groups=tuple(str(group) for group in groups) if isinstance(groups, list) else None,
        amr=tuple(str(method) for method in amr) if isinstance(amr, list) else (),
        claims=custom if isinstance(custom, dict) else {},
        partial=True,
    )


def auth_cookie(app: Application, value: str, life: timedelta, path: str = "/") -> SetCookie:
    """The cookie that keeps an application token in the browser."""
    return SetCookie(
        name=AUTH_COOKIE,
        value=value,
        path=path if app.cookie.path else "/",
        max_age=int(life.total_seconds()),
        http_only=app.cookie.http_only,
        same_site=app.cookie.same_site.value.capitalize(),
    )


def set_cookie_header(cookie: SetCookie, plain_http: bool, now: datetime) -> str:
    """The value of Set-Cookie. Over plain http (loopback only) `None` becomes `Lax`, not Secure."""
    parts = [f"{cookie.name}={cookie.value}", f"Path={cookie.path}"]
    if cookie.max_age is not None:
        expires = now + timedelta(seconds=cookie.max_age)
        if cookie.max_age == 0:
            expires = now - timedelta(days=1)
        parts.append(f"Expires={format_datetime(expires, usegmt=True)}")
        parts.append(f"Max-Age={cookie.max_age}")
    if cookie.http_only:
        parts.append("HttpOnly")
    if cookie.secure and not plain_http:
        parts.append("Secure")
    same_site = "Lax" if plain_http and cookie.same_site == "None" else cookie.same_site
    parts.append(f"SameSite={same_site}")
    return "; ".join(parts)
