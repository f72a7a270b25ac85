"""Calls every operation of the OpenAPI document with what it takes, on objects that exist."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from lychgate.admin.openapi import document
from lychgate.clock import clock
from lychgate.core.identity import Identity
from lychgate.core.model import IdpId
from lychgate.core.snapshot import Snapshot
from lychgate.store.base import AuditEvent, Session
from lychgate.store.sql import SqlStore
from tests.admin.bodies import Body, Made, host
from tests.admin.everything import FULL, make_one_of_each
from tests.admin.running import ADMIN, Running, running

OPERATIONS = {
    operation["operationId"]: (path, method)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
}
"""Path and method of each operation."""
_NAMES = {where: name for name, where in OPERATIONS.items()}
POLICY: Body = {"name": "p", "decision": "allow", "include": [{"everyone": {}}]}
_OTHERS: Mapping[str, Body] = {
    "update_user": {"name": "Carol C."},
    "create_policy_test": {"policies": [POLICY]},
    "create_application_policy": POLICY,
    "update_application_policy": POLICY,
    "edit_application_settings": {"allow_iframe": True},
    "put_application_settings": {"skip_interstitial": True},
    "revoke_user": {"email": "nobody@example.com"},
    "update_keys": {"key_rotation_interval_days": 30},
    "update_organization": {"session_duration": "12h"},
    "edit_list": {"append": [{"value": "10.9.8.7"}], "remove": ["10.0.0.1"]},
    "put_certificate_settings": {
        "settings": [
            {
                "hostname": "a.example.com",
                "china_network": False,
                "client_certificate_forwarding": True,
            }
        ]
    },
}


@dataclass(frozen=True)
class Target:
    """A process of its own, and what it holds."""

    server: Running
    made: Made

    def good(self, name: str) -> list[Body]:
        """Bodies that an operation takes; none for one without."""
        call = name.removesuffix("_of_zone")
        verb, _, kind = call.partition("_")
        bodies = [write for full in FULL.values() if full.kind == kind for write in full.bodies]
        made = [write(self.made) for write in bodies if verb in ("create", "update")]
        if call == "create_user":
            made = [{"email": f"bob@{host()}", "name": "Bob"}]
        return made + ([_OTHERS[call]] if call in _OTHERS else [])

    def places(self, name: str) -> dict[str, list[str]]:
        """What stands in the places of a path; where there is nothing yet, something is made."""
        path, method = OPERATIONS[name]
        if "{id}" not in path:
            return {}
        collection = path.partition("/{id}")[0].partition("}")[2]
        url = self.server.account(collection)
        with self.server.http() as http:
            if collection.endswith("/users"):
                ids = [log_in(self.server.store, "carol@example.com")]
            else:
                ids = _ids(http.get(url, params={"per_page": 1000}))
            if not ids or (method == "delete" and path.endswith("{id}")):
                body = self.good(_NAMES["/accounts/{account_id}" + collection, "post"])[0]
                body |= {"associated_hostnames": []} if "certificate" in body else {}
                ids = _ids(http.post(url, json=body))
            for place, below in (("policy", "policies"), ("nonce", "active_sessions")):
                if f"{{{place}}}" in path:
                    lists = {id: _ids(http.get(f"{url}/{id}/{below}")) for id in reversed(ids)}
                    id = next(id for id, listed in lists.items() if listed)
                    return {"id": [id], place: lists[id]}
        return {"id": ids}


def log_in(store: SqlStore[Snapshot], email: str) -> str:
    """The id of somebody with a session, and a time that they were not let in."""
    now = clock()
    user = store.users.find_or_create(email, email.partition("@")[0].title(), now)
    who = Identity(user.id, email, user.name, IdpId("idp"), "oidc", "1", now)
    ends, nonce = now + timedelta(hours=1), f"nonce-{now.timestamp()}"
    store.sessions.create(Session(nonce, user.id, email, who, "192.0.2.1", "PT", now, ends))
    refused = AuditEvent(now, "refused", email=email, allowed=False, reason="no_match")
    store.audit.write([refused, replace(refused, action="login", allowed=True, session=nonce)])
    return user.id


def _ids(answer: httpx.Response) -> list[str]:
    result: Any = answer.json().get("result") or []
    listed = result if isinstance(result, list) else [result]
    found = [one.get("uid") or one.get("id") or one.get("name") for one in listed]
    return [str(id) for id in found if id]


@contextmanager
def target_in(folder: Path) -> Iterator[Target]:
    """A process with one of everything; what is made there is of no use to other tests."""
    with running(folder, {}) as server:
        target = Target(server, make_one_of_each(server))
        body = {"type": "self_hosted", "name": "own", "domain": host(), "policies": [POLICY]}
        with server.http() as http:
            assert http.post(server.account("/access/apps"), json=body).status_code == 201
        log_in(server.store, ADMIN)
        yield target
