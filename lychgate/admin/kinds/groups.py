"""Access groups and stored lists."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lychgate.admin.refusals import invalid
from lychgate.admin.resource import (
    Body,
    Prepared,
    Resource,
    Wish,
    each,
    name_is,
    name_or_id_has,
    plain,
    times,
)
from lychgate.admin.scopes import Area
from lychgate.admin.shapes.objects import GROUP, LIST, Nothing
from lychgate.api.groups import GroupBody, ListBody
from lychgate.store.base import Kind, Object


def _show_group(stored: Object) -> Body:
    return {"id": stored.id, "exclude": [], "require": [], **stored.body, **times(stored)}


GROUPS = Resource(
    kind=Kind.GROUP,
    path="/access/groups",
    area=Area.ORGANIZATION,
    word="groups",
    takes=(GroupBody,),
    gives=(GROUP,),
    zones=True,
    render=each(_show_group),
    filters={"name": name_is, "search": name_or_id_has},
)


def items_of(stored: Object) -> list[dict[str, Any]]:
    """The entries of a list."""
    return [dict(item) for item in stored.body.get("items", ())]


def _show_list(stored: Object) -> Body:
    items = items_of(stored)
    return {"id": stored.id, **stored.body, "items": items, "count": len(items), **times(stored)}


def _prepare_list(wish: Wish) -> Prepared:
    sent: Mapping[str, Any] = wish.sent
    if wish.before is not None:
        kept = {"type": wish.before.body["type"], "items": items_of(wish.before)}
        sent = {**kept, **{name: value for name, value in sent.items() if value is not None}}
        if str(sent["type"]).upper() != kept["type"]:
            raise invalid("the type of a list cannot change")
    return plain(replace(wish, sent=sent))


def _of_type(stored: Object, text: str) -> bool:
    return bool(stored.body["type"] == text.upper())


LISTS = Resource(
    kind=Kind.LIST,
    path="/gateway/lists",
    area=Area.LISTS,
    word="lists",
    takes=(ListBody,),
    gives=(LIST,),
    gives_deleted=(Nothing,),
    needs=("name",),
    render=each(_show_list),
    prepare=_prepare_list,
    deleted=lambda _stored: {},
    filters={"type": _of_type},
    paged=False,
)
