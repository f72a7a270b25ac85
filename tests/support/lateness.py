"""How long after an administrator's answer a session is still let in, at every proxy of a fleet."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from lychgate.core.urls import AUTH_COOKIE
from tests.support.catalogue import next_second, wait_for
from tests.support.fleet import EDITED, Fleet
from tests.support.front import request_bytes

_SECONDS = 10.0


def worst(found: Sequence[float], share: float = 0.99) -> float:
    """The time that so large a share of trials stayed within."""
    return sorted(found)[min(len(found) - 1, int(len(found) * share))]


def of_revocations(fleet: Fleet, trials: int) -> list[float]:
    """Seconds from the answer to `revoke_user` to the refusal at every proxy, for each trial."""
    found = []
    for number in range(trials):
        email = f"late.{number}@staff.example"
        data = fleet.request(email)
        path, body = "organizations/revoke_user", {"email": email}
        found.append(_lateness(fleet, data, number, "POST", path, body))
    return found


def of_edits(fleet: Fleet, trials: int) -> list[float]:
    """The same for a policy that lets nobody in any more."""
    policies = [_application(fleet, number) for number in range(trials)]
    assert fleet.catalogue.feed.wait_for(fleet.catalogue.store.revision())
    next_second()
    found = []
    for number, (app, policy) in enumerate(policies):
        token = fleet.catalogue.token("late@staff.example", f"edited {number}")
        cookie = ("Cookie", f"{AUTH_COOKIE}={token}")
        data = request_bytes("GET", f"/t{number}", EDITED, (cookie,))
        path = f"apps/{app}/policies/{policy}"
        found.append(_lateness(fleet, data, number, "PUT", path, _policy("nobody@staff.example")))
    return found


def _policy(email: str) -> dict[str, Any]:
    include = [{"email": {"email": email}}]
    return {"name": "some", "decision": "allow", "include": include, "precedence": 1}


def _application(fleet: Fleet, number: int) -> tuple[str, str]:
    body = {"name": f"edited {number}", "type": "self_hosted", "domain": f"{EDITED}/t{number}"}
    policies = [_policy("late@staff.example")]
    made = fleet.nodes[0].call("POST", "apps", fleet.token, {**body, "policies": policies})
    return made["id"], made["policies"][0]["id"]


def _lateness(
    fleet: Fleet, data: bytes, number: int, method: str, path: str, body: dict[str, Any]
) -> float:
    """One trial: everybody keeps asking while an administrator acts at one node or the other."""
    wait_for(lambda: set(fleet.statuses(data)) == {200})
    refused: dict[str, float] = {}
    names = [node.name for node in fleet.nodes]
    asking = [threading.Thread(target=_ask(fleet, name, data, refused)) for name in names]
    for thread in asking:
        thread.start()
    fleet.nodes[number % len(names)].call(method, path, fleet.token, body)
    answered = time.monotonic()
    for thread in asking:
        thread.join()
    assert set(refused) == set(names), "somebody was let in for ever"
    return max(0.0, *(at - answered for at in refused.values()))


def _ask(fleet: Fleet, name: str, data: bytes, refused: dict[str, float]) -> Callable[[], None]:
    def ask() -> None:
        ends = time.monotonic() + _SECONDS
        while time.monotonic() < ends:
            if fleet.fronts[name].send_raw(data).status != 200:
                refused[name] = time.monotonic()
                return
            time.sleep(0.002)

    return ask
