"""What a proxy may prove alone: which applications, which destinations, which tokens."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lychgate.core.decide import decide
from lychgate.core.decision import Allow
from lychgate.core.model import (
    Action,
    AppId,
    Application,
    AppType,
    CookieSettings,
    Destination,
    Group,
    ManagedOAuth,
    Organization,
    Policy,
    Revocation,
    RevocationKind,
    Rule,
)
from lychgate.core.revocations import Revocations
from lychgate.core.session import seconds
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.tokens import header_text, sign
from lychgate.core.zerohop import CROWD, Unfit, grounds, opening, rules_claim, unfit, vouched
from tests.support.builders import (
    EVERYONE,
    NOW,
    TEAM,
    a_group,
    a_policy,
    a_request,
    a_service_token,
    a_snapshot,
    a_user,
    an_app,
    claims_for,
    ip,
    rule,
    signing_key,
    verifier,
)

ANY_TOKEN = rule("any_valid_service_token")
TOKEN = rule("service_token", token_id="st1")
LINKED = rule("linked_app_token", app_uid="other")
ALICE = a_user()
LOGIN = "session-0123456789abcdef"


def why(*policies: Policy, app: Application | None = None, **more: Any) -> Unfit | None:
    """Why an application with these policies is not fit, or None."""
    names = [policy.id for policy in policies]
    asked = replace(app or an_app(), policies=tuple(names))
    other = an_app("other", policies=())
    snapshot = a_snapshot(asked, other, a_service_token(), *policies, **more)
    return unfit(snapshot.apps[asked.id], snapshot)


def block(*include: Rule) -> Policy:
    return a_policy("block", Action.DENY, include)


def machine(action: Action, include: Iterable[Rule], require: Iterable[Rule] = ()) -> Policy:
    return a_policy("machine", action, include, require)


STAFF_ONLY = a_policy()
FIT = {
    "one Allow": (STAFF_ONLY,),
    "an Allow for everyone": (a_policy(include=[EVERYONE]),),
    "a Block on people": (block(rule("email", email="eve@staff.example")), STAFF_ONLY),
    "a service token": (machine(Action.SERVICE_AUTH, [TOKEN]), STAFF_ONLY),
    "any service token": (machine(Action.SERVICE_AUTH, [ANY_TOKEN]), STAFF_ONLY),
    "a linked application": (machine(Action.SERVICE_AUTH, [LINKED]), STAFF_ONLY),
    "a token from one address": (machine(Action.SERVICE_AUTH, [EVERYONE], [TOKEN]), STAFF_ONLY),
    "a bypass for tokens": (machine(Action.BYPASS, [ANY_TOKEN]), STAFF_ONLY),
}
UNFIT = {
    "no policy": ((), Unfit.NO_LOGIN),
    "only Block": ((block(EVERYONE),), Unfit.NO_LOGIN),
    "only machines": ((machine(Action.SERVICE_AUTH, [TOKEN]),), Unfit.NO_LOGIN),
    "an address in Allow": ((a_policy(require=[ip("10.0.0.0/8")]),), Unfit.EACH_REQUEST),
    "an address excluded": ((a_policy(exclude=[ip("10.0.0.0/8")]),), Unfit.EACH_REQUEST),
    "an address in Block": ((block(ip("10.0.0.0/8")), STAFF_ONLY), Unfit.EACH_REQUEST),
    "a bypass": ((machine(Action.BYPASS, [EVERYONE]), STAFF_ONLY), Unfit.WITHOUT_LOGIN),
    "a bypass by address": (
        (machine(Action.BYPASS, [ip("10.0.0.0/8")]), STAFF_ONLY),
        Unfit.WITHOUT_LOGIN,
    ),
    "a certificate": (
        (machine(Action.SERVICE_AUTH, [rule("certificate")]), STAFF_ONLY),
        Unfit.WITHOUT_LOGIN,
    ),
    "a token or an address": (
        (machine(Action.SERVICE_AUTH, [TOKEN, ip("10.0.0.0/8")]), STAFF_ONLY),
        Unfit.WITHOUT_LOGIN,
    ),
}


@pytest.mark.parametrize("name", FIT)
def test_policies_that_need_nothing_of_the_request(name: str) -> None:
    assert why(*FIT[name]) is None


@pytest.mark.parametrize("name", UNFIT)
def test_policies_that_need_something_of_it(name: str) -> None:
    policies, reason = UNFIT[name]
    assert why(*policies) is reason


def test_a_group_is_opened() -> None:
    tokens, mixed = a_group("tokens", [TOKEN]), a_group("mixed", [TOKEN, EVERYONE])

    def with_group(group: Group) -> Unfit | None:
        policy = machine(Action.SERVICE_AUTH, [rule("group", id=group.id)])
        app = an_app(policies=("machine", "staff"))
        snapshot = a_snapshot(app, group, policy, STAFF_ONLY, a_service_token())
        return unfit(snapshot.apps[app.id], snapshot)

    assert with_group(tokens) is None
    assert with_group(mixed) is Unfit.WITHOUT_LOGIN


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        (an_app(zero_hop=False), Unfit.SWITCHED_OFF),
        (replace(an_app(), type=AppType.MCP), Unfit.TYPE),
        (an_app(cookie=CookieSettings(binding=True)), Unfit.BINDING_COOKIE),
        (an_app("app", Destination("app.example", "/", ("/open",))), Unfit.DESTINATIONS),
        (an_app("app", "*app.example"), Unfit.DESTINATIONS),
        (an_app(oauth=ManagedOAuth()), None),
        (an_app(cookie=CookieSettings(path=True)), None),
        (an_app("app", "*.example"), None),
    ],
)
def test_settings_of_the_application(app: Application, reason: Unfit | None) -> None:
    assert why(STAFF_ONLY, app=app) is reason


def test_the_organization_switches_all_of_it_off() -> None:
    off = Organization(zero_hop=False)
    assert why(STAFF_ONLY, organization=off) is Unfit.SWITCHED_OFF


def owned(snapshot: Snapshot, app: str) -> list[tuple[str, str, list[str], list[str]]]:
    """The grounds of an application in words: host, path, what is cut out, hosts cut out."""
    return [
        (
            one.entry.host.text,
            one.entry.path.text,
            sorted(other.host.text + other.path.text for other in one.without),
            sorted(one.without_hosts),
        )
        for one in grounds(snapshot.apps[AppId(app)], snapshot)
    ]


def test_more_specific_destinations_of_others_are_cut_out() -> None:
    snapshot = a_snapshot(
        an_app("root", "a.example"),
        an_app("admin", "a.example/admin"),
        an_app("deep", "a.example/admin/deep", "a.example/other"),
        an_app("starred", "a.example/ad*"),
    )
    inside = ["a.example/ad*", "a.example/admin", "a.example/admin/deep", "a.example/other"]
    assert owned(snapshot, "root") == [("a.example", "/", inside, [])]
    assert owned(snapshot, "admin") == [("a.example", "/admin", ["a.example/admin/deep"], [])]
    assert owned(snapshot, "deep") == [
        ("a.example", "/admin/deep", [], []),
        ("a.example", "/other", [], []),
    ]
    assert owned(snapshot, "starred")[0][2] == ["a.example/admin", "a.example/admin/deep"]


def test_public_paths_of_ones_own_are_cut_out_as_well() -> None:
    app = an_app("app", "a.example", Destination("a.example", "/docs", ("/docs/open/*",)))
    snapshot = a_snapshot(app)
    assert owned(snapshot, "app") == [("a.example", "/", ["a.example/docs"], [])]


def test_below_a_star_literal_hosts_belong_to_others() -> None:
    snapshot = a_snapshot(
        an_app("star", "*.example"),
        an_app("literal", "a.example/only"),
        an_app("elsewhere", "a.b.example"),
        an_app("part", "*x.example"),
        an_app("below", "*.b.example"),
    )
    assert owned(snapshot, "star") == [
        ("*.example", "/", ["*x.example/"], ["a.example", "team.example"])
    ]
    assert owned(snapshot, "below") == [("*.b.example", "/", [], ["a.b.example"])]


def test_a_crowded_host_is_decided_request_by_request() -> None:
    apps = [an_app(f"p{number}", f"a.example/p{number}") for number in range(CROWD + 1)]
    root = an_app("root", "a.example")
    full = a_snapshot(root, *apps)
    assert unfit(full.apps[root.id], full) is Unfit.DESTINATIONS
    assert unfit(full.apps[apps[0].id], full) is None
    less = a_snapshot(root, *apps[1:])
    assert unfit(less.apps[root.id], less) is None


def revoked(kind: RevocationKind, key: str, before: float) -> Revocations:
    """One revocation so many seconds ago."""
    at = NOW - timedelta(seconds=before)
    one = Revocation(kind, key, at, at + timedelta(days=400))
    return Revocations().adding([one], NOW)


def compiled(*policies: Policy, **more: Any) -> CompiledApp:
    app = an_app(policies=[policy.id for policy in policies], **more)
    return a_snapshot(app, *policies).apps[app.id]


def issued(app: CompiledApp, revocations: Revocations | None = None, **more: Any) -> Any:
    """What a token issued 60 seconds ago says of rules, and of the person's revocations."""
    plain = claims_for(app.app, ALICE, **{"session": LOGIN, **more})
    claims = vouched(plain, app, revocations or Revocations())
    if "times" not in claims:
        return claims.get("rules"), None
    issued, ends, newest = claims["times"].split(",")
    assert (int(issued), int(ends)) == (claims["iat"], claims["exp"])
    return claims["rules"], int(newest)


