"""The shared table of answers no provider's login may accept: `(id, bend, code)`."""

import base64
import hashlib
import hmac
import json
import time
import warnings
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import serialization
from joserfc import jwk

from lychgate.idp import Failure
from tests.support.oidc_fake import FakeProvider, page, public, sign, signing_key

type Bend = Callable[[FakeProvider], None]


def claims(**changed: Any) -> Bend:
    """An ID token with other claims; None leaves one out."""

    def bend(fake: FakeProvider) -> None:
        fake.claims = {**fake.claims, **changed}

    return bend


def token(make: Callable[[dict[str, Any]], str]) -> Bend:
    """An ID token made in another way."""

    def bend(fake: FakeProvider) -> None:
        fake.make_token = make

    return bend


def answers(path: str, body: object, status: int = 200) -> Bend:
    """Another answer of one endpoint."""

    def bend(fake: FakeProvider) -> None:
        fake.routes[path] = lambda _: page(body, status)

    return bend


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _hs256_with(secret: bytes) -> Callable[[dict[str, Any]], str]:
    def make(members: dict[str, Any]) -> str:
        signed = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(members)}"
        digest = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    return make


def _public_pem() -> bytes:
    key: Any = signing_key().raw_value
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    return pem


def _twice(members: dict[str, Any]) -> str:
    text = json.dumps(members)
    return sign(text.replace("{", '{"email": "root@example.com", ', 1).encode(), signing_key())


def _tampered(members: dict[str, Any]) -> str:
    header, _, signature = sign(members, signing_key()).split(".")
    return f"{header}.{_part({**members, 'email': 'root@example.com'})}.{signature}"


def _own_key(members: dict[str, Any]) -> str:
    mine = signing_key("RSA", 2048, "mine")
    return sign(members, mine, kid="one", jwk=mine.as_dict(private=False))


def _small_key(fake: FakeProvider) -> None:
    with warnings.catch_warnings(action="ignore"):
        small = signing_key("RSA", 1024, "small")
    fake.keys = (small,)
    fake.make_token = lambda members: sign(members, small)


def _encryption_key(fake: FakeProvider) -> None:
    keys = [{**signing_key().as_dict(private=False), "use": "enc"}]
    fake.routes["/jwks"] = lambda _: page({"keys": keys})


def _secret_key(fake: FakeProvider) -> None:
    shared = jwk.OctKey.generate_key(256, {"kid": "one"})
    fake.routes["/jwks"] = lambda _: page({"keys": [shared.as_dict(private=True)]})
    fake.make_token = _hs256_with(base64.urlsafe_b64decode(f"{shared.as_dict()['k']}=="))


def _two_without_kid(fake: FakeProvider) -> None:
    fake.keys = (signing_key(), signing_key("RSA", 2048, "other"))
    fake.make_token = lambda members: sign(members, signing_key(), kid=None)


def _not_utf8(_members: dict[str, Any]) -> str:
    return sign(b'{"sub": "\xff"}', signing_key())


