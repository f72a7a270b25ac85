"""Rows J01 to J13 through both proxies, each token in the cookie and in `Cf-Access-Token`."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lychgate.core.keys import OVERLAP, SigningKey, new_signing_key
from lychgate.core.tokens import sign
from tests.security.listener import Listener
from tests.support.both import Answers, Both
from tests.support.catalogue import ALICE, Catalogue, real_now, wait_for

type Forge = Callable[[Catalogue], str]


def b64(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def key(catalogue: Catalogue) -> SigningKey:
    """The key that signs."""
    return catalogue.store.keys.keyring().current(real_now())


def good(catalogue: Catalogue) -> str:
    """Alice's own token."""
    return catalogue.token(ALICE, "ROOT")


def signed(catalogue: Catalogue, header: Mapping[str, Any] | bytes, claims: object = None) -> str:
    """A token with any header and claims, really signed with our key (RS256)."""
    body = catalogue.claims(ALICE, "ROOT") if claims is None else claims
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    text = f"{b64(head)}.{b64(payload)}"
    signature = key(catalogue).private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{b64(signature)}"


def with_header(catalogue: Catalogue, **changed: object) -> str:
    """Alice's token with another header, really signed."""
    return signed(catalogue, {"alg": "RS256", "kid": key(catalogue).kid, "typ": "JWT"} | changed)


def with_claims(catalogue: Catalogue, **changed: object) -> str:
    """Alice's token with claims that our own signing would not take, really signed."""
    claims = catalogue.issued(catalogue.claims(ALICE, "ROOT") | changed, "ROOT")
    return signed(catalogue, {"alg": "RS256", "kid": key(catalogue).kid, "typ": "JWT"}, claims)


def both_ways(both: Both, token: str) -> list[Answers]:
    """A token presented as a cookie and as a header."""
    return [
        both.ask(headers=(("Cookie", f"CF_Authorization={token}"),)),
        both.ask(headers=(("Cf-Access-Token", token),)),
    ]


def refused(both: Both, forge: Forge) -> None:
    """The token leads to the login; the good one it was made from is good."""
    for answers in both_ways(both, forge(both.catalogue)):
        answers.login("ROOT")


def forgeries(**forges: Forge) -> pytest.MarkDecorator:
    """One test for each way to forge."""
    values = list(forges.values())
    return pytest.mark.parametrize("forge", values, ids=list(forges))


def test_a_good_token_is_good_both_ways(both: Both) -> None:
    for answers in both_ways(both, good(both.catalogue)):
        answers.ok(ALICE, "ROOT")
    for answers in both_ways(both, with_header(both.catalogue)):
        answers.ok(ALICE, "ROOT")


@forgeries(
    none=lambda c: jwt.encode(c.claims(ALICE, "ROOT"), "", "none", {"kid": key(c).kid}),
    none_with_our_signature=lambda c: with_header(c, alg="none"),
    none_in_capitals=lambda c: with_header(c, alg="NONE"),
    empty_signature=lambda c: good(c).rpartition(".")[0] + ".",
    two_segments=lambda c: good(c).rpartition(".")[0],
    four_segments=lambda c: good(c) + "." + good(c).rpartition(".")[2],
    json_form=lambda c: b64(json.dumps({"payload": good(c), "signatures": []}).encode()),
    no_algorithm=lambda c: signed(c, {"kid": key(c).kid}),
    list_of_algorithms=lambda c: with_header(c, alg=["RS256"]),
)
def test_J01_unsigned_or_stripped(both: Both, forge: Forge) -> None:
    refused(both, forge)


