"""Rows S01 to S05 and S08 through both proxies: machines, and what is no credential of theirs."""

import json
import time

import pytest
import yaml

from tests.support.both import Both
from tests.support.catalogue import ALICE, ST1_ID, ST1_SECRET
from tests.support.front import Pairs

HOST = "b.example"
RIGHT: Pairs = (("Cf-Access-Client-Id", ST1_ID), ("Cf-Access-Client-Secret", ST1_SECRET))


def pair(client_id: str, secret: str) -> Pairs:
    """The two headers of a service token."""
    return (("Cf-Access-Client-Id", client_id), ("Cf-Access-Client-Secret", secret))


def single(value: object) -> Pairs:
    """The one header that holds both halves."""
    text = value if isinstance(value, str) else json.dumps(value)
    return (("Authorization", text),)


BOTH_HALVES = {"cf-access-client-id": ST1_ID, "cf-access-client-secret": ST1_SECRET}


@pytest.mark.parametrize(
    "headers",
    [
        pair("nobody.token.example", ST1_SECRET),
        pair(ST1_ID, "wrong"),
        pair(ST1_ID, ST1_SECRET[:-1] + "0"),
        pair(ST1_ID, ST1_SECRET.upper()),
        pair(ST1_ID, ST1_SECRET + "0"),
        pair(ST1_ID, "\xe9" * 64),
        pair("\xff", ST1_SECRET),
        pair(ST1_ID, ""),
        pair("", ST1_SECRET),
        pair("", ""),
        pair(ST1_ID, "x" * 50_000),
        RIGHT[:1],
        RIGHT[1:],
    ],
)
def test_S01_guessing(both: Both, headers: Pairs) -> None:
    both.ask("/", HOST, headers).denied(401)


def test_S01_a_megabyte_is_the_proxys_to_refuse(both: Both) -> None:
    both.ask("/", HOST, pair(ST1_ID, "x" * 1_000_000)).bad()


def test_S01_unknown_and_wrong_look_alike(both: Both) -> None:
    unknown = both.ask("/", HOST, pair("nobody.token.example", ST1_SECRET))
    wrong = both.ask("/", HOST, pair(ST1_ID, "wrong"))
    for one, other in zip(unknown, wrong, strict=True):
        assert one.client_view() == other.client_view()
        assert len(one.reply.body) == len(other.reply.body)


def test_S02_an_allow_policy_admits_no_machine(both: Both) -> None:
    both.ask("/", "machine.example", RIGHT).denied(403)


def test_S03_expired_disabled_rotated_and_deleted(both: Both) -> None:
    """Each change of a token's life is in force on both proxies within seconds."""
    catalogue = both.catalogue
    before = catalogue.file.read_text()
    (token,) = yaml.safe_load(before)["resources"]["service_tokens"]
    both.ask("/", HOST, RIGHT).ok(ST1_ID, "B")
    newer = pair(ST1_ID, "newer")
    rotated = {
        "client_secret_hash": "804f51f71254c4081e37e7c887073560f4a6fa6cdad202e9ac67e032c43ed1e1",
        "previous_client_secret_hash": token["client_secret_hash"],
        "client_secret_version": 2,
    }
    steps: list[tuple[dict[str, object], bool]] = [
        ({"enabled": False}, False),
        ({"expires_at": "2020-01-01T00:00:00Z"}, False),
        (rotated | {"previous_client_secret_expires_at": "2099-01-01T00:00:00Z"}, True),
        (rotated | {"previous_client_secret_expires_at": "2020-01-01T00:00:00Z"}, False),
    ]
    try:
        for change, good in steps:
            catalogue.configure(lambda now, c=change: now.update(service_tokens=[token | c]))  # type: ignore[misc]
            settled(both, RIGHT, 200 if good else 401)
        catalogue.configure(lambda now: now.update(service_tokens=[{**token, "name": "ST1"}]))
        settled(both, RIGHT, 200)
        settled(both, newer, 401)
    finally:
        catalogue.restore(before)
    settled(both, RIGHT, 200)


