"""Installations of any size on disk: what is measured at the size of a large company."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import batched
from pathlib import Path

from sqlalchemy import insert

from bench.samples import NOW, POLICIES, host
from lychgate.core.identity import Identity
from lychgate.core.model import AppId, IdpId
from lychgate.runtime import connect
from lychgate.settings import Settings
from lychgate.store import tables
from lychgate.store.base import Actor, Edit, Kind, Put, Session
from lychgate.store.database import Database

ACTOR = Actor("bench", "system")
_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Size:
    """How much an installation holds; each application has five policies and one that all share.

    One more application does without the shared one: no change of that reaches it.
    """

    applications: int
    tokens: int
    sessions: int
    revocations: int
    listed: int
    """Addresses in the list that the shared policy names."""


SMALL = Size(10, 10, 10, 0, 10)
FULL = Size(10_000, 10_000, 100_000, 1_000, 1_000)


def app_id(index: int) -> AppId:
    """The id of an application."""
    return AppId(f"00000000-0000-4000-a000-{index:012x}")


def policy_id(index: int, number: int) -> str:
    """The id of one of an application's own policies."""
    return f"00000000-0000-4000-9{number:03x}-{index:012x}"


SHARED = "00000000-0000-4000-9fff-000000000000"
"""The policy that every application has."""
LIST = "00000000-0000-4000-b000-000000000000"
"""The list that the shared policy names."""


def members(folder: Path) -> Mapping[str, object]:
    """The settings of an installation in a folder, on SQLite."""
    team = {"name": "bench", "url": "https://team.example.com"}
    return {"team": team, "store": f"sqlite:///{folder / 'lychgate.db'}"}


def fill(settings: Settings, size: Size) -> None:
    """Make an installation of that size in an empty store."""
    store = connect(settings)
    try:
        store.change(ACTOR, lambda _: list(_edits(size)))
        for number in range(size.revocations):
            store.revocations.revoke_session(f"ended-{number}", NOW, timedelta(days=1))
    finally:
        store.close()
    _log_in(settings, size.sessions)


def _edits(size: Size) -> Iterator[Edit]:
    yield shared_list([f"person{n}@list.example.com" for n in range(size.listed)])
    yield shared_policy("everybody's")
    for number in range(size.tokens):
        secret = {"name": f"token {number}", "client_secret_hash": f"{number:064x}"}
        yield Put(Kind.SERVICE_TOKEN, f"00000000-0000-4000-8000-{number:012x}", secret)
    for index in range(size.applications):
        yield from _own_policies(index)
        yield application(index)
    yield from _own_policies(size.applications)
    yield application(size.applications, shared=False)


def _own_policies(index: int) -> Iterator[Edit]:
    for number in range(POLICIES):
        yield Put(Kind.POLICY, policy_id(index, number), _policy(index, number))


def shared_list(addresses: Sequence[str]) -> Put:
    """The list with these addresses."""
    items = [{"value": address} for address in addresses]
    return Put(Kind.LIST, LIST, {"name": "everybody", "type": "EMAIL", "items": items})


def shared_policy(name: str, domain: str = "shared.example.com") -> Put:
    """The shared policy under some name, for some domain beside the list."""
    rules = [{"email_list": {"id": LIST}}, {"email_domain": {"domain": domain}}]
    body = {"name": name, "decision": "allow", "include": rules, "reusable": True}
    return Put(Kind.POLICY, SHARED, body)


def application(index: int, name: str = "", *, shared: bool = True) -> Put:
    """An application with its policies, and the shared one."""
    ids = [policy_id(index, number) for number in range(POLICIES)] + [SHARED] * shared
    body: Mapping[str, object] = {
        "name": name or f"application {index}",
        "type": "self_hosted",
        "domain": host(index),
        "destinations": [{"type": "public", "uri": host(index)}],
        "policies": [{"id": id, "precedence": n + 1} for n, id in enumerate(ids)],
    }
    return Put(Kind.APPLICATION, app_id(index), body)


def _policy(index: int, number: int) -> Mapping[str, object]:
    return {
        "name": f"policy {number}",
        "decision": "allow",
        "include": [
            {"email_domain": {"domain": f"team{number}.example.com"}},
            {"email": {"email": f"person{number}@site{index}.example.com"}},
        ],
        "reusable": False,
    }


def person(index: int) -> Identity:
    """Somebody who is logged in."""
    subject, address = f"00000000-0000-4000-c000-{index:012x}", f"person{index}@team0.example.com"
    return Identity(subject, address, "Person", IdpId("idp"), "oidc", "1", NOW, ())


def nonce(index: int) -> str:
    """The session of a person."""
    return f"session-of-person-{index:06}"


def _log_in(settings: Settings, many: int) -> None:
    database = Database(settings.store)
    try:
        for some in batched(range(many), _BATCH, strict=False):
            with database.write() as connection:
                connection.execute(insert(tables.sessions), [_session(index) for index in some])
    finally:
        database.close()


def _session(index: int) -> Mapping[str, object]:
    who = person(index)
    known = asdict(who) | {"auth_time": int(NOW.timestamp()) * 1_000_000}
    ends = NOW + timedelta(days=1)
    login = Session(nonce(index), who.subject, who.email, who, "192.0.2.7", "", NOW, ends)
    return asdict(login) | {"identity": known}