def public_forms(catalogue: Catalogue) -> dict[str, bytes]:
    """Everything public about our key that a verifier might take for an HMAC secret."""
    public = key(catalogue).private.public_key()
    form = serialization.PublicFormat
    number = public.public_numbers().n
    encodings = serialization.Encoding
    return {
        "pem": public.public_bytes(encodings.PEM, form.SubjectPublicKeyInfo),
        "pem stripped": public.public_bytes(encodings.PEM, form.SubjectPublicKeyInfo).strip(),
        "der": public.public_bytes(encodings.DER, form.SubjectPublicKeyInfo),
        "pkcs1": public.public_bytes(encodings.PEM, form.PKCS1),
        "certificate": key(catalogue).certificate_pem.encode(),
        "n": b64(number.to_bytes(256, "big")).encode(),
        "kid": key(catalogue).kid.encode(),
        "empty": b"\0",
    }


@pytest.mark.parametrize("name", ["HS256", "hs256", "RS256"])
def test_J02_hmac_with_what_everybody_knows(both: Both, name: str) -> None:
    catalogue = both.catalogue
    head = b64(json.dumps({"alg": name, "kid": key(catalogue).kid, "typ": "JWT"}).encode())
    text = f"{head}.{b64(json.dumps(catalogue.claims(ALICE, 'ROOT')).encode())}"
    for secret in public_forms(catalogue).values():
        mac = hmac.HMAC(secret, hashes.SHA256())
        mac.update(text.encode())
        both.ask(headers=(("Cookie", f"CF_Authorization={text}.{b64(mac.finalize())}"),)).login(
            "ROOT"
        )


def test_J03_a_key_inside_the_token(both: Both) -> None:
    mine = rsa.generate_private_key(65537, 2048)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(mine.public_key()))
    with Listener() as listener:
        headers: list[dict[str, object]] = [
            {"jwk": jwk},
            {"jku": listener.url},
            {"x5u": listener.url},
            {"x5c": ["MIIB"]},
            {"jwk": jwk, "kid": key(both.catalogue).kid},
            {"kid": listener.url},
        ]
        for header in headers:
            claims = both.catalogue.claims(ALICE, "ROOT")
            refused(both, lambda _, h=header, c=claims: jwt.encode(c, mine, "RS256", h))  # type: ignore[misc]
            refused(both, lambda c, h=header: with_header(c, **h))  # type: ignore[misc]
        assert listener.connections == 0


def elsewhere(catalogue: Catalogue) -> str:
    """A token of another installation with the same name."""
    old = new_signing_key(real_now() - OVERLAP - timedelta(days=2))
    return sign(catalogue.claims(ALICE, "ROOT"), old)


@forgeries(
    path=lambda c: with_header(c, kid="../../etc/x"),
    sql=lambda c: with_header(c, kid="' OR '1'='1"),
    nul=lambda c: with_header(c, kid=key(c).kid + "\0"),
    case=lambda c: with_header(c, kid=key(c).kid.upper()),
    number=lambda c: with_header(c, kid=1),
    null=lambda c: with_header(c, kid=None),
    list=lambda c: with_header(c, kid=[key(c).kid]),
    nested=lambda c: with_header(c, kid={"a": key(c).kid}),
    absent=lambda c: signed(c, {"alg": "RS256", "typ": "JWT"}),
    long=lambda c: with_header(c, kid="k" * 5000),
    twice=lambda c: signed(c, b'{"alg":"none","alg":"RS256","kid":"x"}'),
    another_installation=elsewhere,
    surrogate=lambda c: signed(c, b'{"alg":"RS256","kid":"\\ud800"}'),
)
def test_J04_kid_abuse(both: Both, forge: Forge) -> None:
    refused(both, forge)


@forgeries(
    unknown=lambda c: with_header(c, crit=["x"]),
    empty=lambda c: with_header(c, crit=[]),
    b64=lambda c: with_header(c, crit=["b64"], b64=False),
    exp=lambda c: with_header(c, crit=["exp"], exp=2**33),
    zipped=lambda c: with_header(c, zip="DEF"),
)
def test_J05_crit_and_members_we_do_not_know(both: Both, forge: Forge) -> None:
    refused(both, forge)


