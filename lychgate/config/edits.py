"""Brings the store in line with the file: puts what it holds, deletes what it dropped."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from lychgate.config.completing import completed
from lychgate.config.loading import Loaded
from lychgate.config.naming import ACCOUNT
from lychgate.config.resources import FileObject
from lychgate.store.base import (
    Actor,
    Catalogue,
    Delete,
    Edit,
    Kind,
    ObjectKey,
    Plan,
    Put,
    Source,
    Store,
)

ACTOR = Actor("configuration file", "file")

type Secrets = Callable[[Kind, str], Mapping[str, str]]
"""The secrets of an object that are stored."""

ORDER = (
    Kind.ORGANIZATION,
    Kind.SETTINGS,
    Kind.IDP,
    Kind.LIST,
    Kind.GROUP,
    Kind.SERVICE_TOKEN,
    Kind.CERTIFICATE,
    Kind.TAG,
    Kind.CUSTOM_PAGE,
    Kind.MCP_SERVER,
    Kind.MCP_PORTAL,
    Kind.POLICY,
    Kind.APPLICATION,
)
"""What is named comes before what names it."""


def apply(loaded: Loaded, store: Store) -> int:
    """Write the file's objects to the store in one change; the revision afterwards.

    Raises InvalidConfiguration when they do not fit what else the store holds. Nothing changes,
    and the revision stays, when the store already has what the file says. A file without the key
    `resources` leaves those alone that another node's file holds.
    """
    return store.change(ACTOR, plan(loaded, store.secrets))


def plan(loaded: Loaded, stored: Secrets) -> Plan:
    """The change that `apply` makes; `stored` tells the secrets that are stored already."""
    fresh = {one.id: fresh_secrets(one, stored) for one in loaded.resources if one.secrets}

    def edits(catalogue: Catalogue) -> Sequence[Edit]:
        kinds = {Kind(one.kind) for one in loaded.resources}
        stored = {one.key: one.body for kind in kinds for one in catalogue.objects(kind)}
        puts = [_put(one, stored, fresh.get(one.id)) for one in loaded.resources]
        puts.sort(key=lambda put: ORDER.index(put.kind))
        dropped = _dropped(loaded, catalogue) if loaded.says_resources else ()
        return [*_seed(loaded, catalogue), *puts, *dropped]

    return edits


def fresh_secrets(one: FileObject, stored: Secrets) -> Mapping[str, str] | None:
    """The object's secrets; None when the same ones are stored, so that nothing changes."""
    known = dict(stored(Kind(one.kind), one.id))
    wanted = {**known, **one.secrets}
    return None if wanted == known else wanted


def _put(
    one: FileObject,
    stored: Mapping[ObjectKey, Mapping[str, Any]],
    secrets: Mapping[str, str] | None,
) -> Put:
    kind = Kind(one.kind)
    body = completed(one, stored.get((kind, one.id), {}))
    return Put(kind, one.id, body, secrets, Source.FILE)


def _seed(loaded: Loaded, catalogue: Catalogue) -> Iterator[Edit]:
    """An organization for an installation whose file says nothing of one; the API may edit it."""
    named = any(one.kind == Kind.ORGANIZATION for one in loaded.resources)
    if named or catalogue.objects(Kind.ORGANIZATION):
        return
    team = loaded.settings.team
    body = {"name": loaded.settings.name, "auth_domain": urlsplit(team.url).netloc}
    yield Put(Kind.ORGANIZATION, ACCOUNT, body)


def _dropped(loaded: Loaded, catalogue: Catalogue) -> Iterator[Edit]:
    kept = {(one.kind, one.id) for one in loaded.resources}
    for kind in reversed(ORDER):
        for stored in catalogue.objects(kind):
            if stored.source is Source.FILE and (kind.value, stored.id) not in kept:
                yield Delete(kind, stored.id)
