"""Which members of a body decide, and what the audit log may show."""

from datetime import timedelta

import pytest

from lychgate.store.base import Kind, Object, Source
from lychgate.store.deciding import for_audit, rules_changed_at
from tests.store.parts import START

LATER = START + timedelta(seconds=90)


def stored(kind: Kind, **body: object) -> Object:
    then = START.replace(microsecond=0)
    return Object(kind, "x", body, START, START, then, 1, Source.API, 1)


@pytest.mark.parametrize(
    ("kind", "member", "value"),
    [
        (Kind.POLICY, "decision", "deny"),
        (Kind.POLICY, "include", [{"everyone": {}}]),
        (Kind.POLICY, "require", [{"everyone": {}}]),
        (Kind.POLICY, "exclude", [{"everyone": {}}]),
        (Kind.POLICY, "session_duration", "1h"),
        (Kind.POLICY, "approval_required", True),
        (Kind.POLICY, "approval_groups", [{"approvals_needed": 1}]),
        (Kind.POLICY, "purpose_justification_required", True),
        (Kind.GROUP, "include", [{"everyone": {}}]),
        (Kind.GROUP, "exclude", [{"everyone": {}}]),
        (Kind.LIST, "items", [{"value": "a@example.com"}]),
        (Kind.APPLICATION, "policies", [{"id": "p1", "precedence": 1}]),
        (Kind.APPLICATION, "allowed_idps", ["idp-1"]),
        (Kind.APPLICATION, "type", "saas"),
        (Kind.APPLICATION, "destinations", [{"uri": "b.example.com"}]),
        (Kind.IDP, "config", {"client_id": "x"}),
    ],
)
def test_a_member_that_decides_moves_the_time(kind: Kind, member: str, value: object) -> None:
    before = stored(kind, name="x", decision="allow", type="self_hosted")
    after = {**before.body, member: value}
    assert rules_changed_at(before, after, kind, LATER) == LATER.replace(microsecond=0)


@pytest.mark.parametrize(
    ("kind", "member", "value"),
    [
        (Kind.POLICY, "name", "renamed"),
        (Kind.POLICY, "purpose_justification_prompt", "why?"),
        (Kind.POLICY, "exclude", []),
        (Kind.POLICY, "approval_required", False),
        (Kind.GROUP, "name", "renamed"),
        (Kind.LIST, "description", "more"),
        (Kind.APPLICATION, "name", "renamed"),
        (Kind.APPLICATION, "logo_url", "https://example.com/x.png"),
        (Kind.APPLICATION, "session_duration", "1h"),
    ],
)
def test_any_other_member_does_not(kind: Kind, member: str, value: object) -> None:
    before = stored(kind, name="x", decision="allow", type="self_hosted")
    after = {**before.body, member: value}
    assert rules_changed_at(before, after, kind, LATER) == START.replace(microsecond=0)


def test_the_audit_log_hides_what_is_named_like_a_secret() -> None:
    body = {
        "client_secret_hash": "abc",
        "client_secret_version": 2,
        "name": "x",
        "config": [{"user_password": "p", "client_id": "c"}],
    }
    assert for_audit(body) == {
        "client_secret_hash": "(hidden)",
        "client_secret_version": 2,
        "name": "x",
        "config": [{"user_password": "(hidden)", "client_id": "c"}],
    }
