"""Killed in the middle of each step that counts once: a code, a refresh, a PIN, a rotation of keys.

Whatever moment it is: nothing succeeds twice, at most the one step under way is lost, and the store
is whole.
"""

import json
import random
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from lychgate.core.model import AppId
from lychgate.store.base import PinStatus
from lychgate.store.oauthbase import Code, Grant, GrantKind
from tests.store.contract.test_processes import worker
from tests.store.parts import Opened, Place, real_clock
from tests.support.scale import scaled

MANY = 60
LATER = timedelta(hours=12)
GRANT = Grant(
    id="refreshed",
    kind=GrantKind.MANAGED,
    client="c1",
    app=AppId("app-1"),
    subject="s1",
    email="alice@example.com",
    session="n1",
    resource="https://tools.example.com",
    scope="",
    created_at=real_clock(),
    expires_at=real_clock() + timedelta(days=1),
)


def prepare(store: Opened, round: str) -> None:
    """Codes and PINs to use up, and one grant to refresh."""
    now = real_clock()
    store.oauth.codes.issue(f"{round}-r".encode(), _code(f"{round}-refreshed"))
    assert store.oauth.codes.redeem(f"{round}-r".encode(), _code(f"{round}-refreshed").grant, now)
    for number in range(MANY):
        name = f"{round}-{number}"
        store.oauth.codes.issue(name.encode(), _code(name))
        store.pins.issue(name, f"{name}@example.com", name.encode(), now + LATER, now)


def _code(id: str) -> Code:
    return Code(replace(GRANT, id=id), "http://localhost/cb", "challenge", real_clock() + LATER)


@pytest.mark.timeout(1800)  # at full size
def test_x06_killed_in_the_middle_of_every_step_that_counts_once(place: Place) -> None:
    chance = random.Random(6)
    for number in range(scaled(50, 2)):
        round = f"round{number}"
        store = place.open(real_clock)
        prepare(store, round)
        keys = len(store.keys.keyring().signing)
        store.close()
        with worker(place, "steps", round) as process:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write("go\n")
            process.stdin.flush()
            said = [json.loads(process.stdout.readline())]
            time.sleep(chance.uniform(0, 0.1))
            process.kill()
            said += [
                json.loads(line) for line in process.stdout.read().splitlines() if line[-1:] == "]"
            ]
        store = place.open(real_clock)
        judge(store, round, said, keys)
        store.close()


def judge(store: Opened, round: str, said: list[list[object]], keys: int) -> None:
    """Everything that was announced is used up for good; beyond it, one step at most."""
    told = {kind: [value for one, value in said if one == kind] for kind in ("code", "pin")}
    refreshed = sum(kind == "refresh" for kind, _ in said)
    rotated = sum(kind == "keys" for kind, _ in said)
    now = real_clock()
    names = [f"{round}-{number}" for number in range(MANY)]
    again = [n for n in names if store.oauth.codes.redeem(n.encode(), _code(n).grant, now)]
    assert not set(again) & set(map(str, told["code"]))
    assert MANY - len(again) - len(told["code"]) in (0, 1)
    right = [n for n in names if store.pins.attempt(n, n.encode(), now).status is PinStatus.OK]
    assert not set(right) & set(map(str, told["pin"]))
    assert MANY - len(right) - len(told["pin"]) in (0, 1)
    grant = store.oauth.grants.get(f"{round}-refreshed")
    assert grant is not None and grant.generation - 1 - refreshed in (0, 1)
    old = store.oauth.grants.rotate(grant.id, max(1, grant.generation - 2), now, timedelta())
    assert grant.generation < 3 or old is None
    ring = store.keys.keyring()  # each of them is unsealed by this
    assert len(ring.signing) - keys - rotated in (0, 1)
    assert len({key.kid for key in ring.signing}) == len(ring.signing)
