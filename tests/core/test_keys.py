"""Which key signs, which still verify, and what is sealed stays sealed."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from lychgate.core.keys import (
    OVERLAP,
    PUBLISH_AHEAD,
    Keyring,
    SigningKey,
    new_sealing_key,
    new_signing_key,
    seal,
    unseal,
)
from tests.support.builders import NOW, a_keyring, sealing_key, signing_key

NONCE = b"n" * 12


def key(kid: str, *, active: int = -10, retired: int | None = None) -> SigningKey:
    """A key that became active, and perhaps retired, so many days from now."""
    return replace(
        signing_key(),
        kid=kid,
        active_from=NOW + timedelta(days=active),
        retired_at=None if retired is None else NOW + timedelta(days=retired),
    )


@pytest.mark.parametrize(
    ("keys", "signs", "verify"),
    [
        ([key("a")], "a", "a"),
        ([key("a"), key("b")], "b", "ab"),
        ([key("a"), key("b", active=1)], "a", "ab"),
        ([key("a", retired=-1), key("b")], "b", "ab"),
        ([key("a", retired=-7), key("b")], "b", "b"),
        ([key("a", retired=-8), key("b", active=1)], "b", "b"),
        ([key("a", retired=-1), key("b", active=1)], "a", "ab"),
        ([key("a", retired=-9)], "a", ""),
    ],
)
def test_one_key_signs_and_several_verify(keys: list[SigningKey], signs: str, verify: str) -> None:
    ring = Keyring(tuple(keys), ())
    assert ring.current(NOW).kid == signs
    assert "".join(one.kid for one in ring.usable(NOW)) == verify
    for one in keys:
        assert (ring.by_kid(one.kid, NOW) is not None) is (one.kid in verify)
        assert ring.knows(one.kid, NOW) is (one.kid in verify)


def test_X04_the_overlap_ends_on_the_second() -> None:
    ring = Keyring((key("a", retired=0),), ())
    assert ring.by_kid("a", NOW + OVERLAP - timedelta(seconds=1)) is not None
    assert ring.by_kid("a", NOW + OVERLAP) is None
    assert timedelta(0) < PUBLISH_AHEAD < OVERLAP


def test_a_new_key_is_what_the_certificates_page_shows() -> None:
    made = new_signing_key(NOW, NOW + PUBLISH_AHEAD)
    certificate = x509.load_pem_x509_certificate(made.certificate_pem.encode())
    assert certificate.public_key() == made.private.public_key()
    assert len(made.kid) == 64 and made.kid == made.kid.lower()
    assert (made.created_at, made.active_from) == (NOW, NOW + PUBLISH_AHEAD)
    assert "RSA" not in repr(made)


def test_what_is_sealed_opens_for_its_purpose_and_its_keys_alone() -> None:
    ring, key = a_keyring(), sealing_key()
    text = seal(key, "login", {"a": [1, "\u00e9"]}, NONCE)
    assert unseal(ring, "login", text) == {"a": [1, "\u00e9"]}
    assert unseal(ring, "other", text) is None
    assert unseal(Keyring((), (new_sealing_key(),)), "login", text) is None
    assert ring.sealing_key() is key
    assert ring.knows(key.id, NOW)
    assert repr(key.secret) not in repr(key)


def test_an_older_sealing_key_still_opens() -> None:
    old, new = new_sealing_key(), new_sealing_key()
    text = seal(old, "p", {"a": 1}, NONCE)
    ring = Keyring((), (old, new))
    assert unseal(ring, "p", text) == {"a": 1}
    assert ring.sealing_key() is new


GOOD = seal(sealing_key(), "p", {"a": 1}, NONCE)
ID = sealing_key().id


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        ID,
        ID + ".",
        ID + ".x",
        ID + ".AAAA",
        GOOD[:-1],
        GOOD[:-2] + "AA",
        GOOD + "A" * 20_000,
        GOOD + "=",
        GOOD + "\u00e9",
        GOOD.replace(".", ".!"),
        "00000000" + GOOD[8:],
        ID + "." + base64.urlsafe_b64encode(bytes(40)).decode(),
    ],
)
def test_what_was_tampered_with_stays_closed(text: str) -> None:
    assert unseal(a_keyring(), "p", text) is None
