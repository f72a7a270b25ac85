"""Compiling: every problem at once, and an update that equals compiling everything."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lychgate.core.formula import Opened
from lychgate.core.model import (
    Action,
    AppId,
    Destination,
    IdentityProvider,
    IdpId,
    ItemList,
    ListId,
    ListType,
    Organization,
    PolicyId,
    Records,
    Rule,
)
from lychgate.core.policy import Holds, holds, identity_facts
from lychgate.core.request import address
from lychgate.core.revocations import Revocations
from lychgate.core.salvage import salvage
from lychgate.core.selectors import Evidence, Login
from lychgate.core.snapshot import Setting, Snapshot, compile_snapshot, update_snapshot
from lychgate.errors import InvalidConfiguration, Problem
from tests.core.s1 import PAIR, ask
from tests.support.builders import (
    EVERYONE,
    NOW,
    STAFF,
    TEAM,
    a_group,
    a_keyring,
    a_policy,
    a_service_token,
    a_snapshot,
    a_user,
    an_app,
    email,
    ip,
    records,
    rule,
)

SETTING = Setting(TEAM)


def compiled(these: Records, setting: Setting = SETTING) -> Snapshot:
    return compile_snapshot(these, setting, a_keyring(), Revocations(), 1, NOW)


def problems(these: Records, setting: Setting = SETTING) -> list[tuple[str, str]]:
    with pytest.raises(InvalidConfiguration) as caught:
        compiled(these, setting)
    return [(problem.where, problem.message) for problem in caught.value.problems]


def test_every_problem_is_named_at_once() -> None:
    found = problems(
        records(
            an_app("app", policies=["gone", "bad"], allowed_idps=(IdpId("idp-9"),)),
            a_policy("bad", include=[rule("email", email="x"), rule("group", id="none")]),
            a_policy("empty", include=[]),
            a_policy("unused", include=[rule("telepathy")]),
        )
    )
    assert set(found) == {
        ("applications/app/policies/0", "there is no policy `gone`"),
        ("applications/app/allowed_idps/0", "there is no identity provider `idp-9`"),
        ("policies/bad/include/0", "`x` is not an email address"),
        ("policies/bad/include/1", "there is no group `none`"),
        ("policies/empty/include", "include is a required field and must not be empty"),
        ("policies/unused/include/0", "unknown selector `telepathy`"),
    }


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (rule("service_token", token_id="x"), "service token not found: `x`"),
        (rule("linked_app_token", app_uid="x"), "application not found: `x`"),
        (rule("login_method", id="x"), "identity provider not found: `x`"),
        (rule("okta", name="a", identity_provider_id="x"), "identity provider not found: `x`"),
        (rule("email_list", id="x"), "there is no EMAIL list `x`"),
    ],
)
def test_a_rule_must_name_what_exists(one: Any, message: str) -> None:
    policy = a_policy("p", Action.SERVICE_AUTH, [one])
    assert problems(records(policy)) == [("policies/p/include/0", message)]


@pytest.mark.parametrize(
    ("action", "one", "message"),
    [
        (Action.BYPASS, STAFF, "`email_domain` needs a login and cannot be used in bypass"),
        (
            Action.BYPASS,
            rule("linked_app_token", app_uid="app"),
            "`linked_app_token` can only be used with non_identity",
        ),
        (
            Action.DENY,
            rule("geo", country_code="PT"),
            "`geo` in a block policy needs the setting country_database",
        ),
    ],
)
def test_some_rules_do_not_fit_some_actions(action: Action, one: Any, message: str) -> None:
    direct = records(an_app("app", policies=["p"]), a_policy("p", action, [one]))
    assert problems(direct) == [("policies/p/include/0", message)]
    group = a_group("g", [one])
    inside = a_policy("p", action, [rule("group", id="g")])
    grouped = records(an_app("app", policies=["p"]), inside, group)
    assert ("groups/g/include/0", message) in problems(grouped)


def test_a_block_on_country_is_fine_with_a_country_file() -> None:
    policy = a_policy("p", Action.DENY, [rule("geo", country_code="PT")])
    compiled(records(policy), Setting(TEAM, country_known=True))


def test_A07_groups_that_hold_themselves_are_refused() -> None:
    one = a_group("one", [rule("group", id="two")])
    two = a_group("two", [EVERYONE], exclude=[rule("group", id="one")])
    assert any("contains itself" in message for _, message in problems(records(one, two)))
    chain = [a_group(f"g{n:02}", [rule("group", id=f"g{n + 1:02}")]) for n in range(40)]
    deep = records(*chain, a_group("g40", [EVERYONE]))
    assert ("groups/g24/include/0", "more than 16 groups within each other") in problems(deep)


def test_A07_groups_that_multiply_are_refused_in_little_time() -> None:
    wide = [a_group(f"g{n}", [rule("group", id=f"g{n + 1}")] * 10) for n in range(14)]
    assert problems(records(*wide, a_group("g14", [EVERYONE])))


@pytest.mark.parametrize("host", ["team.example", "TEAM.example"])
def test_the_team_domain_is_no_application(host: str) -> None:
    found = problems(records(an_app("app", host)))
    assert "team" in found[0][1] and found[0][0] == "applications/app/destinations"


@pytest.mark.parametrize(
    "header",
    ["cookie", "host", "connection", "cf-access-token", "cf-access-x", "x-lychgate-client-ip"],
)
def test_a_service_token_header_is_one_of_the_applications_own(header: str) -> None:
    found = problems(records(an_app("app", service_token_header=header)))
    assert found[0][0] == "applications/app/read_service_tokens_from_header"


@pytest.mark.parametrize("path", ["/a b", "/a%00", "/a%5c", "/caf\u00e9"])
def test_a_path_that_no_request_can_have_is_refused(path: str) -> None:
    assert problems(records(an_app("app", Destination("app.example", path))))
    assert problems(records(an_app("app", Destination("app.example", "/", (path,)))))


def test_the_newest_change_of_anything_that_decides_counts() -> None:
    for index in range(4):
        late = {index: NOW}
        group = replace(
            a_group("g", [rule("email_list", id="l")]), rules_changed_at=late.get(0, EARLY)
        )
        people = ItemList(ListId("l"), "l", ListType.EMAIL, (), late.get(1, EARLY))
        policy = a_policy("p", include=[rule("group", id="g")], rules_changed_at=late.get(2, EARLY))
        app = an_app("app", policies=["p"], rules_changed_at=late.get(3, EARLY))
        snapshot = a_snapshot(app, policy, group, people)
        assert snapshot.apps[AppId("app")].rules_changed_at == int(NOW.timestamp())


EARLY = NOW.replace(year=2020)


def test_a_policy_is_found_by_its_id() -> None:
    app = a_snapshot(an_app("app")).apps[AppId("app")]
    assert app.policy(PolicyId("staff")) is app.person[0]
    assert app.policy(PolicyId("gone")) is None
    assert app.policy(None) is None
    assert app.offers_login


# incremental update


def changed(previous: Snapshot, these: Records, *names: tuple[str, str]) -> Snapshot:
    return update_snapshot(
        previous, these, frozenset(names), a_keyring(), previous.revocations, 2, NOW
    )


def same(one: Snapshot, other: Snapshot) -> bool:
    return (
        one.apps == other.apps
        and one.by_audience == other.by_audience
        and one.by_client_id == other.by_client_id
        and one.routes == other.routes
        and one.records == other.records
        and one.compiled.policies == other.compiled.policies
    )


def test_no_change_keeps_what_was_compiled() -> None:
    before = a_snapshot(an_app("app"))
    after = changed(before, before.records)
    assert after.apps is before.apps
    assert after.revision == 2


def test_only_what_a_change_reaches_is_compiled() -> None:
    group = a_group("g", [STAFF])
    uses = a_policy("uses", include=[rule("group", id="g")])
    things = (an_app("one", policies=["uses"]), an_app("two"), a_policy(), uses)
    before = a_snapshot(*things, group)
    edited = records(*things, a_group("g", [EVERYONE]))
    after = changed(before, edited, ("group", "g"))
    assert after.apps[AppId("two")] is before.apps[AppId("two")]
    assert after.apps[AppId("one")] != before.apps[AppId("one")]
    renamed = replace(edited, organization=Organization(name="New"))
    named = changed(after, renamed, ("organization", ""))
    assert named.organization.name == "New"
    assert named.apps == after.apps


@pytest.mark.parametrize(
    ("kind", "id", "remove"),
    [
        ("group", "g", lambda r: replace(r, groups={})),
        ("list", "l", lambda r: replace(r, lists={})),
        ("service_token", "st1", lambda r: replace(r, service_tokens={})),
        ("identity_provider", "idp-2", lambda r: replace(r, identity_providers={})),
        ("application", "app", lambda r: replace(r, applications={})),
        ("policy", "staff", lambda r: replace(r, policies={})),
    ],
)
@pytest.mark.parametrize("attached", [True, False])
def test_nothing_that_a_rule_names_can_go(
    kind: str, id: str, remove: Callable[[Records], Records], attached: bool
) -> None:
    orphan = a_policy(
        "orphan",
        Action.SERVICE_AUTH,
        [
            rule("group", id="g"),
            rule("email_list", id="l"),
            rule("service_token", token_id="st1"),
            rule("login_method", id="idp-2"),
            rule("linked_app_token", app_uid="app"),
        ],
    )
    user = an_app("user", policies=["orphan", "staff"] if attached else ["staff"])
    people = ItemList(ListId("l"), "l", ListType.EMAIL, ())
    before = a_snapshot(
        an_app("app"), user, a_policy(), orphan, a_group("g", [STAFF]), people, a_service_token()
    )
    after = remove(before.records)
    if kind == "policy":
        after = replace(before.records, policies={PolicyId("orphan"): orphan})
    with pytest.raises(InvalidConfiguration):
        changed(before, after, (kind, id))
    with pytest.raises(InvalidConfiguration):
        compiled(after)


def test_what_many_name_is_compiled_once() -> None:
    people = ItemList(ListId("l"), "l", ListType.EMAIL, ("a@x.example",))
    group = a_group("g", [rule("email_list", id="l"), STAFF])
    uses = [a_policy(f"p{n}", include=[rule("group", id="g"), STAFF]) for n in range(2)]
    apps = [an_app(id, policies=["p0", "p1"]) for id in ("one", "two")]
    before = a_snapshot(*apps, *uses, group, people)
    one, two = (before.apps[AppId(id)].person for id in ("one", "two"))
    assert one[0] is two[0] and one[1] is two[1]
    opened = [policy.formula.include[0] for policy in one]
    assert isinstance(opened[0], Opened) and isinstance(opened[1], Opened)
    assert opened[0].formula is opened[1].formula
    after = changed(before, before.records, ("application", "one"))
    assert after.compiled is before.compiled
    assert after.apps[AppId("one")].person[0] is one[0]


def test_each_application_numbers_the_rules_of_a_shared_policy_for_itself() -> None:
    """The facts of a token are the rules about people of all its policies, in their order."""
    group = a_group("g", [email("a@x.example"), email("b@x.example")], exclude=[STAFF])
    office = a_policy("office", include=[ip("10.0.0.0/8")], require=[rule("group", id="g"), STAFF])
    first = a_policy("first", include=[email("c@x.example"), STAFF])
    before = a_snapshot(
        an_app("alone", policies=["office"]),
        an_app("behind", policies=["first", "office"]),
        office,
        first,
        group,
    )
    alone, behind = before.apps[AppId("alone")].person, before.apps[AppId("behind")].person
    assert [policy.first for policy in (*alone, *behind)] == [0, 0, 2]
    assert alone[0].formula is behind[1].formula
    seen = Evidence(ip=address("10.1.1.1"), login=Login.KNOWN, identity=a_user("b@x.example"))
    assert identity_facts(alone, seen) == 0b0010
    assert identity_facts(behind, seen) == 0b001000
    carried = replace(seen, identity=None)
    for policy, facts, says in (
        (alone[0], 0b1010, Holds.YES),
        (alone[0], 0b1110, Holds.NO),
        (behind[1], 0b101000, Holds.YES),
        (behind[1], 0b001010, Holds.NO),
    ):
        assert holds(policy, replace(carried, facts=facts)) is says


RULES = (
    STAFF,
    EVERYONE,
    rule("group", id="g1"),
    rule("group", id="g2"),
    rule("email_list", id="l"),
    rule("service_token", token_id="st1"),
    rule("linked_app_token", app_uid="a1"),
    rule("login_method", id="idp-2"),
    rule("ip", ip="10.0.0.0/8"),
)
PATTERNS = ("a.example", "a.example/x", "*.example", "*.example/x/*", "b.example/y", "a*.example")


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, str, Any]:
    """One object that comes, changes, or (None) goes."""
    kind = draw(
        st.sampled_from(
            ["application", "policy", "group", "list", "service_token", "identity_provider"]
        )
    )
    some = st.lists(st.sampled_from(RULES), min_size=1, max_size=2)
    if draw(st.integers(0, 4)) == 0:
        ids = {
            "application": "a1",
            "policy": "p1",
            "group": "g1",
            "list": "l",
            "service_token": "st1",
            "identity_provider": "idp-2",
        }
        return kind, ids[kind], None
    match kind:
        case "application":
            id = draw(st.sampled_from(["a1", "a2", "a3"]))
            where = draw(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2))
            uses = draw(st.lists(st.sampled_from(["p1", "p2"]), unique=True))
            return kind, id, an_app(id, *where, policies=uses)
        case "policy":
            id = draw(st.sampled_from(["p1", "p2"]))
            action = draw(st.sampled_from(Action))
            return kind, id, a_policy(id, action, draw(some), exclude=draw(some))
        case "group":
            id = draw(st.sampled_from(["g1", "g2"]))
            return kind, id, a_group(id, draw(some))
        case "list":
            kind_of = draw(st.sampled_from(ListType))
            return kind, "l", ItemList(ListId("l"), "l", kind_of, ("10.0.0.0/8",))
        case "service_token":
            id = draw(st.sampled_from(["st1", "st2"]))
            return kind, id, a_service_token(id, enabled=draw(st.booleans()))
    return kind, "idp-2", IdentityProvider(IdpId("idp-2"), draw(st.sampled_from("xy")), "oidc")


TABLES = {
    "application": "applications",
    "policy": "policies",
    "group": "groups",
    "list": "lists",
    "service_token": "service_tokens",
    "identity_provider": "identity_providers",
}


def applied(these: Records, kind: str, id: str, value: Any) -> Records:
    table = dict(getattr(these, TABLES[kind]))
    table.pop(id, None)
    if value is not None:
        table[id] = value
    tables: Any = {TABLES[kind]: table}
    return replace(these, **tables)


@settings(max_examples=120)
@given(st.lists(st.lists(edits(), min_size=1, max_size=3), min_size=1, max_size=8))
def test_an_update_equals_compiling_everything(steps: list[list[tuple[str, str, Any]]]) -> None:
    current = compiled(records(idps=(IdpId("idp-1"),)))
    for step in steps:
        after = current.records
        for kind, id, value in step:
            after = applied(after, kind, id, value)
        names = [(kind, id) for kind, id, _ in step]
        updated, whole = attempt(changed, current, after, *names), attempt(compiled, after)
        if isinstance(whole, frozenset):
            assert isinstance(updated, frozenset)
            assert updated <= whole
        else:
            assert isinstance(updated, Snapshot)
            assert same(updated, whole)
            current = updated


def attempt(make: Callable[..., Snapshot], *arguments: Any) -> Snapshot | frozenset[Problem]:
    try:
        return make(*arguments)
    except InvalidConfiguration as error:
        return frozenset(error.problems)


# a broken store


def test_X02_a_broken_application_refuses_and_the_others_work() -> None:
    broken = an_app(
        "broken",
        Destination("broken.example", "/", ("/open/*",)),
        policies=["gone"],
        options_preflight_bypass=True,
    )
    these = records(
        broken,
        an_app("header", "header.example", service_token_header="cookie"),
        an_app("path", Destination("path.example", "/a b")),
        an_app("app", policies=["machine"]),
        a_policy("machine", Action.SERVICE_AUTH, [rule("group", id="good")]),
        a_policy("unused", include=[rule("telepathy")]),
        a_group("good", [rule("service_token", token_id="st1")]),
        a_group("bad", [rule("group", id="bad")]),
        a_service_token(),
    )
    saved, found = salvage(these, SETTING)
    snapshot = compiled(saved)
    assert len(found) >= 3
    asking = {"origin": "https://x.example", "access-control-request-method": "GET"}
    for url in (
        "https://broken.example/",
        "https://broken.example/open/x",
        "https://header.example/",
    ):
        for method in ("GET", "OPTIONS"):
            decision = ask(url, asking, snapshot=snapshot, method=method)
            assert getattr(decision, "status", None) == 403, (url, method)
    entered = ask("https://app.example/", PAIR, snapshot=snapshot)
    assert entered.because.reason == "service_auth"


def test_X02_what_is_mended_opens_its_application_again() -> None:
    app = an_app("app", Destination("app.example", "/", ("/open/*",)), policies=["p"])
    broken = records(app, a_policy("p", include=[rule("telepathy")]))
    saved, _ = salvage(broken, SETTING)
    closed = compiled(saved)
    assert closed.apps[AppId("app")].person == ()
    mended = records(app, a_policy("p"))
    opened = changed(closed, mended, ("policy", "p"))
    assert same(opened, compiled(mended))
    assert opened.routes.exact["app.example"][0].public == ("/open/*",)


def test_what_is_whole_stays_as_it_is() -> None:
    these = records(an_app("app"), a_policy(), a_group("g", [STAFF]))
    assert salvage(these, SETTING) == (these, ())


def test_more_facts_than_a_cookie_holds_are_refused() -> None:
    emails = tuple(Rule("email", {"email": f"p{n}@example.com"}) for n in range(4001))
    many = a_policy(include=emails, require=(Rule("ip", {"ip": "192.0.2.0/24"}),))
    with pytest.raises(InvalidConfiguration, match="more than 4000 rules"):
        a_snapshot(an_app(), many)
