"""The entries of a stored list, and changing some of them."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from lychgate.admin.answers import Answer, done, listed
from lychgate.admin.calls import Call, Office
from lychgate.admin.generic import existing
from lychgate.admin.handler import handler
from lychgate.admin.kinds.groups import LISTS, items_of
from lychgate.admin.shapes.objects import LIST
from lychgate.admin.shapes.shown import PAGES, Takes, one, page
from lychgate.admin.validating import validated
from lychgate.api import parse_body
from lychgate.api.base import Name, Wire, wire
from lychgate.api.groups import ListItemBody
from lychgate.store.base import Catalogue, Edit, Kind, Put

_MOST = 10_000


class ListChangeBody(Wire):
    """Entries that come and values that go."""

    append: Annotated[list[ListItemBody], Field(max_length=_MOST)] = Field(default_factory=list)
    remove: Annotated[list[Name], Field(max_length=_MOST)] = Field(default_factory=list)


@handler("edit_list", one(LIST), Takes((ListChangeBody,)))
def edit_list(call: Call, office: Office) -> Answer:
    """Add entries to a list and take some out."""
    sent = validated(ListChangeBody, call.members)
    gone = {*sent.remove, *(item.value for item in sent.append)}

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        stored = call.may_edit(existing(LISTS, call.id, catalogue))
        kept = [item for item in items_of(stored) if item["value"] not in gone]
        body = {**stored.body, "items": [*kept, *map(wire, sent.append)]}
        return [Put(Kind.LIST, stored.id, wire(parse_body(Kind.LIST, body)))]

    office.change(call, plan)
    return done(LISTS.one(existing(LISTS, call.id, office.store), office))


@handler("list_list_items", page(ListItemBody), asks=PAGES)
def list_items(call: Call, office: Office) -> Answer:
    """List the entries of a list."""
    some = call.paging
    items = items_of(existing(LISTS, call.id, office.store))
    return listed(some.cut(items), some, len(items))