@forgeries(
    ps256=lambda c: jwt.encode(
        c.claims(ALICE, "ROOT"), key(c).private, "PS256", {"kid": key(c).kid}
    ),
    rs512=lambda c: jwt.encode(
        c.claims(ALICE, "ROOT"), key(c).private, "RS512", {"kid": key(c).kid}
    ),
    rs384=lambda c: jwt.encode(
        c.claims(ALICE, "ROOT"), key(c).private, "RS384", {"kid": key(c).kid}
    ),
    lower_case=lambda c: with_header(c, alg="rs256"),
    blank=lambda c: with_header(c, alg="RS256 "),
)
def test_J06_another_algorithm_with_the_right_key(both: Both, forge: Forge) -> None:
    refused(both, forge)


def changed(**claims: object) -> Forge:
    """Alice's token with other claims, really signed."""
    return lambda catalogue: catalogue.token(ALICE, "ROOT", **claims)


def without(name: str) -> Forge:
    """Alice's token without a claim, really signed."""

    def forge(catalogue: Catalogue) -> str:
        claims = catalogue.claims(ALICE, "ROOT")
        del claims[name]
        return catalogue.sign(catalogue.issued(claims, "ROOT"))

    return forge


def org(catalogue: Catalogue) -> str:
    """Alice's team session."""
    return catalogue.sign(catalogue.org_claims(ALICE))


@forgeries(
    org=org,
    org_for_the_application=lambda c: c.sign(c.org_claims(ALICE) | {"aud": [c.aud("ROOT")]}),
    meta=changed(type="meta"),
    missing=without("type"),
    list=changed(type=["app"]),
    other=changed(type="saas"),
    launcher=changed(type="app_launcher"),
    capitals=changed(type="APP"),
    number=changed(type=1),
    claims_are_a_list=lambda c: signed(c, {"alg": "RS256", "kid": key(c).kid}, [1]),
    claims_are_text=lambda c: signed(c, {"alg": "RS256", "kid": key(c).kid}, b'"x"'),
    claims_are_nothing=lambda c: signed(c, {"alg": "RS256", "kid": key(c).kid}, b""),
    claims_are_not_utf8=lambda c: signed(c, {"alg": "RS256", "kid": key(c).kid}, b"\xff"),
)
def test_J07_type_confusion(both: Both, forge: Forge) -> None:
    refused(both, forge)


@forgeries(
    another_app=lambda c: c.token(ALICE, "B"),
    list_of_two=lambda c: c.token(ALICE, "ROOT", aud=[c.aud("ROOT"), c.aud("B")]),
    list_of_the_same=lambda c: c.token(ALICE, "ROOT", aud=[c.aud("ROOT")] * 2),
    empty=changed(aud=[]),
    number=changed(aud=1),
    null=changed(aud=None),
    missing=without("aud"),
    nested=lambda c: c.token(ALICE, "ROOT", aud=[[c.aud("ROOT")]]),
    object=lambda c: c.token(ALICE, "ROOT", aud={c.aud("ROOT"): 1}),
    prefix=lambda c: c.token(ALICE, "ROOT", aud=[c.aud("ROOT")[:-1]]),
    capitals=lambda c: c.token(ALICE, "ROOT", aud=[c.aud("ROOT").upper()]),
)
def test_J08_audience(both: Both, forge: Forge) -> None:
    refused(both, forge)


@forgeries(
    other=changed(iss="https://other.example"),
    slash=changed(iss="https://team.example/"),
    capitals=changed(iss="https://TEAM.example"),
    list=lambda c: with_claims(c, iss=["https://team.example"]),
    prefix=changed(iss="https://team.example.evil"),
    http=changed(iss="http://team.example"),
    missing=without("iss"),
)
def test_J09_issuer(both: Both, forge: Forge) -> None:
    refused(both, forge)


def raw_time(name: str, value: str) -> Forge:
    """Alice's token with a time written as no JSON library would."""

    def forge(catalogue: Catalogue) -> str:
        text = json.dumps(catalogue.claims(ALICE, "ROOT") | {name: "@"}).replace('"@"', value)
        return signed(catalogue, {"alg": "RS256", "kid": key(catalogue).kid}, text.encode())

    return forge


