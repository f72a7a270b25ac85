"""The store with the real wire shapes and the real compiler, small and large."""

import os
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from lychgate.api import to_model
from lychgate.core.model import AppId, Team
from lychgate.core.snapshot import Setting, Snapshot
from lychgate.errors import InvalidConfiguration
from lychgate.store.base import Edit, Kind, Put
from lychgate.store.compiling import compiler
from lychgate.store.feed import POLL, Feed
from lychgate.store.sql import SqlStore, open_store
from tests.store.parts import ADMIN, Place, delete, real_clock

SCALE = float(os.environ.get("LYCHGATE_TEST_SCALE", "0.02"))


def opened(place: Place) -> SqlStore[Snapshot]:
    setting = Setting(Team("https://team.example.com"))
    return open_store(
        place.url, to_model, compiler(setting), real_clock, environment=place.environment
    )


def a_policy(id: str, name: str = "people", email: str = "a@example.com") -> Put:
    rules = [{"email": {"email": email}}]
    return Put(Kind.POLICY, id, {"name": name, "decision": "allow", "include": rules})


def an_app(id: str, *policies: str) -> Put:
    links = [{"id": policy, "precedence": place} for place, policy in enumerate(policies, 1)]
    domain = f"{id}.example.com"
    body = {"name": id, "type": "self_hosted", "domain": domain, "policies": links}
    return Put(Kind.APPLICATION, id, body)


def a_token(id: str) -> Put:
    body = {"name": id, "client_id": f"{id}.access", "client_secret_hash": "00" * 32}
    return Put(Kind.SERVICE_TOKEN, id, body)


def test_an_application_is_routed_once_it_is_stored(place: Place) -> None:
    store = opened(place)
    with Feed(store, store.mirror, real_clock) as feed:
        store.change(ADMIN, lambda _: [a_policy("p1"), an_app("a1", "p1")])
        snapshot = feed.current()
        assert snapshot is not None
        route = snapshot.route("a1.example.com", "/")
        assert route is not None and route.app.app.id == "a1"
    store.close()


def test_what_does_not_compile_is_not_stored(place: Place) -> None:
    store = opened(place)
    before = store.revision()
    group = Put(Kind.GROUP, "g1", {"name": "g", "include": [{"group": {"id": "g1"}}]})
    with pytest.raises(InvalidConfiguration) as refused:
        store.change(ADMIN, lambda _: [an_app("a1", "missing"), a_policy("p1", name=""), group])
    assert len(refused.value.problems) >= 1
    with pytest.raises(InvalidConfiguration):
        store.change(ADMIN, lambda _: [an_app("a1", "missing")])
    assert store.revision() == before
    store.close()


def test_a_policy_in_use_cannot_be_deleted(place: Place) -> None:
    store = opened(place)
    store.change(ADMIN, lambda _: [a_policy("p1"), an_app("a1", "p1")])
    with pytest.raises(InvalidConfiguration):
        store.change(ADMIN, lambda _: [delete(Kind.POLICY, "p1")])
    store.close()


def test_a_revocation_reaches_the_snapshot_without_compiling(place: Place) -> None:
    store = opened(place)
    with Feed(store, store.mirror, real_clock) as feed:
        store.change(ADMIN, lambda _: [a_policy("p1"), an_app("a1", "p1")])
        time.sleep(5 * POLL.total_seconds())  # a read that began before the change has ended
        before = feed.current()
        assert before is not None
        assert feed.wait_for(store.revocations.revoke_app(AppId("a1"), real_clock()))
        after = feed.current()
        assert after is not None and after.revocations.count == 1
        assert after.apps is before.apps
    store.close()


def large(size: int) -> Iterable[Edit]:
    for number in range(size):
        policies = [f"p{number}-{place}" for place in range(5)]
        yield from (a_policy(id, id, f"{id}@example.com") for id in policies)
        yield an_app(f"a{number}", *policies)
        yield a_token(f"t{number}")


def test_a_large_store_loads_and_moves_on_quickly(place: Place) -> None:
    """10,000 applications at full scale; an edit or a revocation never reads them all again."""
    size = max(int(10_000 * SCALE), 50)
    store = opened(place)
    store.change(ADMIN, lambda _: list(large(size)))
    store.close()
    store = opened(place)
    began = time.process_time()
    with Feed(store, store.mirror, real_clock) as feed:
        loading = time.process_time() - began
        assert feed.current() is not None
        began = time.process_time()
        store.change(ADMIN, lambda _: [a_policy("p7-1", "renamed", "b@example.com")])
        assert feed.wait_for(store.revocations.revoke_session("n1", real_clock()))
        moving = time.process_time() - began
        snapshot = feed.current()
        assert snapshot is not None and len(snapshot.apps) == size
    read: list[str] = []
    changes = store.each_change(
        replace(store.position(), revision=store.revision() - 2), lambda one: read.append(one.id)
    )
    assert read == ["p7-1"] and len(changes.revocations) == 1
    store.close()
    assert timedelta(seconds=loading) < timedelta(seconds=2 + 8 * size / 10_000)
    assert timedelta(seconds=moving) < timedelta(seconds=0.5)
