"""Keeps the newest state and its snapshot in memory, and moves them on by what changed.

The feed and the administrators' changes of one process share a mirror: an edit reads what is new
since, not the whole store. Bodies are read into model values one by one and let go.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lychgate.core.keys import Keyring
from lychgate.core.model import Records, Revocation, RevocationKind
from lychgate.errors import InvalidConfiguration, Problem
from lychgate.pauses import unhurried
from lychgate.store.base import (
    Changes,
    Clock,
    Compile,
    Kind,
    Object,
    ObjectKey,
    Position,
    State,
    Store,
    ToModel,
)
from lychgate.store.counts import News

_log = logging.getLogger(__name__)
_FIELDS: Mapping[Kind, str] = {
    Kind.APPLICATION: "applications",
    Kind.POLICY: "policies",
    Kind.GROUP: "groups",
    Kind.LIST: "lists",
    Kind.IDP: "identity_providers",
    Kind.SERVICE_TOKEN: "service_tokens",
    Kind.CERTIFICATE: "certificates",
    Kind.CUSTOM_PAGE: "custom_pages",
}


@dataclass(frozen=True, slots=True)
class Mirrored[S]:
    """A state and what was compiled from it; `server` says whose revision it is."""

    state: State
    snapshot: S
    server: str = ""

    @property
    def position(self) -> Position:
        """Where the store was."""
        return Position(self.state.revision, self.server)


class Draft:
    """A state in the making: a base, then objects put and deleted over it.

    A body that reads as the value it had before changes nothing, so that reading everything again
    touches what differs and nothing else.
    """

    def __init__(self, base: State | None, to_model: ToModel) -> None:
        self._base = base
        self._to_model = to_model
        self._values: dict[Kind, dict[str, Any]] = {}
        self._organization: Any = (
            Records().organization if base is None else base.records.organization
        )
        self._problems: dict[ObjectKey, tuple[Problem, ...]] = {}
        self._named: dict[Kind, set[str]] = {}
        self.changed: set[ObjectKey] = set()
        self.written: set[datetime] = set()
        """When the objects that were visited were last changed."""

    def put(self, kind: Kind, id: str, body: Mapping[str, Any], rules_changed_at: datetime) -> None:
        """Read a body into its value; a body that does not read is kept as a problem."""
        self._problems.pop((kind, id), None)
        self._named.setdefault(kind, set()).add(id)
        try:
            value = self._to_model(kind, id, body, rules_changed_at)
        except InvalidConfiguration as error:
            self._problems[kind, id] = error.problems
            return
        if value == self._held(kind, id):
            return
        self.changed.add((kind, id))
        if kind is Kind.ORGANIZATION:
            self._organization = value
        elif kind in _FIELDS:
            self._of(kind)[id] = value

    def visit(self, object: Object) -> None:
        """Put an object as stored."""
        self.written.add(object.updated_at)
        self.put(object.kind, object.id, object.body, object.rules_changed_at)

    def delete(self, kind: Kind, id: str) -> None:
        """Take an object out."""
        self._problems.pop((kind, id), None)
        self.changed.add((kind, id))
        if kind is Kind.ORGANIZATION:
            self._organization = Records().organization
        elif kind in _FIELDS:
            self._of(kind).pop(id, None)

    def restart(self) -> None:
        """Let go what was not put: a complete read has named everything."""
        for kind in _FIELDS:
            named = self._named.get(kind, set())
            for id in [id for id in self._of_field(kind) if id not in named]:
                self.delete(kind, id)
        if Kind.ORGANIZATION not in self._named and self._organization != Records().organization:
            self.delete(Kind.ORGANIZATION, "")

    def salvage(self) -> bool:
        """Leave out bodies that did not read; False when one of them may own paths or settings.

        Without an application's body nobody knows which paths it closed.
        """
        if any(kind in (Kind.APPLICATION, Kind.ORGANIZATION) for kind, _ in self._problems):
            return False
        for problems in self._problems.values():
            for problem in problems:
                _log.error("left out, it does not read: %s", problem)
        self._problems.clear()
        return True

    def state(self, revision: int, keyring: Keyring, revocations: tuple[Revocation, ...]) -> State:
        """The state as it is now; `InvalidConfiguration` with the problems of every body."""
        if self._problems:
            raise InvalidConfiguration(
                problem for problems in self._problems.values() for problem in problems
            )
        fields: dict[str, Any] = {name: self._of_field(kind) for kind, name in _FIELDS.items()}
        records = Records(organization=self._organization, **fields)
        return State(revision, records, keyring, revocations)

    def _held(self, kind: Kind, id: str) -> Any:
        if kind is Kind.ORGANIZATION:
            return self._organization
        return self._of_field(kind).get(id) if kind in _FIELDS else None

    def _of(self, kind: Kind) -> dict[str, Any]:
        if kind not in self._values:
            self._values[kind] = dict(self._of_field(kind))
        return self._values[kind]

    def _of_field(self, kind: Kind) -> Mapping[str, Any]:
        if kind in self._values or self._base is None:
            return self._values.get(kind, {})
        values: Mapping[str, Any] = getattr(self._base.records, _FIELDS[kind])
        return values


@dataclass(slots=True)
class Advance[S]:
    """A mirror's way from what it holds to a later state, compiled once at the end."""

    base: Mirrored[S] | None
    draft: Draft
    keyring: Keyring
    revocations: tuple[Revocation, ...]
    server: str = ""

    def finish(self, compile: Compile[S], revision: int, now: datetime) -> Mirrored[S]:
        """Compile the drafted state; `InvalidConfiguration` with every problem."""
        state = self.draft.state(revision, self.keyring, self.revocations)
        previous = None if self.base is None else self.base.snapshot
        snapshot = compile(previous, state, frozenset(self.draft.changed), now)
        return Mirrored(state, snapshot, self.server)


