"""One application calls another for its visitor, through both real proxies, and what is refused."""

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest

from lychgate.core.keys import seal
from lychgate.core.session import MANAGED_PURPOSE, OAUTH_PREFIX, SAAS_PURPOSE
from tests.support.both import Answers, Both, claims_of
from tests.support.catalogue import (
    ALICE,
    BOB,
    ST1_ID,
    ST1_SECRET,
    TEAM,
    Catalogue,
    next_second,
    real_now,
    wait_for,
)
from tests.support.front import Seen

B_PATH, C_PATH, SAAS_PATH = "/linked/x", "/chain/x", "/from-saas/x"


def in_force() -> None:
    """Wait as long as a revocation may take; tokens of its very second are dead as well."""
    time.sleep(1)
    next_second()


def assertion_at(seen: Seen) -> str:
    """The assertion an origin got."""
    (token,) = seen.all("cf-access-jwt-assertion")
    return token


def at(fronts: Both, path: str, token: str, name: str = "Cf-Access-Token") -> Answers:
    """A call of an application under `b.example` with a token."""
    value = f"Bearer {token}" if name == "Authorization" else token
    return fronts.ask(path, "b.example", ((name, value),))


def saas_token(catalogue: Catalogue, email: str, purpose: str = SAAS_PURPOSE, **more: Any) -> str:
    """An access token such as the token endpoint seals, for the SaaS application."""
    name = "SAAS" if purpose == SAAS_PURPOSE else "OA"
    kind = "saas" if purpose == SAAS_PURPOSE else "oauth"
    claims = catalogue.claims(email, name) | {"type": kind, "grant_id": "g-test", "client_id": "c"}
    key = catalogue.store.keys.keyring().sealing_key()
    return seal(key, purpose, claims | more, secrets.token_bytes(12))


def test_s06_flow_1_an_application_hands_on_its_assertion(fronts: Both) -> None:
    source = fronts.ask_as(ALICE, "ROOT")
    for seen_at_root in source.ok(ALICE, "ROOT"):
        token = assertion_at(seen_at_root)
        before = claims_of(token)
        for seen in at(fronts, B_PATH, token).ok(ALICE, "LB"):
            after = claims_of(assertion_at(seen))
            assert after["exp"] <= before["exp"] and after["sub"] == before["sub"]
            assert after["linked_from"] == fronts.catalogue.app("ROOT").app.id
            assert seen.all("cf-access-token") == ()


def test_s07_a_chain_goes_on_and_never_lives_longer(fronts: Both) -> None:
    token = fronts.catalogue.token(ALICE, "ROOT")
    for seen in at(fronts, B_PATH, token).ok(ALICE, "LB"):
        at_b = assertion_at(seen)
        for last in at(fronts, C_PATH, at_b).ok(ALICE, "LC"):
            at_c = claims_of(assertion_at(last))
            assert at_c["exp"] <= claims_of(at_b)["exp"] <= claims_of(token)["exp"]
            assert at_c["linked_from"] == fronts.catalogue.app("ROOT").app.id


def test_s07_a_step_without_a_rule_is_refused(fronts: Both) -> None:
    at(fronts, C_PATH, fronts.catalogue.token(ALICE, "ROOT")).denied(403)


def test_s06_flow_2_a_saas_application_sends_its_access_token(fronts: Both) -> None:
    token = saas_token(fronts.catalogue, ALICE)
    for seen in at(fronts, SAAS_PATH, token, "Authorization").ok(ALICE, "LS"):
        claims = claims_of(assertion_at(seen))
        assert claims["type"] == "app"
        assert claims["linked_from"] == fronts.catalogue.app("SAAS").app.id
        assert seen.all("authorization") == ()


def test_a_machine_of_one_application_stays_a_machine_at_the_next(fronts: Both) -> None:
    pair = (("Cf-Access-Client-Id", ST1_ID), ("Cf-Access-Client-Secret", ST1_SECRET))
    for seen in fronts.ask("/", "b.example", pair).ok(ST1_ID, "B"):
        at(fronts, B_PATH, assertion_at(seen)).denied(403)


