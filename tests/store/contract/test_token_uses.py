"""When service tokens were last used."""

from datetime import timedelta

from lychgate.core.model import TokenId
from lychgate.store.base import Kind, Put
from tests.store.parts import START, Opened, delete, put

ONE, TWO = TokenId("t1"), TokenId("t2")
LATER = START + timedelta(minutes=1)


def test_the_latest_use_is_kept_whoever_writes_first(store: Opened) -> None:
    assert store.token_uses.last() == {}
    store.token_uses.note({ONE: LATER, TWO: START})
    store.token_uses.note({ONE: START, TWO: LATER})
    store.token_uses.note({})
    assert store.token_uses.last() == {ONE: LATER, TWO: LATER}


def test_it_changes_no_revision(store: Opened) -> None:
    before = store.revision()
    store.token_uses.note({ONE: START})
    assert store.revision() == before


def test_it_goes_with_its_token(store: Opened) -> None:
    put(store, Put(Kind.SERVICE_TOKEN, ONE, {"name": "one"}))
    store.token_uses.note({ONE: START, TWO: START})
    store.prune(LATER)
    assert store.token_uses.last() == {ONE: START}
    put(store, delete(Kind.SERVICE_TOKEN, ONE))
    store.prune(LATER)
    assert store.token_uses.last() == {}
