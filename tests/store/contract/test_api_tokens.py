"""Credentials of the admin API, and objects and people page by page."""

import pytest

from lychgate.store.base import Actor, ApiToken, Catalogue, Conflict, Edit, Kind, Put, UserFilter
from tests.store.parts import ADMIN, FixedClock, Opened, policy, put

DIGEST = b"\x01" * 32


def test_a_token_is_found_by_its_hash_until_it_is_revoked(store: Opened, clock: FixedClock) -> None:
    token = ApiToken("t1", "deploy", "a@example.com", ("Access: Audit Logs Read",), clock.now)
    store.api_tokens.create(token, DIGEST)
    assert store.api_tokens.by_digest(DIGEST) == token
    assert store.api_tokens.by_digest(b"\x02" * 32) is None
    assert store.api_tokens.list() == (token,)
    assert store.api_tokens.revoke("t1", clock.now)
    assert not store.api_tokens.revoke("t1", clock.now)
    ended = store.api_tokens.by_digest(DIGEST)
    assert ended is not None and ended.revoked_at == clock.now


def test_a_hash_is_taken_once(store: Opened, clock: FixedClock) -> None:
    store.api_tokens.create(ApiToken("t1", "one", "", (), clock.now), DIGEST)
    with pytest.raises(Conflict):
        store.api_tokens.create(ApiToken("t2", "two", "", (), clock.now), DIGEST)


def test_a_use_is_noted_once_a_minute(store: Opened, clock: FixedClock) -> None:
    store.api_tokens.create(ApiToken("t1", "one", "", (), clock.now), DIGEST)
    first = clock.now
    store.api_tokens.touch("t1", first)
    store.api_tokens.touch("t1", clock.pass_(seconds=30))
    assert store.api_tokens.list()[0].last_used_at == first
    store.api_tokens.touch("t1", clock.pass_(seconds=30))
    assert store.api_tokens.list()[0].last_used_at == clock.now


def test_objects_come_page_by_page_in_order_of_creation(store: Opened) -> None:
    for id in ("c", "a", "b"):
        put(store, Put(Kind.TAG, id, {"name": id}))
    page = store.page(Kind.TAG, 2, 0)
    assert ([one.id for one in page.items], page.total) == (["c", "a"], 3)
    assert [one.id for one in store.page(Kind.TAG, 2, 2).items] == ["b"]
    assert store.page(Kind.TAG, 2, 4).items == ()
    assert set(store.some(Kind.TAG, ["a", "x", "c"])) == {"a", "c"}


def test_what_belongs_to_another_object_is_not_listed(store: Opened) -> None:
    put(store, policy("own"), policy("shared"), policy("later"))
    own = {"name": "own", "reusable": False}
    put(store, Put(Kind.POLICY, "own", own))
    page = store.page(Kind.POLICY, 1, 1)
    assert ([one.id for one in page.items], page.total) == (["later"], 2)
    assert [one.id for one in store.listed(Kind.POLICY)] == ["shared", "later"]
    found = store.object(Kind.POLICY, "own")
    assert found is not None and found.owned
    put(store, Put(Kind.POLICY, "own", own | {"reusable": True}))
    assert store.page(Kind.POLICY, 9, 0).total == 3


def test_an_object_says_who_made_and_who_changed_it(store: Opened) -> None:
    put(store, policy("p1"))
    other = Actor("other@example.com", "api")
    store.change(other, lambda _catalogue: [policy("p1", "renamed")])
    found = store.object(Kind.POLICY, "p1")
    assert found is not None
    assert (found.created_by, found.updated_by) == (ADMIN.name, other.name)


@pytest.mark.parametrize("text", ["6f1c-8bb6", "ünder_%", 'quo"ted\\', "\ud800 \0"])
def test_what_holds_a_text_is_found(store: Opened, text: str) -> None:
    put(store, policy("p1", f"before {text} after"), policy("p2", "something else"))
    found: list[tuple[str, ...]] = []

    def look(catalogue: Catalogue) -> list[Edit]:
        found.append(tuple(one.id for one in catalogue.holding(Kind.POLICY, text)))
        found.append(tuple(one.id for one in catalogue.holding(Kind.GROUP, text)))
        return []

    store.change(ADMIN, look)
    assert found == [("p1",), ()]


def test_people_come_page_by_page(store: Opened, clock: FixedClock) -> None:
    for name in ("zoe", "adam", "bert"):
        store.users.find_or_create(f"{name}@example.com", name.title(), clock.pass_(seconds=1))
    page = store.users.page(UserFilter(), 2, 0)
    assert ([one.name for one in page.items], page.total) == (["Zoe", "Adam"], 3)
    assert store.users.page(UserFilter(search="BERT"), 9, 0).total == 1
    assert store.users.page(UserFilter(email="adam@example.com"), 9, 0).items[0].name == "Adam"
    zoe = page.items[0]
    changed = store.users.update(zoe.id, "zora@example.com", "Zora", clock.now)
    assert changed is not None and changed.email == "zora@example.com"
    with pytest.raises(Conflict):
        store.users.update(zoe.id, "adam@example.com", "Zora", clock.now)