def test_a_persons_token_says_what_it_was_issued_under() -> None:
    app = compiled(STAFF_ONLY)
    assert issued(app) == (rules_claim(app, Revocations()), 0)


@pytest.mark.parametrize("kind", [RevocationKind.USER, RevocationKind.SESSION])
def test_a_token_names_the_newest_revocation_before_it(kind: RevocationKind) -> None:
    app = compiled(STAFF_ONLY)
    key = ALICE.subject if kind is RevocationKind.USER else LOGIN
    before = revoked(kind, key, 61)
    assert issued(app, before) == (rules_claim(app, before), seconds(NOW) - 61)


def test_c08_a_token_of_the_second_of_a_revocation_or_change_is_never_vouched_for() -> None:
    app = compiled(STAFF_ONLY)
    for kind, key in (
        (RevocationKind.USER, ALICE.subject),
        (RevocationKind.SESSION, LOGIN),
        (RevocationKind.APP, "app"),
    ):
        assert issued(app, revoked(kind, key, 60)) == (None, None)
        assert issued(app, revoked(kind, key, 59)) == (None, None)
        assert issued(app, revoked(kind, key, 61)) != (None, None)
    changed = replace(app, rules_changed_at=seconds(NOW) - 60)
    assert issued(changed) == (None, None)


