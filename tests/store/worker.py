"""What another process does to a store in the tests: `python -m tests.store.worker ACTION URL …`.

Prints one JSON value, or one for each round.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta

from lychgate.store.base import Catalogue, Edit, Kind, PinStatus, Put
from tests.store.parts import ADMIN, Opened, Place, policy, real_clock


def say(value: object) -> None:
    """Print a value for the test at once."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def keys(store: Opened) -> None:
    """Say which keys the store has."""
    ring = store.keys.keyring()
    say([key.kid for key in ring.signing] + [key.id for key in ring.sealing])


def consume(store: Opened) -> None:
    """Consume one hundred values and say which were won."""
    soon = real_clock() + timedelta(hours=1)
    say([number for number in range(100) if store.one_time.consume("test", str(number), soon)])


def count(store: Opened) -> None:
    """Add one to a number in an object, twenty times."""

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        found = catalogue.object(Kind.POLICY, "counter")
        return [policy("counter", include=[0 if found is None else found.body["include"][0] + 1])]

    for _ in range(20):
        store.change(ADMIN, plan)
    say("done")


def churn(store: Opened) -> None:
    """Change many objects together for ever; all of them always carry the same number."""
    for number in range(1_000_000):
        edits = [policy(f"p{index}", f"round {number}") for index in range(50)]
        store.change(ADMIN, lambda _, edits=edits: edits)  # type: ignore[misc]  # bound early
        say(number)


def revoke(store: Opened) -> None:
    """Revoke a session and say the revision."""
    say(store.revocations.revoke_session("n1", real_clock()))


def edit(store: Opened) -> None:
    """Make one change and say the revision."""
    say(store.change(ADMIN, lambda _: [Put(Kind.POLICY, "p1", {"name": "from elsewhere"})]))


def steps(store: Opened, round: str) -> None:
    """Use up codes and PINs, refresh a grant, rotate keys; say each step once it is done."""
    later = timedelta(hours=12)
    for number in range(60):
        name, now = f"{round}-{number}", real_clock()
        found = store.oauth.codes.get(name.encode())
        if found is not None and store.oauth.codes.redeem(name.encode(), found.grant, now):
            say(["code", name])
        if store.oauth.grants.rotate(f"{round}-refreshed", number + 1, now, later) is not None:
            say(["refresh", number])
        if store.pins.attempt(name, name.encode(), now).status is PinStatus.OK:
            say(["pin", name])
        if number % 5 == 0:
            store.keys.rotate(now)
            say(["keys", number])


ACTIONS: dict[str, Callable[..., None]] = {
    action.__name__: action for action in (keys, consume, count, churn, revoke, edit, steps)
}


def main(action: str, url: str, *arguments: str) -> None:
    """Open the store, wait for a line when the test will send one, and act."""
    if os.environ.get("WAIT_FOR_LINE"):
        sys.stdin.readline()
    store = Place(url, os.environ).open(real_clock)
    ACTIONS[action](store, *arguments)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
