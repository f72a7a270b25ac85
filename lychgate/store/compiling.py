"""Hands the core's compiler to the store, in the shape the store asks for."""

import logging
from dataclasses import replace
from datetime import datetime

from lychgate.core.revocations import Revocations
from lychgate.core.salvage import salvage
from lychgate.core.snapshot import Setting, Snapshot, compile_snapshot, update_snapshot
from lychgate.store.base import Compile, ObjectKey, State

_log = logging.getLogger(__name__)


def salvager(setting: Setting) -> Compile[Snapshot]:
    """Compiles a state that has something broken in it; `core.salvage` says what then holds."""
    compile = compiler(setting)

    def salvaged(
        previous: Snapshot | None, state: State, changed: frozenset[ObjectKey], now: datetime
    ) -> Snapshot:
        records, problems = salvage(state.records, setting)
        for problem in problems:
            _log.error("refusing everybody where the configuration is broken: %s", problem)
        return compile(previous, replace(state, records=records), changed, now)

    return salvaged


def compiler(setting: Setting) -> Compile[Snapshot]:
    """The `compile` of an installation with this setting."""

    def compile(
        previous: Snapshot | None, state: State, changed: frozenset[ObjectKey], now: datetime
    ) -> Snapshot:
        revocations = Revocations().adding(state.revocations, now)
        records, keyring, revision = state.records, state.keyring, state.revision
        if previous is None:
            return compile_snapshot(records, setting, keyring, revocations, revision, now)
        references = frozenset((kind.value, id) for kind, id in changed)
        return update_snapshot(previous, records, references, keyring, revocations, revision, now)

    return compile
