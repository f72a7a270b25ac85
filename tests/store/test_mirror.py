"""What a process holds of the store: reading everything again changes what differs, no more."""

import gc
import weakref
from dataclasses import replace
from datetime import timedelta

from lychgate.core.model import Organization, PolicyId
from lychgate.store.base import Kind, Position, Put
from lychgate.store.feed import Feed
from tests.store.parts import START, FixedClock, Place, Snap, delete, policy, put, real_clock


def test_a_body_that_reads_as_before_changes_nothing(place: Place) -> None:
    store = place.open(FixedClock())
    put(store, policy("p1", "one"), policy("p2", "two"), policy("p3", "three"))
    store.mirror.refresh(store)
    mirror, base = store.mirror, store.mirror.current
    assert base is not None
    put(store, policy("p2", "renamed"), delete(Kind.POLICY, "p3"))
    draft = mirror.draft(base)
    changes = store.each_change(Position(0), draft.visit)
    assert changes.complete
    way = mirror.advance(base, draft, changes)
    assert draft.changed == {(Kind.POLICY, "p2"), (Kind.POLICY, "p3")}
    after = way.finish(mirror.compile, changes.revision, START)
    assert after.snapshot.previous == base.state.revision
    assert after.snapshot.names == {"p1": "one", "p2": "renamed"}
    id = PolicyId("p1")
    assert after.state.records.policies[id] is base.state.records.policies[id]
    store.close()


def test_the_organization_is_a_change_like_any_other(place: Place) -> None:
    store = place.open(FixedClock())
    put(store, Put(Kind.ORGANIZATION, "a", {"name": "One"}))
    mirror, base = store.mirror, store.mirror.current
    assert base is not None
    draft = mirror.draft(base)
    draft.put(Kind.ORGANIZATION, "a", {"name": "One"}, START)
    assert not draft.changed
    draft.put(Kind.ORGANIZATION, "a", {"name": "Two"}, START)
    assert draft.changed == {(Kind.ORGANIZATION, "a")}
    # A complete read without one: there is none any more.
    way = mirror.advance(base, mirror.draft(base), replace(store.changes(0), objects=()))
    after = way.finish(mirror.compile, 9, START)
    assert after.state.records.organization == Organization()
    store.close()


def test_a_feed_lets_go_of_what_was_replaced(place: Place) -> None:
    store = place.open(real_clock)
    put(store, policy("p1", "one"))
    with Feed(store, store.mirror, real_clock, timedelta(milliseconds=10)) as feed:
        held = feed.current()
        assert isinstance(held, Snap)
        old = weakref.ref(held)
        del held
        assert feed.wait_for(put(store, policy("p1", "two")))
        for _ in range(200):
            if old() is None:
                break
            feed.wait_for(10**9, timedelta(milliseconds=10))
            gc.collect()
        assert old() is None
    store.close()
