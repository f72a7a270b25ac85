"""The claim that lets a proxy leave out every question about the other claims: who gets it."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychgate.core.decide import decide
from lychgate.core.decision import Allow
from lychgate.core.model import Organization, Revocation, RevocationKind
from lychgate.core.revocations import Revocations
from lychgate.core.session import Token as Opened
from lychgate.core.session import oauth_assertion, org_claims, read, seconds, service_claims
from lychgate.core.tokens import Signed, sign
from lychgate.core.zerohop import rules_claim, vouched
from tests.support.builders import (
    NOW,
    TEAM,
    a_request,
    a_snapshot,
    a_user,
    an_app,
    claims_for,
    signing_key,
    verifier,
)

ALICE = a_user()
LOGIN = "session-0123456789abcdef"
APP, OTHER = an_app(), an_app("other", "other.example")
SNAPSHOT = a_snapshot(APP, OTHER)
COMPILED = SNAPSHOT.apps[APP.id]
PLAIN = claims_for(APP, ALICE, session=LOGIN)

ODD: tuple[Any, ...] = (
    *("", "x", "\n", "W10", "a@b.example", "a@b@c.example", "a b@c.example", "caf\xe9@c.example"),
    *("staff", "gone", LOGIN, LOGIN[:20], LOGIN + "\n", LOGIN + ",", ALICE.subject, "app", "org"),
    *("1", "1,2,0", 0, 1, -1, 1.5, 1e300, 2**40, True, False, None, (), ["app"], {}, {"a": "b"}),
    *([APP.audience], [OTHER.audience], APP.audience, [APP.audience, OTHER.audience], []),
    *(seconds(NOW), seconds(NOW) - 61, seconds(NOW) + 3600),
)
CLAIMS = (
    *("type", "aud", "iss", "sub", "email", "identity_nonce", "policy_id", "iat", "nbf", "exp"),
    *("facts", "common_name", "service_token_status", "linked_from", "linked_at", "grant_id"),
    *("client_id", "rules", "times", "newer_than", "binding", "country", "custom"),
)
CHANGES = st.dictionaries(st.sampled_from(CLAIMS), st.sampled_from(ODD), max_size=3)
GONE = st.sets(st.sampled_from(CLAIMS), max_size=2)


def as_a_header(value: object) -> str | None:
    """A claim as Envoy copies it, so that a proxy that saw the claims themselves could judge."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return value if isinstance(value, str) and value else "W10" if value else None


def shows_a_plain_token(claims: Mapping[str, Any]) -> bool:
    """What a proxy would test of each claim, if the issuer had not done it."""

    def fits(name: str, regex: str) -> bool:
        text = as_a_header(claims.get(name))
        return text is not None and re.fullmatch(regex, text) is not None

    times = [claims.get(name) for name in ("iat", "nbf", "exp")]
    return (
        claims.get("type") == "app"
        and claims.get("aud") == [APP.audience]
        and fits("sub", "[0-9a-f]{8}-[0-9a-f-]{27}")
        and fits("identity_nonce", "[A-Za-z0-9_-]{21,}")
        and (claims.get("email", "") == "" or fits("email", "[!-~]+@[!-~]+"))
        and fits("policy_id", "staff")
        and all(type(time) is int and 0 <= time < 2**40 for time in times)
        and claims["iat"] == claims["nbf"]
        and not {"facts", "common_name", "service_token_status", "client_id"} & set(claims)
        and not {"linked_from", "linked_at", "grant_id"} & set(claims)
    )


def allowed(claims: Mapping[str, Any]) -> bool:
    """Whether `decide` lets a token of these claims in."""
    headers = {"cookie": f"CF_Authorization={sign(claims, signing_key())}"}
    decision = decide(a_request(headers=headers), SNAPSHOT, verifier(SNAPSHOT), NOW)
    return isinstance(decision, Allow)


@given(CHANGES, GONE)
def test_exactly_the_plain_tokens_get_it_and_it_says_what_the_others_say(
    changes: Mapping[str, Any], gone: set[str]
) -> None:
    claims = {name: value for name, value in {**PLAIN, **changes}.items() if name not in gone}
    given_ = vouched(claims, COMPILED, Revocations())
    rest = {name: value for name, value in claims.items() if name not in ("rules", "times")}
    if not shows_a_plain_token(claims) or claims["iat"] <= COMPILED.rules_changed_at:
        assert given_ == rest
        return
    assert given_ == {
        **rest,
        "rules": rules_claim(COMPILED, Revocations()),
        "times": f"{claims['iat']},{claims['exp']},0",
    }
    alive = claims["exp"] > seconds(NOW) and claims["iat"] <= seconds(NOW) + 30
    ours = claims.get("iss") == TEAM.url
    # The issuer and the times themselves are what a proxy still looks at.
    assert allowed(given_) or not (alive and ours)


@given(CHANGES)
def test_decide_minds_neither_of_the_two_claims(changes: Mapping[str, Any]) -> None:
    claims = {**PLAIN, **changes}
    bare = {name: value for name, value in claims.items() if name not in ("rules", "times")}
    assert allowed(claims) == allowed(bare)


def test_a_token_that_is_vouched_for_twice_says_what_is_so_the_second_time() -> None:
    at = NOW - timedelta(seconds=90)
    gone = Revocation(RevocationKind.USER, ALICE.subject, at, at + timedelta(days=400))
    once = vouched(PLAIN, COMPILED, Revocations())
    twice = vouched(once, COMPILED, Revocations().adding([gone], NOW))
    assert once["times"].endswith(",0") and twice["times"].endswith(f",{seconds(at)}")
    at = NOW - timedelta(seconds=60)
    gone = Revocation(RevocationKind.USER, ALICE.subject, at, at + timedelta(days=400))
    assert vouched(once, COMPILED, Revocations().adding([gone], NOW)) == PLAIN


def test_tokens_of_machines_sessions_and_grants_never_get_it() -> None:
    hour = timedelta(hours=1)
    granted = {**PLAIN, "type": "oauth", "grant_id": "g", "client_id": "c"}
    for claims in (
        service_claims(TEAM, APP, "st1.token.example", NOW, hour),
        org_claims(TEAM, Organization(), ALICE, LOGIN, NOW),
        granted,
        {**granted, "type": "app"},
        {**PLAIN, "linked_from": "other", "linked_at": 1},
        claims_for(OTHER, ALICE, session=LOGIN),
        claims_for(APP, ALICE, session=LOGIN, facts=1),
    ):
        assert not {"rules", "times"} & set(vouched(claims, COMPILED, Revocations()))


@pytest.mark.parametrize("name", ["rules", "times"])
def test_an_assertion_behind_an_access_token_never_has_it(name: str) -> None:
    claims = vouched(PLAIN, COMPILED, Revocations()) | {"type": "oauth", "grant_id": "g"}
    token = read(Signed("kid", claims))
    assert isinstance(token, Opened)
    assert name in token.claims and name not in oauth_assertion(token, NOW)
