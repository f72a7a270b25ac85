"""What a list of policies means: formulas, unknown and pending facts, groups, and the trace."""

from datetime import timedelta
from typing import Any

import pytest

from lychgate.core.admit import (
    Admitted,
    NeedsApproval,
    NeedsPurpose,
    Refused,
    admit,
    evaluations_needed,
    provider_allowed,
)
from lychgate.core.decision import Reason
from lychgate.core.formula import trace
from lychgate.core.model import (
    Action,
    AppId,
    ApprovalGroup,
    Group,
    IdpId,
    Policy,
    Rule,
)
from lychgate.core.policy import Holds, holds
from lychgate.core.request import address
from lychgate.core.selectors import Evidence, Login, Match
from lychgate.core.snapshot import CompiledApp
from tests.support.builders import (
    EVERYONE,
    IDP,
    OTHER_IDP,
    STAFF,
    a_group,
    a_policy,
    a_service_token,
    a_snapshot,
    a_user,
    an_app,
    email,
    ip,
    rule,
)

OFFICE = ip("10.9.0.0/16")
POSTURE = rule("device_posture", integration_uid="x")
ALICE = email("alice@staff.example")
BOB = email("bob@staff.example")
URLS = {"evaluate_url": "https://e.example/", "keys_url": "https://k.example/"}


def the_app(*policies: Policy, groups: tuple[Group, ...] = (), **more: Any) -> CompiledApp:
    app = an_app("app", policies=[policy.id for policy in policies], **more)
    return a_snapshot(app, *policies, *groups, a_service_token()).apps[AppId("app")]


def known(**more: Any) -> Evidence:
    return Evidence(ip=address("10.9.0.1"), login=Login.KNOWN, identity=a_user(), **more)


STRANGER = Evidence(ip=address("10.9.0.1"), login=Login.PENDING)


def holds_for(evidence: Evidence, policy: Policy, *groups: Group) -> str:
    app = the_app(policy, groups=groups)
    return holds((*app.person, *app.machine)[0], evidence).name


@pytest.mark.parametrize(
    ("include", "require", "exclude", "says"),
    [
        pytest.param([ALICE], [], [], "YES", id="include"),
        pytest.param([BOB], [], [], "NO", id="another"),
        pytest.param([BOB, ALICE], [], [], "YES", id="include is any"),
        pytest.param([ALICE], [OFFICE, STAFF], [], "YES", id="require is all"),
        pytest.param([ALICE], [OFFICE, BOB], [], "NO", id="not all"),
        pytest.param([ALICE], [], [BOB], "YES", id="exclude misses"),
        pytest.param([ALICE], [], [BOB, OFFICE], "NO", id="exclude beats include"),
        pytest.param([ALICE], [ALICE, BOB], [], "NO", id="two addresses can never both hold"),
        pytest.param([POSTURE], [], [], "NO", id="unknown does not admit"),
        pytest.param([ALICE], [POSTURE], [], "NO", id="unknown is not enough"),
        pytest.param([ALICE], [], [POSTURE], "NO", id="unknown excludes"),
    ],
)
def test_an_allow_matches(
    include: list[Rule], require: list[Rule], exclude: list[Rule], says: str
) -> None:
    policy = a_policy("p", Action.ALLOW, include, require, exclude)
    assert holds_for(known(), policy) == says


@pytest.mark.parametrize(
    ("include", "require", "exclude", "says"),
    [
        ([POSTURE], [], [], "YES"),
        ([ALICE], [POSTURE], [], "YES"),
        ([ALICE], [], [POSTURE], "YES"),
        ([BOB], [POSTURE], [], "NO"),
    ],
)
def test_an_unknown_fact_never_saves_from_a_block(
    include: list[Rule], require: list[Rule], exclude: list[Rule], says: str
) -> None:
    policy = a_policy("p", Action.DENY, include, require, exclude)
    assert holds_for(known(), policy) == says


@pytest.mark.parametrize("action", [Action.BYPASS, Action.SERVICE_AUTH])
def test_an_unknown_fact_opens_nothing(action: Action) -> None:
    assert holds_for(STRANGER, a_policy("p", action, [POSTURE])) == "NO"
    assert holds_for(STRANGER, a_policy("p", action, [EVERYONE], exclude=[POSTURE])) == "NO"
    assert holds_for(Evidence(), a_policy("p", action, [OFFICE])) == "NO"


@pytest.mark.parametrize(
    ("group", "placed", "says"),
    [
        pytest.param(a_group("g", [POSTURE]), "include", "NO", id="unknown group"),
        pytest.param(a_group("g", [POSTURE]), "exclude", "NO", id="unknown group excludes"),
        pytest.param(
            a_group("g", [EVERYONE], exclude=[POSTURE]), "exclude", "NO", id="best case excludes"
        ),
        pytest.param(
            a_group("g", [BOB], exclude=[POSTURE]), "exclude", "YES", id="no case excludes"
        ),
        pytest.param(a_group("g", [EVERYONE], exclude=[POSTURE]), "include", "NO", id="worst case"),
        pytest.param(a_group("g", [BOB, ALICE]), "require", "YES", id="a group is an or"),
    ],
)
def test_unknowns_inside_a_group_keep_both_cases(group: Group, placed: str, says: str) -> None:
    one = rule("group", id="g")
    sets: dict[str, list[Rule]] = {"include": [ALICE], "require": [], "exclude": []}
    sets[placed] = [one]
    assert holds_for(known(), a_policy("p", Action.ALLOW, **sets), group) == says


