"""Which tokens are ours: the rows about JSON Web Tokens, each as a cookie and as a header."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lychgate.core.decision import Allow, Reason, Redirect
from lychgate.core.keys import Keyring, new_signing_key
from lychgate.core.model import Revocation, RevocationKind
from lychgate.core.revocations import Revocations
from lychgate.core.tokens import MAX_LENGTH, Rejected, Signed, sign, verify
from tests.core.s1 import ADM, ALICE, APPS, BOB, POLICIES, ROOT, ST1, B, ask, cookie, outcome, token
from tests.support.builders import (
    NOW,
    a_keyring,
    a_snapshot,
    a_team_token,
    claims_for,
    sealing_key,
    signing_key,
)

KEY = signing_key()
GOOD = token()
HEADER, PAYLOAD, SIGNATURE = GOOD.split(".")


def b64(value: bytes | str | Mapping[str, Any]) -> str:
    """Base64url without padding, as in a JWT."""
    if isinstance(value, Mapping):
        value = json.dumps(value)
    raw = value.encode() if isinstance(value, str) else value
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: Mapping[str, Any], payload: str | Mapping[str, Any] | None = None) -> str:
    """A token with any header and payload and a right RS256 signature of ours."""
    body = PAYLOAD if payload is None else b64(payload)
    text = f"{b64(header)}.{body}"
    made = KEY.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{b64(made)}"


def ours(**changes: Any) -> dict[str, Any]:
    """The header of our tokens, changed."""
    header = {"alg": "RS256", "typ": "JWT", "kid": KEY.kid} | changes
    return {name: value for name, value in header.items() if value is not None}


def claiming(**changes: Any) -> str:
    """A token of alice for ROOT with some claims replaced, or removed by None."""
    claims = claims_for(ROOT, ALICE) | changes
    return signed(ours(), {name: value for name, value in claims.items() if value is not None})


NOT_OURS = (Reason.TOKEN_INVALID, Reason.LINKED_TOKEN_NOT_ALLOWED)


def refused(text: str) -> None:
    """The token opens nothing, neither as a cookie nor as a header."""
    for headers in (cookie(text), {"cf-access-token": text}):
        decision = ask("https://a.example/", headers)
        assert outcome(decision) == "LOGIN root", text[:80]
        assert decision.because.reason in NOT_OURS


def test_a_good_token_opens_its_application() -> None:
    assert outcome(ask("https://a.example/", cookie(GOOD))) == "OK(alice@staff.example) root"
    assert outcome(ask("https://a.example/", {"cf-access-token": GOOD})) == (
        "OK(alice@staff.example) root"
    )
    assert isinstance(ask("https://a.example/", cookie(signed(ours()))), Allow)


def none_token(signature: str) -> str:
    return f"{b64({'alg': 'none', 'typ': 'JWT', 'kid': KEY.kid})}.{PAYLOAD}.{signature}"


@pytest.mark.parametrize(
    "text",
    [
        none_token(""),
        none_token(SIGNATURE),
        f"{HEADER}.{PAYLOAD}.",
        f"{HEADER}.{PAYLOAD}",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE}.{SIGNATURE}",
        f"{HEADER}..{SIGNATURE}",
        f".{PAYLOAD}.{SIGNATURE}",
        "..",
        "",
        json.dumps({"payload": PAYLOAD, "signatures": [{"protected": HEADER}]}),
        f"{HEADER}.{b64(json.dumps({'type': 'app'}))}.{SIGNATURE}",
        signed({"alg": "None", "kid": KEY.kid}),
    ],
)
def test_J01_none_and_stripped_signatures(text: str) -> None:
    refused(text)


def hmac_token(secret: bytes, alg: str = "HS256") -> str:
    text = f"{b64({'alg': alg, 'typ': 'JWT', 'kid': KEY.kid})}.{PAYLOAD}"
    return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


@cache
def public_material() -> tuple[bytes, ...]:
    public = KEY.private.public_key()
    numbers = public.public_numbers()
    modulus = numbers.n.to_bytes(256, "big")
    return (
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps({"kty": "RSA", "n": b64(modulus), "e": "AQAB"}).encode(),
        modulus,
        KEY.certificate_pem.encode(),
        b"",
    )


@pytest.mark.parametrize("index", range(6))
def test_J02_hmac_with_public_material(index: int) -> None:
    refused(hmac_token(public_material()[index]))


@cache
def attacker() -> Any:
    return new_signing_key(NOW)


def attacked(**header: Any) -> str:
    claims = claims_for(ROOT, ALICE)
    return jwt.encode(claims, attacker().private, "RS256", headers={"kid": KEY.kid} | header)


def test_J03_a_key_in_the_token_is_never_used() -> None:
    numbers = attacker().private.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": b64(numbers.n.to_bytes(256, "big")), "e": "AQAB", "kid": KEY.kid}
    for header in (
        {},
        {"jwk": jwk},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": [b64(b"cert")]},
        {"kid": attacker().kid},
    ):
        refused(attacked(**header))
    refused(signed(ours(jwk=jwk)))


@pytest.mark.parametrize(
    "kid",
    ["../../etc/x", "' OR '1'='1", "k" * 10_000, 7, None, ["x"], {"a": 1}, True, "", "\x00"],
)
def test_J04_kid_abuse(kid: object) -> None:
    header = ours(kid=kid) if kid is not None else ours() | {"kid": None}
    refused(signed(header))
    refused(signed(ours(kid=None)))


def test_J04_a_key_retired_eight_days_ago_is_dead() -> None:
    for days, dead in ((8, True), (7, True), (6, False)):
        retired = new_signing_key(NOW - timedelta(days=50))
        old = type(retired)(
            retired.kid,
            retired.private,
            retired.certificate_pem,
            retired.created_at,
            retired.active_from,
            NOW - timedelta(days=days),
        )
        ring = Keyring((old, KEY), (sealing_key(),))
        snapshot = a_snapshot(*APPS, *POLICIES, ST1, keyring=ring)
        text = token(key=retired)
        assert (verify(text, ring, NOW) is Rejected.UNKNOWN_KEY) is dead
        decision = ask("https://a.example/", cookie(text), snapshot=snapshot)
        assert isinstance(decision, Redirect if dead else Allow)


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["x"]},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"zip": "DEF"},
    ],
)
def test_J05_crit(extra: dict[str, Any]) -> None:
    refused(signed(ours(**extra)))


@pytest.mark.parametrize("alg", ["PS256", "RS512", "RS384"])
def test_J06_another_algorithm_with_the_right_key(alg: str) -> None:
    claims = claims_for(ROOT, ALICE)
    refused(jwt.encode(claims, KEY.private, alg, headers={"kid": KEY.kid}))


@pytest.mark.parametrize("alg", ["rs256", "RS256 ", "", None, 7, ["RS256"], "EdDSA"])
def test_J06_the_algorithm_is_spelled_exactly(alg: object) -> None:
    refused(signed(ours() | {"alg": alg}))


@pytest.mark.parametrize(
    "kind", ["org", "meta", None, ["app"], "APP", "", 7, "match", {"app": 1}, "id_token"]
)
def test_J07_type_confusion(kind: object) -> None:
    refused(claiming(type=kind))


def test_J07_a_team_session_opens_no_application() -> None:
    refused(a_team_token(ALICE))
    claims = claims_for(ROOT, ALICE) | {"type": "meta", "aud": ROOT.audience}
    refused(sign(claims, KEY))


@pytest.mark.parametrize(
    "audience",
    [
        [B.audience],
        [ROOT.audience, B.audience],
        [B.audience, ROOT.audience],
        [],
        "",
        7,
        None,
        [7],
        [[ROOT.audience]],
        {"aud": ROOT.audience},
        [ROOT.audience.upper()],
        [ROOT.audience + " "],
        [""],
        ["0" * 64],
    ],
)
def test_J08_audience(audience: object) -> None:
    refused(claiming(aud=audience))


def test_J08_an_audience_may_be_a_text_or_a_list_of_one() -> None:
    assert isinstance(ask("https://a.example/", cookie(token(aud=ROOT.audience))), Allow)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://other.example",
        "https://team.example/",
        "https://TEAM.example",
        ["https://team.example"],
        "https://team.example.evil",
        "https://team",
        "",
        None,
        "http://team.example",
    ],
)
def test_J09_issuer(issuer: object) -> None:
    refused(claiming(iss=issuer))


HOUR_AHEAD = int((NOW + timedelta(hours=1)).timestamp())


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"iat": None},
        {"exp": "string"},
        {"exp": str(HOUR_AHEAD)},
        {"exp": 1e300},
        {"exp": int("9" * 400)},
        {"exp": True},
        {"exp": float(HOUR_AHEAD)},
        {"exp": -1},
        {"exp": [HOUR_AHEAD]},
        {"iat": HOUR_AHEAD, "nbf": None},
        {"nbf": HOUR_AHEAD},
        {"nbf": "x"},
        {"iat": {}},
        {"email": ["alice@staff.example"]},
        {"sub": 7},
        {"identity_nonce": None, "policy_id": 7},
        {"facts": "xyz"},
        {"facts": "f" * 5000},
        {"linked_at": "x"},
        {"common_name": {}},
    ],
)
def test_J10_claims_of_the_wrong_kind(changes: dict[str, Any]) -> None:
    refused(claiming(**changes))


@pytest.mark.parametrize("number", ["1e999", "NaN", "Infinity", "-0", "9" * 5000, "1.5"])
def test_J10_numbers_no_clock_knows(number: str) -> None:
    claims = json.dumps(claims_for(ROOT, ALICE, exp=1)).replace('"exp": 1', f'"exp": {number}')
    text = signed(ours(), claims)
    for headers in (cookie(text), {"cf-access-token": text}):
        assert outcome(ask("https://a.example/", headers)) == "LOGIN root"


@pytest.mark.parametrize("payload", ["[]", "null", "7", '"x"', "{", "\xff", ""])
def test_J10_a_payload_that_is_no_object(payload: str) -> None:
    refused(signed(ours(), payload))


def test_an_expired_token_says_so() -> None:
    text = token(life=timedelta(seconds=60), issued=NOW - timedelta(seconds=60))
    decision = ask("https://a.example/", cookie(text))
    assert (outcome(decision), decision.because.reason) == ("LOGIN root", Reason.TOKEN_EXPIRED)
    assert isinstance(
        ask("https://a.example/", cookie(text), now=NOW - timedelta(seconds=1)), Allow
    )


@pytest.mark.parametrize(("ahead", "good"), [(0, True), (30, True), (31, False), (3600, False)])
def test_X03_a_token_from_the_future_is_no_token(ahead: int, good: bool) -> None:
    text = token(issued=NOW + timedelta(seconds=ahead))
    assert isinstance(ask("https://a.example/", cookie(text)), Allow) is good


def test_X03_a_clock_that_goes_back_accepts_nothing_it_had_refused_for_good() -> None:
    revoked = Revocations().adding(
        [Revocation(RevocationKind.USER, ALICE.subject, NOW, NOW + timedelta(days=2))], NOW
    )
    snapshot = a_snapshot(*APPS, *POLICIES, ST1, revocations=revoked)
    for hours in (-2, 0, 2):
        now = NOW + timedelta(hours=hours)
        decision = ask("https://a.example/", cookie(GOOD), snapshot=snapshot, now=now)
        assert isinstance(decision, Redirect)


@pytest.mark.parametrize(
    "spelled", [GOOD + "==", GOOD + " ", GOOD + "\n", " " + GOOD, GOOD[:-1] + "="]
)
def test_J11_revocation_counts_whatever_the_spelling(spelled: str) -> None:
    revoked = Revocations().adding(
        [Revocation(RevocationKind.SESSION, "session-1", NOW, NOW + timedelta(days=1))], NOW
    )
    snapshot = a_snapshot(*APPS, *POLICIES, ST1, revocations=revoked)
    last = GOOD[-1]
    neighbours = [GOOD[:-1] + char for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0123456789-_"]
    for text in (spelled, GOOD, *neighbours):
        for headers in (cookie(text), {"cf-access-token": text}):
            assert not isinstance(ask("https://a.example/", headers, snapshot=snapshot), Allow)
    assert last in GOOD


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "a" * 1_000_000,
        "." * 100_000,
        f"{b64('[' * 100_000)}.{PAYLOAD}.{SIGNATURE}",
        f"{b64('[' * 5_000)}.{PAYLOAD}.{SIGNATURE}",
        f"{b64('[' * 2_000 + ']' * 2_000)}.{PAYLOAD}.{SIGNATURE}",
        f"{HEADER}.{b64('{"a":' * 1_000)}.{SIGNATURE}",
        f"{b64('{"alg":"RS256","x":' + '9' * 5000 + '}')}.{PAYLOAD}.{SIGNATURE}",
        GOOD + "A" * MAX_LENGTH,
    ],
)
def test_J12_size(text: str) -> None:
    best = min(timed(text) for _ in range(5))
    assert best < 0.005


def timed(text: str) -> float:
    started = time.perf_counter()
    assert isinstance(verify(text, a_keyring(), NOW), Rejected)
    return time.perf_counter() - started


def test_J13_unknown_keys_cost_no_signature_check() -> None:
    texts = [signed(ours(kid=f"{n:064x}")) for n in range(20)]
    started = time.perf_counter()
    assert {verify(text, a_keyring(), NOW) for text in texts} == {Rejected.UNKNOWN_KEY}
    assert time.perf_counter() - started < 0.1


def test_what_was_signed_is_read_back() -> None:
    claims = claims_for(ADM, BOB, policy="admins", facts=5)
    assert verify(sign(claims, KEY), a_keyring(), NOW) == Signed(KEY.kid, claims)


@pytest.mark.parametrize("text", ["\u00e9.a.b", "\udcff.a.b", "a.b.c\x00", "a.b.\U0001f600"])
def test_text_that_is_no_ascii_is_no_token(text: str) -> None:
    assert isinstance(verify(text, a_keyring(), NOW), Rejected)


def test_a_damaged_signature_is_named_as_one() -> None:
    assert verify(f"{HEADER}.{PAYLOAD}.{b64(b'x' * 256)}", a_keyring(), NOW) is Rejected.SIGNATURE
    assert verify(f"{HEADER}.{PAYLOAD}.{b64(b'x')}", a_keyring(), NOW) is Rejected.SIGNATURE
