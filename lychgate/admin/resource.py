"""One entry of the table of resources: all that tells one kind of object from another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from lychgate.admin.calls import Office, shown_time
from lychgate.admin.refusals import Refused, not_found
from lychgate.admin.scopes import Area
from lychgate.admin.shapes.objects import Deleted
from lychgate.admin.shapes.shown import Asks, Shape
from lychgate.api import parse_body
from lychgate.api.base import Wire, wire
from lychgate.store.base import Catalogue, Delete, Edit, Kind, Object, Put

type Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a create or an update asks for, with the state it meets."""

    kind: Kind
    id: str
    given: Mapping[str, Any]
    """What the caller sent."""
    sent: Mapping[str, Any]
    """The same, for a partial update over the state it meets."""
    before: Object | None
    catalogue: Catalogue
    now: datetime
    random: Callable[[int], bytes] = field(repr=False)
    sealed: Callable[[], Mapping[str, str]] = field(repr=False)
    """The secrets that are stored of it."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The edits that fulfil a wish, and secrets that the answer shows this once."""

    edits: Sequence[Edit]
    shown: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Update(StrEnum):
    """What a PUT does to members that are left out."""

    FULL = "full"
    """They go back to their defaults."""
    PARTIAL = "partial"
    """They stay; `null` clears one."""


type Prepare = Callable[[Wish], Prepared]
type Render = Callable[[Sequence[Object], Office], list[Body]]
type Filter = Callable[[Object, str], bool]


def plain(wish: Wish) -> Prepared:
    """Store what was sent, validated and without what is not known."""
    return Prepared([Put(wish.kind, wish.id, wire(parse_body(wish.kind, wish.sent)))])


def each(render: Callable[[Object], Body]) -> Render:
    """Show objects one by one."""
    return lambda objects, _office: [render(one) for one in objects]


def only_id(stored: Object) -> Body:
    """What most deletions answer."""
    return {"id": stored.id}


def remove(stored: Object, _catalogue: Catalogue) -> Sequence[Edit]:
    """Delete the object and nothing else."""
    return [Delete(stored.kind, stored.id)]


def name_is(stored: Object, text: str) -> bool:
    """Filter by the whole name."""
    return bool(stored.body.get("name") == text)


def name_or_id_has(stored: Object, text: str) -> bool:
    """Filter by a part of the name, in any case, or the id."""
    return text.lower() in str(stored.body.get("name", "")).lower() or text == stored.id


def times(stored: Object) -> Body:
    """When it was made and last changed."""
    return {
        "created_at": shown_time(stored.created_at),
        "updated_at": shown_time(stored.updated_at),
    }


@dataclass(frozen=True, slots=True)
class Resource:
    """One line of the table."""

    kind: Kind
    path: str
    """Below the account, such as `/access/groups`."""
    area: Area
    word: str
    """What one is called, in the plural: it names the calls in the OpenAPI document."""
    takes: tuple[type[Wire], ...]
    """The shapes a body may have."""
    gives: tuple[Shape, ...]
    """The shapes it is shown in."""
    render: Render
    prepare: Prepare = plain
    detail: Render | None = None
    """How a single one is shown where lists show less."""
    gives_detail: tuple[Shape, ...] = ()
    """The shapes of that; none: the same as in lists."""
    gives_fresh: tuple[Shape, ...] = ()
    """The shapes of the answer to a change, where it shows a secret; none: the same as in lists."""
    zones: bool = False
    """Whether it is also found below a zone."""
    update: Update = Update.FULL
    deleted: Callable[[Object], Any] = only_id
    """What a deletion answers; None: the object as it was."""
    gives_deleted: tuple[Shape, ...] = (Deleted,)
    """The shapes of that."""
    needs: tuple[str, ...] | None = None
    """The members that an update must name; None: the same as a creation."""
    remove: Callable[[Object, Catalogue], Sequence[Edit]] = remove
    filters: Mapping[str, Filter] = field(default_factory=dict)
    exact: Mapping[str, Filter] = field(default_factory=dict)
    """What some of them mean with `exact=true`."""
    asks: tuple[Asks, ...] = ()
    """What else its list may be asked."""
    missing: Callable[[], Refused] = not_found
    chosen_id: str = ""
    """The member that holds the id where the caller chooses it."""
    paged: bool = True

    @property
    def single(self) -> str:
        """What one is called, in the singular."""
        if self.word.endswith("ies"):
            return self.word.removesuffix("ies") + "y"
        return self.word.removesuffix("s")

    @property
    def said(self) -> str:
        """The same with its article, as people write it."""
        noun = self.single.replace("_", " ").replace("mcp", "MCP")
        return f"an {noun}" if noun[0] in "aeioM" else f"a {noun}"

    def one(self, stored: Object, office: Office) -> Body:
        """A single object as it is shown."""
        return (self.detail or self.render)([stored], office)[0]