@pytest.mark.parametrize("claim", ["sub", "identity_nonce"])
def test_a_token_of_nobody_is_never_vouched_for(claim: str) -> None:
    nobody: dict[str, Any] = {claim: ""}
    assert issued(compiled(STAFF_ONLY), **nobody) == (None, None)


def test_a_policy_that_tests_requests_is_never_vouched_for() -> None:
    app = compiled(STAFF_ONLY, block(ip("10.0.0.0/8")))
    assert issued(app) == (None, None)
    assert issued(compiled(STAFF_ONLY), policy="gone") == (None, None)


def test_the_claim_changes_with_rules_and_with_a_revocation_of_the_application() -> None:
    app = compiled(STAFF_ONLY)
    none = Revocations()
    claims = {
        rules_claim(app, none),
        rules_claim(replace(app, rules_changed_at=5), none),
        rules_claim(replace(app, settled=frozenset()), none),
        rules_claim(app, revoked(RevocationKind.APP, "app", 5)),
        rules_claim(app, revoked(RevocationKind.APP, "app", 6)),
    }
    assert len(claims) == 5
    assert rules_claim(app, revoked(RevocationKind.USER, ALICE.subject, 5)) in claims
    assert rules_claim(replace(app, rules_changed_at=5), none).startswith("5.")


def test_every_token_of_an_application_begins_alike() -> None:
    app = an_app()
    begin = f"{header_text(signing_key())}.{opening(app.audience, TEAM)}"
    for user in (ALICE, a_user("bob@staff.example", groups=("x",) * 9)):
        assert sign(claims_for(app, user), signing_key()).startswith(begin)
    for changes in ({"type": "meta"}, {"aud": [app.audience, "x"]}, {"aud": app.audience}):
        assert not sign(claims_for(app, ALICE, **changes), signing_key()).startswith(begin)


def test_what_is_vouched_for_is_what_decide_allows() -> None:
    app = an_app()
    snapshot = a_snapshot(app)
    claims = claims_for(app, ALICE, session=LOGIN)
    claims = vouched(claims, snapshot.apps[app.id], snapshot.revocations)
    assert "times" in claims
    headers = {"cookie": f"CF_Authorization={sign(claims, signing_key())}"}
    decision = decide(a_request(headers=headers), snapshot, verifier(snapshot), NOW)
    assert isinstance(decision, Allow)
