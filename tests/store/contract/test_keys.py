"""The keys: made once, rotated with overlap, sealed at rest, forgotten at last."""

from collections.abc import Mapping
from datetime import timedelta

from cryptography.hazmat.primitives import serialization

from lychgate.core.keys import OVERLAP, PUBLISH_AHEAD, SigningKey, seal, unseal
from lychgate.core.tokens import Rejected, Signed, sign, verify
from tests.store.parts import START, FixedClock, Opened, Place


def _private(key: SigningKey) -> bytes:
    return key.private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _claims(verified: Signed | Rejected) -> Mapping[str, object]:
    assert isinstance(verified, Signed)
    return verified.claims


def test_keys_survive_the_process(store: Opened, place: Place, clock: FixedClock) -> None:
    ring = store.keys.keyring()
    again = place.open(clock)
    found = again.keys.keyring()
    again.close()
    token = sign({"sub": "x"}, ring.current(START))
    assert _claims(verify(token, found, START)) == {"sub": "x"}
    assert [_private(key) for key in found.signing] == [_private(key) for key in ring.signing]
    assert found.signing[0].certificate_pem == ring.signing[0].certificate_pem
    sealed = seal(ring.sealing_key(), "test", {"a": 1}, b"0" * 12)
    assert unseal(found, "test", sealed) == {"a": 1}


def test_a_new_key_is_published_before_it_signs(store: Opened, clock: FixedClock) -> None:
    first = store.keys.keyring().current(START)
    since = store.revision()
    ring = store.keys.rotate(START)
    assert store.changes(since).keyring is not None
    assert store.revision() == since + 1
    assert first.kid == ring.signing[0].kid and len(ring.usable(START)) == 2
    assert ring.current(START) is ring.signing[0]
    assert ring.current(START + PUBLISH_AHEAD) is ring.signing[1]


def test_a_key_retires_when_its_successor_signs(store: Opened) -> None:
    first = store.keys.keyring().current(START)
    store.keys.rotate(START)
    store.prune(START)
    assert store.keys.keyring().signing[0].retired_at is None
    since = store.revision()
    active = START + PUBLISH_AHEAD
    store.prune(active)
    ring = store.changes(since).keyring
    assert ring is not None
    assert [key.retired_at for key in ring.signing] == [active, None]
    last_moment = active + OVERLAP - timedelta(seconds=1)
    assert _claims(verify(sign({"a": 1}, first), ring, last_moment)) == {"a": 1}
    assert store.prune(active) == 0


def test_a_retired_key_is_forgotten_after_the_overlap(store: Opened) -> None:
    store.keys.rotate(START)
    store.prune(START + PUBLISH_AHEAD)
    since = store.revision()
    store.prune(START + PUBLISH_AHEAD + OVERLAP)
    ring = store.changes(since).keyring
    assert ring is not None and len(ring.signing) == 1
    assert ring.current(START + PUBLISH_AHEAD + OVERLAP).retired_at is None


def test_two_rotations_in_a_row_leave_one_key_that_signs(store: Opened) -> None:
    store.keys.rotate(START)
    store.keys.rotate(START + timedelta(seconds=1))
    later = START + PUBLISH_AHEAD + timedelta(seconds=2)
    store.prune(later)
    ring = store.keys.keyring()
    assert [key.retired_at is None for key in ring.signing] == [False, False, True]
    assert ring.current(later) == ring.signing[2]
