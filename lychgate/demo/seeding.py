"""Writes the demo's file to the store as ordinary objects, which the admin API may edit."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from lychgate.admin.credentials import NewToken
from lychgate.admin.scopes import SCOPES
from lychgate.config import Loaded
from lychgate.config import edits as file_edits
from lychgate.config.resources import FileObject
from lychgate.store.base import ApiToken, Catalogue, Delete, Edit, Kind, Put, Source, Store

_TOKEN = "demo"


class Seed:
    """Brings into the store what changed in the file since the last time, and only that.

    What was edited through the API meanwhile stays as long as the file says nothing new of it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last: dict[tuple[str, str], FileObject] = {}

    def apply(self, loaded: Loaded) -> int:
        """Write the changes; the revision afterwards."""
        fresh = {(one.kind, one.id): one for one in loaded.resources}
        moved = {key for key, one in fresh.items() if self._last.get(key) != one}
        gone = [key for key in self._last if key not in fresh]
        whole = file_edits.plan(loaded, self._store.secrets)

        def plan(catalogue: Catalogue) -> Sequence[Edit]:
            puts = [_ours(edit) for edit in whole(catalogue) if _counts(edit, moved)]
            there = [(Kind(kind), id) for kind, id in gone if catalogue.object(Kind(kind), id)]
            return [*puts, *(Delete(kind, id) for kind, id in there)]

        revision = self._store.change(file_edits.ACTOR, plan)
        self._last = fresh
        return revision


def _counts(edit: Edit, moved: set[tuple[str, str]]) -> bool:
    return isinstance(edit, Delete) or (edit.kind.value, edit.id) in moved


def _ours(edit: Edit) -> Edit:
    return replace(edit, source=Source.API) if isinstance(edit, Put) else edit


def keep_token(store: Store, token: NewToken, now: datetime) -> None:
    """Let the demo's token in, and none of an earlier run."""
    for one in store.api_tokens.list():
        if one.name == _TOKEN:
            store.api_tokens.revoke(one.id, now)
    id = f"demo-{token.digest.hex()[:16]}"
    store.api_tokens.create(ApiToken(id, _TOKEN, "", SCOPES, now), token.digest)