def id_token(catalogue: Catalogue) -> str:
    """An ID token: ours by signature, made for a client and not for an application."""
    now = int(real_now().timestamp())
    return catalogue.sign(
        {"iss": f"https://{TEAM}", "aud": "client", "sub": "s", "iat": now, "exp": now + 300}
    )


def id_token_at_saas(catalogue: Catalogue) -> str:
    """An ID token whose audience is the one the rule names."""
    claims = catalogue.claims(ALICE, "ROOT")
    return catalogue.sign({name: value for name, value in claims.items() if name != "type"})


REFUSED: dict[str, Callable[[Catalogue], str]] = {
    "wrong audience": lambda c: c.token(ALICE, "ROOT", aud=["0" * 64]),
    "several audiences": lambda c: c.token(ALICE, "ROOT", aud=[c.aud("ROOT"), c.aud("LB")]),
    "expired": lambda c: c.sign(c.claims(ALICE, "ROOT", life=-1)),
    "org": lambda c: c.sign(c.org_claims(ALICE)),
    "meta": lambda c: c.token(ALICE, "ROOT", type="meta"),
    "id token": id_token,
    "id token of that audience": id_token_at_saas,
    "other application": lambda c: c.token(BOB, "ADM"),
    "other account": lambda c: c.token(ALICE, "ROOT", iss="https://other.example"),
    "managed oauth": lambda c: saas_token(c, ALICE, MANAGED_PURPOSE),
    "managed oauth, as sent": lambda c: OAUTH_PREFIX + saas_token(c, ALICE, MANAGED_PURPOSE),
    "saas access token": lambda c: saas_token(c, ALICE),
    "junk": lambda c: "junk",
    "long": lambda c: "x" * 7000,
    "empty": lambda c: "",
}


@pytest.mark.parametrize("name", REFUSED)
def test_s06_what_is_no_linked_token_is_refused(fronts: Both, name: str) -> None:
    at(fronts, B_PATH, REFUSED[name](fronts.catalogue)).denied(403)


@pytest.mark.parametrize(
    "make",
    [
        lambda c: saas_token(c, ALICE, exp=int(real_now().timestamp()) - 1),
        lambda c: saas_token(c, ALICE, aud=[c.aud("ROOT")]),
        lambda c: OAUTH_PREFIX + saas_token(c, ALICE, MANAGED_PURPOSE),
        lambda c: saas_token(c, ALICE, MANAGED_PURPOSE),
        lambda c: saas_token(c, ALICE)[:-4] + "AAAA",
        lambda c: c.token(ALICE, "ROOT"),
        id_token,
    ],
    ids=["expired", "audience", "managed", "managed, bare", "tampered", "assertion", "id token"],
)
def test_s06_no_other_bearer_is_a_linked_token(
    fronts: Both, make: Callable[[Catalogue], str]
) -> None:
    at(fronts, SAAS_PATH, make(fronts.catalogue), "Authorization").denied(403)


def test_two_headers_or_both_ways_are_refused(fronts: Both) -> None:
    token = fronts.catalogue.token(ALICE, "ROOT")
    twice = (("Cf-Access-Token", token), ("Cf-Access-Token", token))
    fronts.ask(B_PATH, "b.example", twice).denied(403)
    bearers = tuple(
        ("Authorization", f"Bearer {saas_token(fronts.catalogue, ALICE)}") for _ in "12"
    )
    fronts.ask(SAAS_PATH, "b.example", bearers).denied(403)