@dataclass(slots=True)
class Mirror[S]:
    """The newest state this process knows, shared by its feed and its changes."""

    to_model: ToModel
    compile: Compile[S]
    clock: Clock
    salvage: Compile[S] | None = None
    """Compiles what can be saved of a broken state, for a process that has no better one."""
    _current: Mirrored[S] | None = None
    _moved: threading.Condition = field(default_factory=threading.Condition)

    @property
    def current(self) -> Mirrored[S] | None:
        """What is held now; None before the first read."""
        return self._current

    @property
    def revision(self) -> int:
        """The revision held; 0 before the first read."""
        return 0 if self._current is None else self._current.state.revision

    @property
    def position(self) -> Position:
        """What is held; nothing of any server before the first read."""
        return Position(0) if self._current is None else self._current.position

    def refresh(self, store: Store) -> News | None:
        """Catch up with the store; None when there was nothing to catch up with."""
        base = self._current
        if base is not None and store.position() == base.position:
            return None
        draft = self.draft(base)
        visit = draft.visit if base is None else unhurried(draft.visit)
        changes = store.each_change(Position(0) if base is None else base.position, visit)
        way = self.advance(base, draft, changes)
        restored = base is not None and changes.revision < base.state.revision
        self.keep(self._finished(way, changes.revision), backwards=restored)
        return News() if changes.complete else News(_revoked(changes), frozenset(draft.written))

    def _finished(self, way: "Advance[S]", revision: int) -> Mirrored[S]:
        """The state compiled; at a start, what can be saved of one that has something broken."""
        try:
            return way.finish(self.compile, revision, self.clock())
        except InvalidConfiguration:
            if way.base is not None or self.salvage is None or not way.draft.salvage():
                raise
            return way.finish(self.salvage, revision, self.clock())

    def draft(self, base: Mirrored[S] | None) -> Draft:
        """A draft over what is held."""
        return Draft(None if base is None else base.state, self.to_model)

    def advance(self, base: Mirrored[S] | None, draft: Draft, changes: Changes) -> Advance[S]:
        """Complete a draft, whose objects were visited, with the rest of what changed."""
        if changes.complete:
            draft.restart()
        for kind, id in changes.deleted:
            draft.delete(kind, id)
        # A revocation that was heard of holds, even where a fail-over lost it.
        held = () if base is None else base.state.revocations
        empty = Keyring((), ()) if base is None else base.state.keyring
        return Advance(
            base,
            draft,
            changes.keyring or empty,
            _merge(held, changes.revocations, self.clock()),
            changes.server,
        )

    def keep(self, candidate: Mirrored[S], *, backwards: bool = False) -> None:
        """Hold a newer state; an older one only when the store itself went back."""
        with self._moved:
            held = self._current
            newer = held is None or candidate.state.revision > held.state.revision
            if newer or backwards or (held and candidate.server != held.server):
                self._current = candidate
                self._moved.notify_all()

    def wait_for(self, revision: int, timeout: float) -> bool:
        """Whether that revision, or a later one, is held before the timeout (seconds)."""
        with self._moved:
            return self._moved.wait_for(
                lambda: self._current is not None and self.revision >= revision, timeout
            )


def _revoked(changes: Changes) -> frozenset[datetime]:
    # A grant's revocation stands at the grant's end, so that it covers what is just being made.
    timed = (one for one in changes.revocations if one.kind is not RevocationKind.GRANT)
    return frozenset(one.not_before for one in timed)


def _merge(
    held: tuple[Revocation, ...], new: tuple[Revocation, ...], now: datetime
) -> tuple[Revocation, ...]:
    by_key = {(each.kind, each.key): each for each in (*held, *new)}
    return tuple(each for each in by_key.values() if each.expires_at > now)
