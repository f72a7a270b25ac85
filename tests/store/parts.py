"""What the store's tests hand to a store: a clock to set, a small model and a small compiler."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lychgate.core.model import (
    Action,
    AppId,
    Application,
    AppType,
    Audience,
    Group,
    GroupId,
    Policy,
    PolicyId,
)
from lychgate.errors import InvalidConfiguration, Problem
from lychgate.store.base import Actor, Clock, Delete, Edit, Kind, ObjectKey, Put, State
from lychgate.store.counts import StoreCounts
from lychgate.store.sql import SqlStore, open_store

START = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
MASTER_KEY = "5a" * 32
ADMIN = Actor("admin@example.com", "cli", "request-1")


@dataclass
class FixedClock:
    """A clock that stands until it is moved."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **span: float) -> datetime:
        """Let time pass."""
        self.now += timedelta(**span)
        return self.now


def real_clock() -> datetime:
    """The time of this machine."""
    return datetime.fromtimestamp(time.time(), UTC)


@dataclass(frozen=True)
class Snap:
    """What the small compiler makes: the state, and how it got there."""

    state: State
    changed: frozenset[ObjectKey]
    previous: int | None
    names: Mapping[str, str] = field(default_factory=dict)


def small_model(kind: str, id: str, body: Mapping[str, Any], changed: datetime, /) -> object:
    """A model value for the kinds the tests use; `unreadable` bodies are a problem."""
    if body.get("unreadable"):
        raise InvalidConfiguration([Problem(f"{kind}/{id}", "this cannot be read")])
    match kind:
        case Kind.POLICY:
            action = Action(body.get("decision", "allow"))
            return Policy(PolicyId(id), body["name"], action, (), rules_changed_at=changed)
        case Kind.GROUP:
            return Group(GroupId(id), body["name"], (), rules_changed_at=changed)
        case Kind.APPLICATION:
            policies = tuple(PolicyId(one["id"]) for one in body.get("policies", ()))
            return Application(
                AppId(id), Audience("a" * 64), body["name"], AppType.SELF_HOSTED, (), policies
            )
        case _:
            return body


def small_compile(
    previous: Snap | None, state: State, changed: frozenset[ObjectKey], now: datetime
) -> Snap:
    """Refuse applications whose policies are missing, and anything named `broken`."""
    policies = state.records.policies
    problems = [
        Problem(f"application/{app.id}", f"there is no policy `{id}`")
        for app in state.records.applications.values()
        for id in app.policies
        if id not in policies
    ]
    problems += [
        Problem(f"policy/{one.id}", "this is broken")
        for one in policies.values()
        if one.name == "broken"
    ]
    if problems:
        raise InvalidConfiguration(problems)
    names = {str(one.id): one.name for one in policies.values()}
    return Snap(state, changed, None if previous is None else previous.state.revision, names)


type Opened = SqlStore[Snap]


@dataclass(frozen=True)
class Place:
    """A database of one kind, and the environment its master key comes from."""

    url: str
    environment: Mapping[str, str]

    def open(
        self,
        clock: Clock,
        master_key_file: Path | None = None,
        counts: StoreCounts | None = None,
    ) -> Opened:
        """A store over it."""
        return open_store(
            self.url,
            small_model,
            small_compile,
            clock,
            master_key_file,
            environment=self.environment,
            counts=counts,
        )


def policy(id: str, name: str = "a policy", **members: object) -> Put:
    """An edit that puts a policy."""
    return Put(Kind.POLICY, id, {"name": name, "decision": "allow"} | members)


def put(store: Opened, *edits: Edit) -> int:
    """Make a change of these edits."""
    return store.change(ADMIN, lambda _: edits)


def delete(kind: Kind, id: str) -> Delete:
    """An edit that removes an object."""
    return Delete(kind, id)