def test_s06_a_saas_application_is_no_target(fronts: Both) -> None:
    """Its policy names the other application; a token of that one still opens nothing here."""
    base = "/cdn-cgi/access/sso/oidc/saas-client"
    query = "client_id=saas-client&redirect_uri=https://saas.example/callback&response_type=code"
    asked = f"{base}/authorization?{query}&scope=openid&prompt=none"
    token = fronts.catalogue.token(ALICE, "ROOT")
    for name, value in (
        ("Cf-Access-Token", token),
        ("Authorization", f"Bearer {token}"),
        ("Cookie", f"CF_Authorization={token}"),
    ):
        for one in fronts.ask(asked, TEAM, ((name, value),)):
            location = one.reply.header("location") or ""
            assert one.reply.status == 302 and "error=login_required" in location and one.refused()
        for one in fronts.ask(f"{base}/userinfo", TEAM, ((name, value),)):
            assert one.reply.status == 401 and one.refused()


def test_s06_revoking_the_grant_the_session_or_the_person_ends_it(fronts: Both) -> None:
    catalogue = fronts.catalogue
    store = catalogue.store

    def fresh(email: str) -> tuple[str, str, str]:
        person = catalogue.person(email)
        token = catalogue.token(email, "ROOT")
        grant = f"g-{secrets.token_hex(4)}"
        return token, saas_token(catalogue, email, grant_id=grant), person.session + " " + grant

    cases: list[tuple[str, Callable[[str, str], object], bool]] = [
        ("carol@staff.example", lambda _, g: store.revocations.revoke_grant(g, real_now()), False),
        ("dave@staff.example", lambda s, _: store.revocations.revoke_session(s, real_now()), True),
        (
            "erin@staff.example",
            lambda *_: store.revocations.revoke_user("erin@staff.example", real_now()),
            True,
        ),
    ]
    for email, revoke, both_flows in cases:
        token, access, names = fresh(email)
        at(fronts, B_PATH, token).ok(email, "LB")
        at(fronts, SAAS_PATH, access, "Authorization").ok(email, "LS")
        session, grant = names.split(" ")
        revoke(session, grant)
        in_force()
        at(fronts, SAAS_PATH, access, "Authorization").denied(403)
        if both_flows:
            at(fronts, B_PATH, token).denied(403)


def test_s06_revoking_the_tokens_of_the_source_ends_what_came_from_them(fronts: Both) -> None:
    catalogue = fronts.catalogue
    token = catalogue.token(ALICE, "ROOT")
    chained = [assertion_at(seen) for seen in at(fronts, B_PATH, token).ok(ALICE, "LB")]
    catalogue.store.revocations.revoke_app(catalogue.app("ROOT").app.id, real_now())
    in_force()
    at(fronts, B_PATH, token).denied(403)
    for one in chained:
        at(fronts, C_PATH, one).denied(403)
    at(fronts, B_PATH, catalogue.token(ALICE, "ROOT")).ok(ALICE, "LB")


def test_the_log_names_the_person_and_where_the_token_came_from(fronts: Both) -> None:
    catalogue = fronts.catalogue
    at(fronts, B_PATH, catalogue.token("frank@staff.example", "ROOT")).ok(
        "frank@staff.example", "LB"
    )
    root, target = catalogue.app("ROOT").app.id, catalogue.app("LB").app.id

    def lines() -> list[dict[str, Any]]:
        found = [json.loads(x) for x in catalogue.output().splitlines() if x.startswith("{")]
        return [one for one in found if one.get("user") == "frank@staff.example"]

    wait_for(lambda: len(lines()) == len(catalogue.fronts))
    for line in lines():
        assert (line["app"], line["reason"]) == (target, "service_auth")
        assert line["detail"] == f"linked from {root}" and line["session"] and line["policy"]


def test_a_good_token_that_no_rule_accepts_is_logged_as_such(fronts: Both) -> None:
    catalogue = fronts.catalogue
    at(fronts, C_PATH, catalogue.token(ALICE, "ROOT")).denied(403)
    target = catalogue.app("LC").app.id

    def reasons() -> set[str]:
        found = [json.loads(x) for x in catalogue.output().splitlines() if x.startswith("{")]
        return {str(one.get("reason")) for one in found if one.get("app") == target}

    wait_for(lambda: "linked_token_not_allowed" in reasons())
