"""Administrators' changes: all or nothing, checked, audited, and read back by what is new."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from lychgate.errors import InvalidConfiguration
from lychgate.store.base import (
    AuditFilter,
    Catalogue,
    Edit,
    Kind,
    NotFound,
    Put,
    SecretInBody,
    Source,
)
from tests.store.parts import (
    ADMIN,
    START,
    FixedClock,
    Opened,
    Place,
    delete,
    policy,
    put,
    small_model,
)

SECRET = "a-very-secret-value"


def test_a_new_store_is_empty_and_has_keys(store: Opened) -> None:
    changes = store.changes(0)
    assert changes.complete
    assert changes.objects == ()
    assert changes.keyring is not None
    assert len(changes.keyring.signing) == len(changes.keyring.sealing) == 1
    assert changes.revision == store.revision()


def test_an_object_reads_back_as_it_was_put(store: Opened) -> None:
    body = {"name": "a policy", "decision": "allow", "include": [{"everyone": {}}], "n": [1, None]}
    revision = put(store, Put(Kind.POLICY, "p1", body, source=Source.FILE))
    found = store.object(Kind.POLICY, "p1")
    assert found is not None
    assert (found.body, found.source, found.revision) == (body, Source.FILE, revision)
    assert found.created_at == found.updated_at == START
    assert store.objects(Kind.POLICY) == (found,)
    assert store.objects(Kind.GROUP) == ()
    assert store.object(Kind.GROUP, "p1") is None


def test_text_no_database_likes_is_kept(store: Opened) -> None:
    put(store, policy("p1", "nul \0, lone \ud800, and \U0001f600"))
    found = store.object(Kind.POLICY, "p1")
    assert found is not None and found.body["name"] == "nul \0, lone \ud800, and \U0001f600"


def test_objects_keep_their_order_of_creation(store: Opened) -> None:
    put(store, policy("b"), policy("a"))
    put(store, policy("c"))
    put(store, policy("b", "renamed"))
    assert [one.id for one in store.objects(Kind.POLICY)] == ["b", "a", "c"]


def test_each_change_raises_the_revision(store: Opened) -> None:
    first = put(store, policy("p1"))
    second = put(store, policy("p2"))
    assert second == first + 1 == store.revision()


def test_a_change_that_changes_nothing_keeps_the_revision(store: Opened) -> None:
    revision = put(store, policy("p1"))
    assert put(store, policy("p1")) == revision
    assert put(store) == revision
    assert len(store.audit.query(AuditFilter())) == 1


def test_the_owner_alone_is_a_change(store: Opened) -> None:
    revision = put(store, policy("p1"))
    assert put(store, replace(policy("p1"), source=Source.FILE)) == revision + 1


def test_the_plan_sees_the_present_state(store: Opened) -> None:
    revision = put(store, policy("p1", "one"))

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        found = catalogue.object(Kind.POLICY, "p1")
        assert found is not None and catalogue.objects(Kind.POLICY) == (found,)
        assert catalogue.revision == revision
        return [policy("p1", found.body["name"] + " more")]

    store.change(ADMIN, plan)
    found = store.object(Kind.POLICY, "p1")
    assert found is not None and found.body["name"] == "one more"


def test_a_refused_change_names_every_problem_and_writes_nothing(store: Opened) -> None:
    before = put(store, policy("p1"))
    app = Put(Kind.APPLICATION, "a1", {"name": "app", "policies": [{"id": "missing"}]})
    with pytest.raises(InvalidConfiguration) as refused:
        put(store, policy("p2"), app, policy("p3", "broken"), policy("p1", "renamed"))
    assert {one.where for one in refused.value.problems} == {"application/a1", "policy/p3"}
    assert store.revision() == before
    assert [one.id for one in store.objects(Kind.POLICY)] == ["p1"]
    assert store.objects(Kind.APPLICATION) == ()
    assert len(store.audit.query(AuditFilter())) == 1
    assert put(store, policy("p2")) == before + 1


def test_bodies_that_do_not_read_are_all_named(store: Opened) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        put(store, policy("p1", unreadable=True), policy("p2"), policy("p3", unreadable=True))
    assert [one.where for one in refused.value.problems] == ["policy/p1", "policy/p3"]


def test_a_plan_that_raises_writes_nothing(store: Opened) -> None:
    before = store.revision()

    def plan(_: Catalogue) -> Sequence[Edit]:
        raise NotFound("there is no such thing")

    with pytest.raises(NotFound):
        store.change(ADMIN, plan)
    assert store.revision() == before


def test_deleting_what_is_referred_to_is_refused(store: Opened) -> None:
    app = Put(Kind.APPLICATION, "a1", {"name": "app", "policies": [{"id": "p1"}]})
    put(store, policy("p1"), app)
    with pytest.raises(InvalidConfiguration):
        put(store, delete(Kind.POLICY, "p1"))
    put(store, delete(Kind.POLICY, "p1"), delete(Kind.APPLICATION, "a1"))
    assert store.changes(0).objects == ()


def test_deleting_what_is_not_there_is_not_found(store: Opened) -> None:
    with pytest.raises(NotFound):
        put(store, delete(Kind.POLICY, "nobody"))


def test_put_and_delete_in_one_change_leave_nothing(store: Opened) -> None:
    revision = store.revision()
    assert put(store, policy("p1"), delete(Kind.POLICY, "p1")) == revision


def test_changes_tell_only_what_is_new(store: Opened) -> None:
    put(store, policy("p1"), policy("p2"))
    since = put(store, policy("p3"))
    revision = put(store, policy("p1", "renamed"), delete(Kind.POLICY, "p2"))
    changes = store.changes(since)
    assert not changes.complete
    assert changes.revision == revision
    assert [one.id for one in changes.objects] == ["p1"]
    assert changes.deleted == ((Kind.POLICY, "p2"),)
    assert changes.keyring is None
    assert changes.revocations == ()
    assert store.changes(revision).objects == ()


def test_what_comes_back_is_no_longer_deleted(store: Opened) -> None:
    since = put(store, policy("p1"))
    put(store, delete(Kind.POLICY, "p1"))
    put(store, policy("p1", "again"))
    changes = store.changes(since)
    assert changes.deleted == ()
    assert [one.body["name"] for one in changes.objects] == ["again"]


def test_a_reader_ahead_of_a_restored_store_reads_everything(store: Opened) -> None:
    revision = put(store, policy("p1"))
    changes = store.changes(revision + 5)
    assert changes.complete and [one.id for one in changes.objects] == ["p1"]


def test_every_change_is_in_the_audit_log_of_its_transaction(store: Opened) -> None:
    put(store, policy("p1", "one"))
    revision = put(store, policy("p1", "two"))
    put(store, delete(Kind.POLICY, "p1"))
    gone, changed, made = store.audit.query(AuditFilter(target="policy/p1"))
    assert (made.action, changed.action, gone.action) == ("put", "put", "delete")
    assert (changed.actor, changed.actor_kind, changed.request_id) == (
        ADMIN.name,
        ADMIN.kind,
        ADMIN.request_id,
    )
    assert changed.revision == revision
    assert "before" not in made.details
    assert changed.details["before"]["name"] == "one"
    assert changed.details["after"]["name"] == "two"
    assert "after" not in gone.details


def test_secrets_are_sealed_kept_replaced_and_dropped(store: Opened) -> None:
    first = {"client_secret": SECRET, "other": "x"}
    put(store, replace(policy("p1"), secrets=first))
    assert store.secrets(Kind.POLICY, "p1") == first
    put(store, policy("p1", "renamed"))
    assert store.secrets(Kind.POLICY, "p1") == first
    revision = store.revision()
    assert put(store, replace(policy("p1", "renamed"), secrets={"other": "y"})) == revision + 1
    assert store.secrets(Kind.POLICY, "p1") == {"other": "y"}
    put(store, delete(Kind.POLICY, "p1"))
    put(store, policy("p1"))
    assert store.secrets(Kind.POLICY, "p1") == {}


def test_a_secret_is_nowhere_in_the_audit_log_or_in_a_repr(store: Opened) -> None:
    edit = replace(
        policy("p1", password=SECRET, deep=[{"x_secret": SECRET}]), secrets={"s": SECRET}
    )
    put(store, edit)
    put(store, policy("p1"))
    events = store.audit.query(AuditFilter())
    assert SECRET not in repr([event.details for event in events])
    assert events[1].details["secrets_replaced"] == ["s"]
    assert SECRET not in repr(replace(edit, body={}))


@pytest.mark.parametrize("where", ["top", "deep"])
def test_a_secret_in_a_body_is_refused(store: Opened, where: str) -> None:
    members: dict[str, object] = {"client_secret": SECRET}
    body = members if where == "top" else {"config": [members]}
    with pytest.raises(SecretInBody) as refused:
        put(store, policy("p1", **body))
    assert SECRET not in str(refused.value)
    assert store.object(Kind.POLICY, "p1") is None


def test_a_name_does_not_move_the_time_of_the_rules(store: Opened, clock: FixedClock) -> None:
    put(store, policy("p1", include=[{"everyone": {}}]))
    clock.pass_(seconds=10)
    put(store, policy("p1", "renamed", include=[{"everyone": {}}], exclude=[]))
    found = store.object(Kind.POLICY, "p1")
    assert found is not None
    assert found.rules_changed_at == START.replace(microsecond=0)
    assert found.updated_at == clock.now


def test_a_rule_moves_the_time_of_the_rules(store: Opened, clock: FixedClock) -> None:
    put(store, policy("p1", include=[{"everyone": {}}]))
    now = clock.pass_(seconds=10)
    put(store, policy("p1", include=[{"email": {"email": "a@example.com"}}]))
    found = store.object(Kind.POLICY, "p1")
    assert found is not None and found.rules_changed_at == now.replace(microsecond=0)


def test_the_time_of_the_rules_never_goes_back(store: Opened, clock: FixedClock) -> None:
    put(store, policy("p1"))
    clock.pass_(hours=-1)
    put(store, policy("p1", include=[{"everyone": {}}]))
    found = store.object(Kind.POLICY, "p1")
    assert found is not None and found.rules_changed_at == START.replace(microsecond=0)


def test_only_what_changed_is_compiled(place: Place, store: Opened, clock: FixedClock) -> None:
    put(store, *(policy(f"p{n}") for n in range(300)))
    other = place.open(clock)
    put(other, policy("p7", "other's"))
    put(store, policy("p8", "ours"))
    assert store.mirror.current is not None
    snapshot = store.mirror.current.snapshot
    assert snapshot.changed == {(Kind.POLICY, "p7"), (Kind.POLICY, "p8")}
    assert snapshot.names["p7"] == "other's"
    assert len(snapshot.names) == 300
    other.close()


def test_a_stored_body_that_no_longer_reads_can_be_repaired(store: Opened, place: Place) -> None:
    put(store, policy("p1"), policy("p2"))
    stricter = place.open(store.mirror.clock)
    stricter.mirror.to_model = _refuse_p1
    with pytest.raises(InvalidConfiguration):
        put(stricter, policy("p3"))
    put(stricter, delete(Kind.POLICY, "p1"), policy("p3"))
    assert [one.id for one in stricter.objects(Kind.POLICY)] == ["p2", "p3"]
    stricter.close()


def _refuse_p1(kind: str, id: str, body: Mapping[str, Any], changed: datetime, /) -> object:
    return small_model(kind, id, {**body, "unreadable": id == "p1"}, changed)


def test_a_position_of_another_server_is_no_place_to_go_on_from(store: Opened) -> None:
    put(store, policy("p1"))
    here = store.position()
    elsewhere = replace(here, server="another")
    assert not store.each_change(here, lambda _: None).complete
    assert store.each_change(elsewhere, lambda _: None).complete
