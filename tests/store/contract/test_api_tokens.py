"""Credentials of the admin API, and objects and people page by page."""

import pytest

from lychgate.store.base import ApiToken, Conflict, Kind, Put, UserFilter
from tests.store.parts import ADMIN, FixedClock, Opened

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
        put = Put(Kind.TAG, id, {"name": id})
        store.change(ADMIN, lambda _catalogue, put=put: [put])  # type: ignore[misc]
    page = store.page(Kind.TAG, 2, 0)
    assert ([one.id for one in page.items], page.total) == (["c", "a"], 3)
    assert [one.id for one in store.page(Kind.TAG, 2, 2).items] == ["b"]
    assert store.page(Kind.TAG, 2, 4).items == ()
    assert set(store.some(Kind.TAG, ["a", "x", "c"])) == {"a", "c"}


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
