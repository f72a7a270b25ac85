"""Whether an ID token was signed by the provider and was made for this very login.

OpenID Connect Core 3.1.3.7, with what it leaves open closed: every algorithm is asymmetric, the
nonce is always ours, `sub` and `iat` have to be there, and several audiences need our `azp`.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jwk, jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.util import urlsafe_b64decode

from lychgate.idp import answers
from lychgate.idp.base import Failure, LoginFailed
from lychgate.idp.failures import failed, shown
from lychgate.idp.keyset import Keys, Wanted

LEEWAY = 60
"""Seconds by which the provider's clock may differ from ours."""
LONGEST = 256 * 1024
SMALLEST_RSA = 2048
LARGEST_RSA = 16 * 1024

_KEY_OF = {
    **{f"{family}{size}": ("RSA", "") for family in ("RS", "PS") for size in (256, 384, 512)},
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", ""),
    "Ed25519": ("OKP", "Ed25519"),
    "Ed448": ("OKP", "Ed448"),
}
"""Every algorithm taken, and the key it needs: never a shared secret, never `none`."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the claims have to say."""

    client_id: str
    nonce: str
    issuers: tuple[str, ...]
    """Empty: any issuer, for a provider nobody has logged in through yet."""
    now: datetime


class _Registry(jws.JWSRegistry):
    """The algorithms above, without the library's warning about the older name of EdDSA."""

    max_header_length = 16 * 1024
    max_payload_length = LONGEST
    max_signature_length = 4 * 1024

    def get_alg(self, name: str) -> Any:
        if name not in _KEY_OF:
            raise UnsupportedAlgorithmError(f"algorithm `{name}` is not taken")
        return self.algorithms[name]


_REGISTRY = _Registry(strict_check_header=False)


class _Refused(Exception):
    """The token is not good; the message says why."""


def verify(
    token: str, expected: Expected, keys: Keys, name: str
) -> Mapping[str, Any] | LoginFailed:
    """The claims of a good token of the provider called `name`."""
    try:
        wanted = _wanted(token)
        found = keys(wanted)
        if isinstance(found, LoginFailed):
            return found
        claims = _payload(token, found, wanted)
        _judge(claims, expected)
    except _Refused as refusal:
        return failed(name, Failure.INVALID_TOKEN, f"id token: {refusal}")
    return claims


def _wanted(token: str) -> Wanted:
    if not token or len(token) > LONGEST or not token.isascii():
        raise _Refused("missing, or not a token")
    try:
        header = answers.json_object(urlsafe_b64decode(token.partition(".")[0].encode()))
    except ValueError as error:
        raise _Refused("not a signed token") from error
    algorithm, kid = header.get("alg"), header.get("kid", "")
    if not isinstance(algorithm, str) or algorithm not in _KEY_OF:
        raise _Refused(f"algorithm `{shown(algorithm)}` is not taken")
    if "crit" in header or "b64" in header or not isinstance(kid, str):
        raise _Refused("the header holds what is not understood")
    kind, curve = _KEY_OF[algorithm]
    return Wanted(kid, kind, curve, algorithm)


def _payload(token: str, keys: tuple[Mapping[str, Any], ...], wanted: Wanted) -> Mapping[str, Any]:
    for key in keys:
        payload = _signed_with(token, key)
        if payload is not None:
            try:
                return answers.json_object(payload)
            except ValueError as error:
                raise _Refused(f"unreadable claims: {error}") from error
    named = f" `{shown(wanted.kid)}`" if wanted.kid else ""
    raise _Refused(f"no key{named} of the provider made its signature")


def _signed_with(token: str, key: Mapping[str, Any]) -> bytes | None:
    public = {name: key[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in key}
    if not all(isinstance(value, str) for value in public.values()):
        return None
    try:
        if public["kty"] == "RSA" and not SMALLEST_RSA <= _bits(public["n"]) <= LARGEST_RSA:
            return None
        return jws.deserialize_compact(token, jwk.import_key(public), registry=_REGISTRY).payload
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _bits(number: str) -> int:
    return int.from_bytes(urlsafe_b64decode(number[:LARGEST_RSA].encode())).bit_length()


def _judge(claims: Mapping[str, Any], expected: Expected) -> None:
    issuer, subject = claims.get("iss"), claims.get("sub")
    if not isinstance(issuer, str) or not issuer:
        raise _Refused("no issuer")
    if expected.issuers and issuer not in expected.issuers:
        raise _Refused(f"issuer `{shown(issuer)}`, expected `{shown(expected.issuers[0])}`")
    if not isinstance(subject, str) or not subject or len(subject) > 255:
        raise _Refused("no subject")
    _judge_audience(claims, expected.client_id)
    _judge_time(claims, expected.now.timestamp())
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(
        nonce.encode(errors="replace"), expected.nonce.encode()
    ):
        raise _Refused("the nonce is not this login's")


def _judge_audience(claims: Mapping[str, Any], client_id: str) -> None:
    said = claims.get("aud")
    audiences = [said] if isinstance(said, str) else said
    if not isinstance(audiences, list) or client_id not in audiences:
        raise _Refused(f"audience `{shown(said)}` is not our client id")
    party = claims.get("azp")
    if party != client_id and (party is not None or len(audiences) > 1):
        raise _Refused(f"authorized party `{shown(party)}` is not our client id")


def _judge_time(claims: Mapping[str, Any], now: float) -> None:
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    if expires is None or issued is None:
        raise _Refused("`exp` and `iat` have to be numbers")
    if expires <= now - LEEWAY:
        raise _Refused("expired")
    if max(issued, _time(claims, "nbf") or 0) > now + LEEWAY:
        raise _Refused("from the future; is the clock of one machine wrong?")


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # An integer of a thousand digits is json too, and no time.
    return float(value) if abs(value) < 1e12 else None
