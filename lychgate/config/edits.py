"""Brings the store in line with the file: puts what it holds, deletes what it dropped."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from lychgate.config.loading import Loaded
from lychgate.config.naming import ACCOUNT
from lychgate.config.resources import FileObject
from lychgate.store.base import Actor, Catalogue, Delete, Edit, Kind, Plan, Put, Source, Store

ACTOR = Actor("configuration file", "file")

_ORDER = (
    Kind.ORGANIZATION,
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

_KEPT_OF_TOKENS = (
    "client_secret_hash",
    "client_secret_version",
    "previous_client_secret_hash",
    "previous_client_secret_expires_at",
    "expires_at",
)
"""What the command line or the API makes of a service token; the file need not repeat it."""


def apply(loaded: Loaded, store: Store) -> int:
    """Write the file's objects to the store in one change; the revision afterwards.

    Raises InvalidConfiguration when they do not fit what else the store holds. Nothing changes,
    and the revision stays, when the store already has what the file says. A file without the key
    `resources` leaves those alone that another node's file holds.
    """
    return store.change(ACTOR, plan(loaded, store.secrets))


def plan(loaded: Loaded, stored: Callable[[Kind, str], Mapping[str, str]]) -> Plan:
    """The change that `apply` makes; `stored` tells the secrets that are stored already."""
    fresh = {one.id: _fresh_secrets(one, stored) for one in loaded.resources if one.secrets}

    def edits(catalogue: Catalogue) -> Sequence[Edit]:
        puts = [_put(one, catalogue, fresh.get(one.id)) for one in loaded.resources]
        puts.sort(key=lambda put: _ORDER.index(put.kind))
        dropped = _dropped(loaded, catalogue) if loaded.says_resources else ()
        return [*_seed(loaded, catalogue), *puts, *dropped]

    return edits


def _fresh_secrets(
    one: FileObject, stored: Callable[[Kind, str], Mapping[str, str]]
) -> Mapping[str, str] | None:
    """The object's secrets; None when the same ones are stored, so that nothing changes."""
    known = dict(stored(Kind(one.kind), one.id))
    wanted = {**known, **one.secrets}
    return None if wanted == known else wanted


def _put(one: FileObject, catalogue: Catalogue, secrets: Mapping[str, str] | None) -> Put:
    kind = Kind(one.kind)
    body = dict(one.body)
    if kind is Kind.SERVICE_TOKEN:
        body = {**_kept(catalogue, one.id), **body}
    return Put(kind, one.id, body, secrets, Source.FILE)


def _kept(catalogue: Catalogue, id: str) -> dict[str, Any]:
    before = catalogue.object(Kind.SERVICE_TOKEN, id)
    body = before.body if before is not None else {}
    return {name: body[name] for name in _KEPT_OF_TOKENS if name in body}


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
    for kind in reversed(_ORDER):
        for stored in catalogue.objects(kind):
            if stored.source is Source.FILE and (kind.value, stored.id) not in kept:
                yield Delete(kind, stored.id)
