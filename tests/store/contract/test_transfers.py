"""What a browser left is collected once, by whoever asks with the right key, and in time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from lychgate.store.base import Transfer
from tests.store.parts import START, Opened

SOON = START + timedelta(minutes=10)
LEFT = Transfer("sender key", "sealed", SOON)


def test_it_is_handed_out_once(store: Opened) -> None:
    assert not store.transfers.waits("key", START)
    store.transfers.put("key", LEFT)
    assert store.transfers.waits("key", START)
    assert not store.transfers.waits("key", SOON)
    assert store.transfers.take("other key", START) is None
    assert store.transfers.take("key", START) == LEFT
    assert store.transfers.take("key", START) is None


def test_of_many_who_ask_at_once_one_gets_it(store: Opened) -> None:
    store.transfers.put("key", LEFT)
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: store.transfers.take("key", START), range(50)))
    assert [one for one in found if one is not None] == [LEFT]


def test_the_last_one_left_counts(store: Opened) -> None:
    store.transfers.put("key", LEFT)
    later = Transfer("another sender", "sealed again", SOON)
    store.transfers.put("key", later)
    assert store.transfers.take("key", START) == later


def test_too_late_is_never(store: Opened) -> None:
    store.transfers.put("key", LEFT)
    assert store.transfers.take("key", SOON) is None
    assert store.transfers.take("key", START) is None


def test_housekeeping_drops_what_nobody_collected(store: Opened) -> None:
    store.transfers.put("key", LEFT)
    before = store.revision()
    store.prune(SOON + timedelta(hours=1))
    assert store.transfers.take("key", START) is None
    assert store.revision() == before


def test_neither_key_nor_content_shows_in_a_repr() -> None:
    assert "sealed" not in repr(LEFT)