def settled(both: Both, headers: Pairs, status: int) -> None:
    """What the proxies come to say within a few seconds, and go on saying."""
    deadline = time.monotonic() + 5
    while {one.reply.status for one in both.ask("/", HOST, headers)} != {status}:
        assert time.monotonic() < deadline, (status, headers)
        time.sleep(0.05)


@pytest.mark.parametrize(
    "headers",
    [
        (*RIGHT, RIGHT[0]),
        (*RIGHT, RIGHT[1]),
        (*RIGHT, ("Cf-Access-Client-Id", "other.token.example")),
        pair(f"{ST1_ID},{ST1_ID}", ST1_SECRET),
        pair(f"{ST1_ID}, {ST1_ID}", ST1_SECRET),
        pair(ST1_ID, f"{ST1_SECRET},{ST1_SECRET}"),
    ],
)
def test_S04_duplicates(both: Both, headers: Pairs) -> None:
    both.ask("/", HOST, headers).denied(401)


def test_S04_the_pair_and_the_single_header_at_once(both: Both) -> None:
    both.ask("/", "single.example", single(BOTH_HALVES)).ok(ST1_ID, "SINGLE")
    both.ask("/", "single.example", (*RIGHT, *single(BOTH_HALVES))).denied(401)
    twice = (*single(BOTH_HALVES), *single(BOTH_HALVES))
    both.ask("/", "single.example", twice).denied(401)


@pytest.mark.parametrize(
    "value",
    [
        BOTH_HALVES | {"cf-access-client-secret": "wrong"},
        BOTH_HALVES | {"cf-access-client-secret": 1},
        BOTH_HALVES | {"cf-access-client-id": [ST1_ID]},
        {"cf-access-client-id": ST1_ID},
        '{"cf-access-client-id": "a", "cf-access-client-id": "b", "cf-access-client-secret": "c"}',
        '{"cf-access-client-id": "%s"}' % ("x" * 40_000),
    ],
)
def test_S05_our_keys_with_something_else_are_refused(both: Both, value: object) -> None:
    both.ask("/", "single.example", single(value)).denied(401)


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "[]",
        "{}",
        "null",
        "{" * 5000,
        '{"a": 1}',
        '{"a": NaN}',
        "Bearer x",
        '"\\ud800"',
        "{\xff",
    ],
)
def test_S05_what_is_not_ours_is_no_credential(both: Both, value: str) -> None:
    # Nobody is let in by it, and nobody is told 500.
    both.ask("/", "single.example", single(value)).denied(403)


def test_S05_the_single_header_never_reaches_the_origin(both: Both) -> None:
    for seen in both.ask("/", "single.example", single(BOTH_HALVES)).ok(ST1_ID, "SINGLE"):
        assert not seen.all("authorization")


def test_S08_the_order_of_two_identities_is_the_same_everywhere(both: Both) -> None:
    """Service token, then `Cf-Access-Token`, then the cookie; a bad one is not passed over."""
    catalogue = both.catalogue
    carol = ("Cookie", f"CF_Authorization={catalogue.token('carol@staff.example', 'B')}")
    alice = ("Cf-Access-Token", catalogue.token(ALICE, "B"))
    both.ask("/", HOST, (*RIGHT, alice, carol)).ok(ST1_ID, "B")
    both.ask("/", HOST, (alice, carol)).ok(ALICE, "B")
    both.ask("/", HOST, (carol,)).ok("carol@staff.example", "B")
    both.ask("/", HOST, (*pair(ST1_ID, "wrong"), alice, carol)).denied(401)
    both.ask("/", HOST, (("Cf-Access-Token", "junk"), carol)).login("B")
    both.ask("/", HOST, (alice, ("Cf-Access-Token", alice[1]), carol)).login("B")