@forgeries(
    no_exp=without("exp"),
    no_iat=without("iat"),
    exp_text=changed(exp="4102444800"),
    exp_float=raw_time("exp", "1e300"),
    exp_400_digits=raw_time("exp", "9" * 400),
    exp_true=changed(exp=True),
    exp_null=changed(exp=None),
    exp_nan=raw_time("exp", "NaN"),
    exp_infinity=raw_time("exp", "Infinity"),
    exp_fraction=raw_time("exp", "4102444800.5"),
    exp_list=changed(exp=[4102444800]),
    exp_negative=changed(exp=-1),
    exp_past=lambda c: c.token(ALICE, "ROOT", exp=int(time.time()) - 1),
    exp_now=lambda c: c.token(ALICE, "ROOT", exp=int(time.time())),
    nbf_ahead=lambda c: c.token(ALICE, "ROOT", nbf=int(time.time()) + 3600),
    iat_ahead=lambda c: c.token(ALICE, "ROOT", iat=int(time.time()) + 3600),
    nbf_text=changed(nbf="0"),
    iat_old=changed(iat=1, nbf=1),
)
def test_J10_time_claims(both: Both, forge: Forge) -> None:
    refused(both, forge)


def spellings(token: str) -> list[str]:
    """Texts that some decoders take for the same token."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(token[-1])
    within = [token[:-1] + alphabet[last // 4 * 4 + step] for step in range(4)]
    return [token, token + "==", token + "=", f"{token} ", f" {token}", token + "%0A", *within]


def test_J11_no_spelling_of_a_token_outlives_its_revocation(both: Both) -> None:
    catalogue, email = both.catalogue, "speller@staff.example"
    person = catalogue.person(email)
    token = catalogue.token(email, "ROOT")
    for spelling in spellings(token):
        for answers in both_ways(both, spelling):
            assert all(one.reply.status in (200, 302) for one in answers)
    catalogue.store.revocations.revoke_session(person.session, real_now())
    sent = (("Cookie", f"CF_Authorization={token}"),)
    wait_for(lambda: all(one.reply.status == 302 for one in both.ask(headers=sent)), 5)
    for spelling in spellings(token):
        for answers in both_ways(both, spelling):
            answers.login("ROOT")


@forgeries(
    brackets=lambda c: signed(c, b"[" * 3000),
    nested_claims=lambda c: signed(c, {"alg": "RS256", "kid": key(c).kid}, b"[" * 4000),
    digits=lambda c: signed(c, b'{"alg":"RS256","kid":' + b"9" * 5000 + b"}"),
    long=lambda c: "a." * 2 + "x" * 20000,
    long_signature=lambda c: good(c) + "x" * 20000,
)
def test_J12_a_token_too_large_or_too_deep(both: Both, forge: Forge) -> None:
    token = forge(both.catalogue)
    started = time.monotonic()
    refused(both, lambda _: token)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_J12_a_token_larger_than_any_header_is_the_proxys_to_refuse(both: Both, size: int) -> None:
    for answers in both_ways(both, "a." * 2 + "x" * size):
        answers.bad()


def test_J13_a_flood_of_unknown_keys_slows_nobody(both: Both) -> None:
    catalogue = both.catalogue

    def median(token: Forge) -> float:
        taken = []
        for _ in range(15):
            sent = token(catalogue)
            started = time.monotonic()
            both.ask(headers=(("Cookie", f"CF_Authorization={sent}"),))
            taken.append(time.monotonic() - started)
        return sorted(taken)[len(taken) // 2]

    quiet = median(good)
    flood = [with_header(catalogue, kid=f"{number:064x}") for number in range(100)]
    for token in flood:
        both.ask(headers=(("Cookie", f"CF_Authorization={token}"),)).login("ROOT")
    assert median(good) < quiet * 3 + 0.02
