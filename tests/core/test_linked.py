"""A token of one application at another: who is let in by a rule, as whom, and for how long."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lychgate.core.decide import decide
from lychgate.core.decision import Allow, Decision, Deny, Reason, Redirect
from lychgate.core.identity import Service, User
from lychgate.core.keys import seal
from lychgate.core.model import (
    Action,
    AppId,
    Application,
    AppType,
    Audience,
    ManagedOAuth,
    Revocation,
    RevocationKind,
    SaasClient,
)
from lychgate.core.revocations import Revocations
from lychgate.core.session import (
    MANAGED_PURPOSE,
    OAUTH_PREFIX,
    SAAS_PURPOSE,
    Token,
    TokenType,
    open_token,
    service_claims,
)
from lychgate.core.snapshot import Snapshot
from lychgate.core.tokens import Rejected, sign
from lychgate.errors import InvalidConfiguration
from tests.support.builders import (
    NOW,
    TEAM,
    a_policy,
    a_request,
    a_service_token,
    a_snapshot,
    a_team_token,
    a_token,
    a_user,
    an_app,
    claims_for,
    ip,
    rule,
    sealing_key,
    signing_key,
)

ALICE = a_user("alice@staff.example")


def from_app(name: str, *require: Any) -> Any:
    """A Service Auth policy that takes tokens of an application."""
    linked = rule("linked_app_token", app_uid=name)
    return a_policy(f"from-{name}", Action.SERVICE_AUTH, [linked], require)


A = an_app("a", oauth=ManagedOAuth())
B = an_app("b", policies=["from-a", "staff"])
C = an_app("c", policies=["from-b"])
D = an_app("d", policies=["from-saas"])
BLOCKED = an_app("blocked", policies=["nobody", "from-saas"])
OTHER = an_app("other")
SAAS = Application(AppId("saas"), Audience("5" * 64), "saas", AppType.SAAS)
POLICIES = (
    a_policy(),
    from_app("a"),
    from_app("b"),
    from_app("saas"),
    a_policy("nobody", Action.DENY, [rule("everyone")]),
)
THINGS = (A, B, C, D, BLOCKED, OTHER, SAAS, *POLICIES, a_service_token())
SNAPSHOT = a_snapshot(*THINGS)


def ask(
    host: str, headers: dict[str, str], snapshot: Snapshot = SNAPSHOT, late: int = 0
) -> Decision:
    now = NOW + timedelta(seconds=late)

    def verify(text: str) -> Token | Rejected:
        return open_token(text, snapshot.keyring, now)

    return decide(a_request(f"https://{host}/x", headers=headers), snapshot, verify, now)


def with_token(host: str, token: str, snapshot: Snapshot = SNAPSHOT, late: int = 0) -> Decision:
    return ask(host, {"cf-access-token": token}, snapshot, late)


def with_bearer(host: str, token: str, snapshot: Snapshot = SNAPSHOT, late: int = 0) -> Decision:
    return ask(host, {"authorization": f"Bearer {token}"}, snapshot, late)


def access_token(app: Application = SAAS, **changes: Any) -> str:
    """An access token of a SaaS application."""
    claims = claims_for(app, ALICE, type=TokenType.SAAS, grant_id="g1", client_id="c1", **changes)
    return seal(sealing_key(), SAAS_PURPOSE, claims, b"n" * 12)


def managed_token(app: Application = A) -> str:
    """An access token of managed OAuth."""
    claims = claims_for(app, ALICE, type=TokenType.OAUTH, grant_id="g1", client_id="c1")
    return OAUTH_PREFIX + seal(sealing_key(), MANAGED_PURPOSE, claims, b"n" * 12)


def minted(decision: Decision) -> dict[str, Any]:
    """The claims of the token that the origin gets."""
    assert isinstance(decision, Allow) and decision.mint is not None, decision
    assert decision.mint.cookie is None
    return dict(decision.mint.claims)


def test_a_linked_token_is_never_proved_by_a_proxy_alone() -> None:
    token = a_token(A, ALICE, rules="0" * 32, times="1,2,0")
    assert not {"rules", "times"} & set(minted(with_token("b.example", token)))


def test_s06_the_token_of_a_linked_application_enters_with_its_person() -> None:
    decision = with_token("b.example", a_token(A, ALICE))
    claims = minted(decision)
    assert (claims["aud"], claims["sub"], claims["email"]) == (
        [B.audience],
        ALICE.subject,
        ALICE.email,
    )
    assert (claims["linked_from"], claims["type"]) == ("a", "app")
    assert isinstance(decision, Allow)
    principal = decision.because.principal
    assert isinstance(principal, User)
    assert (principal.email, principal.linked_from) == (ALICE.email, "a")
    assert decision.because.detail == "linked from a"
    assert "cf-access-token" in decision.remove_headers


def test_s07_it_never_lives_longer_than_what_it_comes_from() -> None:
    short = a_token(A, ALICE, issued=NOW - timedelta(minutes=1), life=timedelta(minutes=5))
    claims = minted(with_token("b.example", short))
    assert claims["exp"] == NOW.timestamp() + 240
    day = a_token(A, ALICE, life=timedelta(days=30))
    assert minted(with_token("b.example", day))["exp"] == NOW.timestamp() + 86400


def test_s07_a_chain_needs_a_rule_at_each_step() -> None:
    at_b = minted(with_token("b.example", a_token(A, ALICE, life=timedelta(minutes=5)), late=1))
    token = sign(at_b, signing_key())
    at_c = minted(with_token("c.example", token, late=2))
    assert (at_c["aud"], at_c["linked_from"], at_c["email"]) == ([C.audience], "a", ALICE.email)
    assert at_c["exp"] <= at_b["exp"]
    refused = with_token("c.example", a_token(A, ALICE))
    assert isinstance(refused, Deny) and refused.because.reason is Reason.LINKED_TOKEN_NOT_ALLOWED
    back = with_token("a.example", token, late=2)
    assert isinstance(back, Redirect) and back.because.reason is Reason.LINKED_TOKEN_NOT_ALLOWED


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (a_token(OTHER, ALICE), Reason.LINKED_TOKEN_NOT_ALLOWED),
        (a_team_token(ALICE), Reason.TOKEN_INVALID),
        (a_token(A, ALICE, type="meta"), Reason.TOKEN_INVALID),
        (a_token(A, ALICE, type=None), Reason.TOKEN_INVALID),
        (a_token(A, ALICE, iss="https://other.example"), Reason.TOKEN_INVALID),
        (a_token(A, ALICE, aud=[A.audience, B.audience]), Reason.TOKEN_INVALID),
        (a_token(A, ALICE, aud=["0" * 64]), Reason.TOKEN_INVALID),
        (a_token(A, ALICE, life=timedelta(seconds=30)), Reason.TOKEN_EXPIRED),
        (managed_token(), Reason.TOKEN_INVALID),
        (access_token(), Reason.TOKEN_INVALID),
        ("junk", Reason.TOKEN_INVALID),
    ],
    ids=["other", "org", "meta", "id", "team", "two", "none", "late", "oauth", "saas", "junk"],
)
def test_s06_nothing_else_enters_as_a_linked_token(token: str, reason: Reason) -> None:
    decision = with_token("b.example", token)
    assert isinstance(decision, Redirect) and decision.because.reason is reason


def test_its_own_token_needs_no_rule() -> None:
    decision = with_token("b.example", a_token(B, ALICE))
    assert isinstance(decision, Allow) and decision.because.reason is Reason.ALLOWED


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (RevocationKind.USER, ALICE.subject),
        (RevocationKind.SESSION, "session-1"),
        (RevocationKind.APP, "a"),
    ],
)
def test_s06_revoking_person_session_or_source_ends_it(kind: RevocationKind, key: str) -> None:
    gone = Revocations().adding([Revocation(kind, key, NOW, NOW + timedelta(days=9))], NOW)
    revoked = a_snapshot(*THINGS, revocations=gone)
    assert isinstance(with_token("b.example", a_token(A, ALICE), revoked), Redirect)
    chained = sign(minted(with_token("b.example", a_token(A, ALICE))), signing_key())
    assert isinstance(with_token("c.example", chained, revoked, late=1), Deny)


def test_a_token_older_than_the_rules_of_its_application_is_not_linked() -> None:
    changed = an_app("a", rules_changed_at=NOW)
    snapshot = a_snapshot(*[changed if one is A else one for one in THINGS])
    assert isinstance(with_token("b.example", a_token(A, ALICE), snapshot), Redirect)


def test_a_requirement_on_the_request_must_hold_as_well() -> None:
    inside = a_policy(
        "from-a", Action.SERVICE_AUTH, [rule("linked_app_token", app_uid="a")], [ip("10.0.0.0/8")]
    )
    snapshot = a_snapshot(A, an_app("b", policies=["from-a"]), inside, a_policy())
    refused = with_token("b.example", a_token(A, ALICE), snapshot)
    assert isinstance(refused, Deny) and refused.because.reason is Reason.LINKED_TOKEN_NOT_ALLOWED


def test_a_machine_stays_a_machine() -> None:
    issued = NOW - timedelta(minutes=1)
    claims = service_claims(TEAM, A, "st1.access", issued, timedelta(hours=1))
    claims["service_token_status"] = True
    decision = with_token("b.example", sign(claims, signing_key()))
    assert isinstance(decision, Allow)
    assert isinstance(decision.because.principal, Service)
    told = minted(decision)
    assert (told["sub"], told["common_name"]) == ("", "st1.access") and "email" not in told


# flow 2: the access token of a SaaS application, as bearer


def test_s06_the_access_token_of_a_saas_application_enters() -> None:
    decision = with_bearer("d.example", access_token())
    claims = minted(decision)
    assert (claims["aud"], claims["email"], claims["type"]) == ([D.audience], ALICE.email, "app")
    assert claims["linked_from"] == "saas" and "client_id" not in claims
    assert isinstance(decision, Allow) and "authorization" in decision.remove_headers


def test_a_grant_that_was_revoked_enters_nowhere() -> None:
    row = Revocation(RevocationKind.GRANT, "g1", NOW, NOW + timedelta(days=1))
    snapshot = a_snapshot(*THINGS, revocations=Revocations().adding([row], NOW))
    refused = with_bearer("d.example", access_token(), snapshot)
    assert isinstance(refused, Deny) and refused.because.reason is Reason.NO_POLICY_MATCHED


@pytest.mark.parametrize(
    "token",
    [
        access_token(life=timedelta(seconds=10)),
        access_token(OTHER),
        access_token(iss="https://other.example"),
        access_token()[:-2] + "AA",
        managed_token(),
        a_token(SAAS, ALICE),
        seal(sealing_key(), "another purpose", claims_for(SAAS, ALICE), b"n" * 12),
    ],
    ids=["late", "other", "team", "tampered", "managed", "jwt", "purpose"],
)
def test_s06_no_other_bearer_enters(token: str) -> None:
    assert isinstance(with_bearer("d.example", token), Deny)


def test_a_foreign_bearer_is_the_origins_and_proves_nothing() -> None:
    assert isinstance(with_bearer("d.example", "theirs"), Deny)
    own = ask(
        "b.example",
        {"authorization": "Bearer theirs", "cookie": f"CF_Authorization={a_token(B, ALICE)}"},
    )
    assert isinstance(own, Allow) and "authorization" not in own.remove_headers


def test_where_everybody_is_blocked_that_is_what_is_said() -> None:
    refused = with_token("blocked.example", a_token(A, ALICE))
    assert isinstance(refused, Deny) and refused.because.reason is Reason.BLOCKED


def test_a_client_id_names_one_saas_application() -> None:
    one = replace(SAAS, saas=SaasClient("crm", ("https://crm.example/cb",)))
    other = replace(one, id=AppId("other-saas"), audience=Audience("6" * 64))
    snapshot = a_snapshot(one, a_policy())
    with pytest.raises(InvalidConfiguration) as refused:
        a_snapshot(one, other, a_policy())
    assert {problem.where for problem in refused.value.problems} == {
        "applications/saas/saas_app/client_id",
        "applications/other-saas/saas_app/client_id",
    }
    renamed = replace(other, saas=SaasClient("erp", ("https://erp.example/cb",)))
    assert len(a_snapshot(one, renamed, a_policy()).apps) == len(snapshot.apps) + 1