SIGNED: list[tuple[str, Bend]] = [
    ("L06 wrong audience", claims(aud="another client")),
    ("L06 audience list without us", claims(aud=["another client"])),
    ("L06 no audience", claims(aud=None)),
    ("L06 several audiences, nobody authorized", claims(aud=["lychgate", "another"])),
    ("L06 foreign authorized party", claims(aud=["lychgate", "another"], azp="another")),
    ("L06 foreign authorized party, one audience", claims(azp="another")),
    ("L06 no issuer", claims(iss=None)),
    ("L06 issuer is a list", claims(iss=["https://idp.example"])),
    ("L06 wrong nonce", claims(nonce="the nonce of another login")),
    ("L06 no nonce", claims(nonce=None)),
    ("L06 nonce is a number", claims(nonce=1)),
    ("L06 nonce with a lone surrogate", claims(nonce="\ud800")),
    ("L06 expired", claims(exp=int(time.time()) - 3600)),
    ("L06 no expiry", claims(exp=None)),
    ("L06 expiry is a text", claims(exp="9999999999")),
    ("L06 expiry is true", claims(exp=True)),
    ("L06 expiry of a thousand digits", claims(exp=10**1000)),
    ("L06 no time of issue", claims(iat=None)),
    ("L06 issued in the future", claims(iat=int(time.time()) + 3600)),
    ("L06 not valid yet", claims(nbf=int(time.time()) + 3600)),
    ("L06 no subject", claims(sub=None)),
    ("L06 empty subject", claims(sub="")),
    ("L06 subject is a number", claims(sub=7)),
    ("L06 endless subject", claims(sub="x" * 300)),
    ("L06 algorithm none", token(lambda m: f"{_part({'alg': 'none'})}.{_part(m)}.")),
    ("L06 algorithm None", token(lambda m: f"{_part({'alg': 'None'})}.{_part(m)}.")),
    ("L06 algorithm is a list", token(lambda m: f"{_part({'alg': ['RS256']})}.{_part(m)}.eA")),
    ("L06 HS256 with the public key", token(_hs256_with(_public_pem()))),
    ("L06 HS256 with the client secret", token(_hs256_with(b"only for tests"))),
    ("L06 HS256 with a shared key of the set", _secret_key),
    ("L06 changed after signing", token(_tampered)),
    ("L06 signed with a key it brings along", token(_own_key)),
    ("L06 unknown key", token(lambda m: sign(m, signing_key("RSA", 2048, "unknown")))),
    (
        "L06 key id is a number",
        token(lambda m: f"{_part({'alg': 'RS256', 'kid': 1})}.{_part(m)}.eA"),
    ),
    ("L06 no key id among several keys", _two_without_kid),
    ("L06 key of 1024 bits", _small_key),
    ("L06 key for encryption", _encryption_key),
    ("L06 algorithm of another family", token(lambda m: _relabelled(m, "ES256"))),
    ("L06 critical header member", token(lambda m: sign(m, signing_key(), crit=["exp"], exp=1))),
    ("L06 a claim given twice", token(_twice)),
    ("L06 claims are a list", token(lambda _: sign(b"[]", signing_key()))),
    ("L06 claims are not json", token(lambda _: sign(b"{", signing_key()))),
    ("L06 claims are not utf-8", token(_not_utf8)),
    ("L06 claims nested without end", token(lambda _: sign(b"[" * 50_000, signing_key()))),
    ("L06 two parts", token(lambda m: ".".join(sign(m, signing_key()).split(".")[:2]))),
    ("L06 five parts", token(lambda m: sign(m, signing_key()) + ".a.b")),
    ("L06 no token", token(lambda _: "")),
    ("L06 a megabyte", token(lambda _: "a" * 900_000)),
    ("L06 not ascii", token(lambda _: "é.é.é")),
    ("R04 10,000 keys", answers("/jwks", {"keys": [{"kid": str(n)} for n in range(10_000)]})),
    ("key set is a list", answers("/jwks", [])),
    ("key set without keys", answers("/jwks", {})),
    ("keys are texts", answers("/jwks", {"keys": ["one"]})),
    (
        "keys with numbers",
        answers("/jwks", {"keys": [{"kid": "one", "kty": "RSA", "n": 1, "e": 2}]}),
    ),
    (
        "keys that are no keys",
        answers("/jwks", {"keys": [{"kid": "one", "kty": "RSA", "n": "A" * 400, "e": "?"}]}),
    ),
    ("key set answers an error", answers("/jwks", public(signing_key()), 500)),
]
"""Every way an ID token, or the keys it is judged by, can be wrong."""

ANSWERED: list[tuple[str, Bend, Failure]] = [
    ("token: error", answers("/token", {"error": "invalid_grant"}, 400), Failure.BAD_ANSWER),
    ("token: error with 200", answers("/token", {"error": "bad_code"}), Failure.BAD_ANSWER),
    ("token: server error", answers("/token", {}, 503), Failure.BAD_ANSWER),
    ("token: a list", answers("/token", []), Failure.BAD_ANSWER),
    ("token: a number", answers("/token", 3), Failure.BAD_ANSWER),
    ("token: tokens are numbers", answers("/token", {"id_token": 1}), Failure.BAD_ANSWER),
    (
        "token: line end in the access token",
        answers("/token", {"access_token": "a\r\nX: y", "id_token": ""}),
        Failure.BAD_ANSWER,
    ),
    ("token: nothing in it", answers("/token", {}), Failure.INVALID_TOKEN),
]
"""Answers of the token endpoint that hold no tokens."""

EMAILS: list[tuple[str, Any, Failure]] = [
    ("L11 two at signs", "a@evil@staff.example", Failure.EMAIL_INVALID),
    ("L11 trailing dot", "a@staff.example..", Failure.EMAIL_INVALID),
    ("L11 space", "a@staff.example ", Failure.EMAIL_INVALID),
    ("L11 NUL", "a@staff.example\0", Failure.EMAIL_INVALID),
    ("L11 kelvin sign", "mi\u212ae@staff.example", Failure.EMAIL_INVALID),
    ("L11 list", ["a@staff.example"], Failure.EMAIL_INVALID),
    ("L11 object", {"a": 1}, Failure.EMAIL_INVALID),
    ("L11 line end", "a@staff.example\r\nx: y", Failure.EMAIL_INVALID),
    ("L11 display name", "A <a@staff.example>", Failure.EMAIL_INVALID),
    ("L11 two addresses", "a@staff.example,b@staff.example", Failure.EMAIL_INVALID),
    ("L11 no at sign", "staff.example", Failure.EMAIL_INVALID),
    ("L11 absent", None, Failure.EMAIL_MISSING),
    ("L11 empty", "", Failure.EMAIL_MISSING),
]
"""Email claims that are no usable address."""


def _relabelled(members: dict[str, Any], algorithm: str) -> str:
    _, payload, signature = sign(members, signing_key()).split(".")
    return f"{_part({'alg': algorithm, 'kid': 'one'})}.{payload}.{signature}"