@pytest.mark.parametrize(
    ("action", "sets", "says"),
    [
        (Action.ALLOW, {"include": [STAFF]}, Holds.PENDING),
        (Action.ALLOW, {"include": [EVERYONE]}, Holds.YES),
        (Action.ALLOW, {"include": [EVERYONE], "exclude": [BOB]}, Holds.PENDING),
        (Action.ALLOW, {"include": [STAFF], "require": [ip("10.0.0.0/16")]}, Holds.NO),
        (Action.ALLOW, {"include": [STAFF], "require": [POSTURE]}, Holds.NO),
        (Action.DENY, {"include": [BOB]}, Holds.PENDING),
        (Action.DENY, {"include": [EVERYONE]}, Holds.YES),
        (Action.DENY, {"include": [BOB], "require": [POSTURE]}, Holds.PENDING),
    ],
)
def test_a_login_would_tell(action: Action, sets: dict[str, list[Rule]], says: Holds) -> None:
    assert holds_for(STRANGER, a_policy("p", action, **sets)) == says.name


def test_a_trace_shows_every_rule_and_what_it_saw() -> None:
    group = a_group("g", [BOB, POSTURE], exclude=[ALICE])
    policy = a_policy("p", include=[rule("group", id="g"), ALICE], require=[OFFICE], exclude=[BOB])
    app = the_app(policy, groups=(group,))
    steps = trace(app.person[0].formula, known())
    assert [(step.part, step.rule.kind, step.match) for step in steps] == [
        ("include", "group", Match.NO),
        ("include", "email", Match.YES),
        ("require", "ip", Match.YES),
        ("exclude", "email", Match.NO),
    ]
    assert [step.saw for step in steps[1:3]] == ["alice@staff.example", "10.9.0.1"]
    assert [step.match for step in steps[0].inside] == [Match.NO, Match.UNKNOWN, Match.YES]


@pytest.mark.parametrize(
    ("group", "evidence", "says"),
    [
        (a_group("g", [ALICE]), known(), Match.YES),
        (a_group("g", [ALICE]), STRANGER, Match.PENDING),
        (a_group("g", [POSTURE]), known(), Match.UNKNOWN),
        (a_group("g", [BOB]), known(), Match.NO),
    ],
)
def test_a_trace_says_what_a_group_says(group: Group, evidence: Evidence, says: Match) -> None:
    app = the_app(a_policy("p", include=[rule("group", id="g")]), groups=(group,))
    (step,) = trace(app.person[0].formula, evidence)
    assert (step.match, step.saw) == (says, "group g")


# admission


def test_the_first_policy_that_matches_admits() -> None:
    short = a_policy("short", include=[ALICE], session_duration=timedelta(minutes=5))
    assert admit(the_app(short, a_policy()), known()) == Admitted(
        short.id, "short", timedelta(minutes=5), 0
    )
    assert admit(the_app(a_policy("bob", include=[BOB]), a_policy()), known()) == Admitted(
        a_policy().id, "staff", timedelta(days=1), 0
    )


def test_nobody_is_admitted_without_a_match() -> None:
    block = a_policy("block", Action.DENY, [ALICE])
    assert admit(the_app(block, a_policy()), known()) == Refused(Reason.BLOCKED, block.id)
    nobody = Refused(Reason.NO_POLICY_MATCHED, None)
    assert admit(the_app(a_policy("bob", include=[BOB])), known()) == nobody
    assert admit(the_app(), known()) == nobody
    assert admit(the_app(a_policy()), Evidence(login=Login.KNOWN)) == nobody


def test_an_excluded_person_may_pass_by_the_next_policy() -> None:
    first = a_policy("first", include=[STAFF], exclude=[ALICE])
    admitted = admit(the_app(first, a_policy()), known())
    assert isinstance(admitted, Admitted)
    assert admitted.policy == "staff"


def test_an_application_may_take_some_providers_only() -> None:
    app = the_app(a_policy(), allowed_idps=(OTHER_IDP,))
    assert admit(app, known()) == Refused(Reason.NO_POLICY_MATCHED, None)
    assert provider_allowed(app, OTHER_IDP) and not provider_allowed(app, IDP)
    assert provider_allowed(the_app(a_policy()), IdpId("any"))


def test_some_policies_ask_for_more() -> None:
    groups = (ApprovalGroup(1, ("boss@staff.example",)),)
    purpose = a_policy("p", purpose_required=True, purpose_prompt="why?")
    approval = a_policy(
        "a",
        purpose_required=True,
        approval_required=True,
        approval_groups=groups,
        purpose_prompt="why?",
    )
    asked = admit(the_app(purpose), known())
    assert isinstance(asked, NeedsPurpose)
    assert (asked.prompt, asked.then.policy) == ("why?", "p")
    waits = admit(the_app(approval), known())
    assert isinstance(waits, NeedsApproval)
    assert (waits.groups, waits.then.policy) == (groups, "a")


def test_the_outcome_of_each_identity_rule_goes_along() -> None:
    policy = a_policy("p", include=[BOB, ALICE], require=[OFFICE])
    admitted = admit(the_app(policy), known())
    assert isinstance(admitted, Admitted)
    assert admitted.facts == 0b10


def test_external_evaluations_are_named_once() -> None:
    asks = rule("external_evaluation", **URLS)
    app = the_app(a_policy("p", include=[asks, asks]), a_policy("q", Action.DENY, [asks]))
    assert evaluations_needed(app) == ((URLS["evaluate_url"], URLS["keys_url"]),)
    assert admit(app, known()) == Refused(Reason.BLOCKED, app.person[1].id)
    said = known(evaluations={(URLS["evaluate_url"], URLS["keys_url"]): True})
    assert isinstance(admit(app, said), Admitted)
