"""How one call is described: what it takes, what it gives, and what may be asked with it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, Field


@dataclass(frozen=True, slots=True)
class Shown:
    """An object as it is shown: as it was sent, with what the gate adds, without what it hides."""

    body: type[BaseModel]
    more: type[BaseModel]
    """Members that are added, and those that an answer always has."""
    hidden: frozenset[str] = frozenset()
    suffix: str = ""

    @property
    def name(self) -> str:
        """What the shape is called in the document."""
        return self.body.__name__.removesuffix("Body") + self.suffix


type Shape = Shown | type[Any]
"""A shape of its own, or what a type says by itself."""


class Many(StrEnum):
    """How many a call gives."""

    ONE = "one"
    PAGE = "page"
    """Some of a list, with `result_info`."""
    ALL = "all"
    """A whole list at once."""


@dataclass(frozen=True, slots=True)
class Gives:
    """What the `result` of an answer is; of several shapes it has one."""

    shapes: tuple[Shape, ...]
    many: Many = Many.ONE
    status: int = 200


@dataclass(frozen=True, slots=True)
class Takes:
    """What a body may be; of several shapes it has one."""

    shapes: tuple[type[BaseModel], ...]
    needs: tuple[str, ...] | None = None
    """The members that must be there; None: those that the shapes say."""
    optional: bool = False
    """Whether there may be no body at all."""


@dataclass(frozen=True, slots=True)
class Asks:
    """A member of the query."""

    name: str
    type: Any = str
    says: str = ""


_Number = Annotated[int, Field(ge=1, le=10_000_000)]
_Some = Annotated[int, Field(ge=1, le=1000)]
PAGES = (
    Asks("page", _Number, "Which page, from 1."),
    Asks("per_page", _Some, "How many on a page, at most 1000; 25 when it is left out."),
)
"""What every list that comes in pages can be asked."""


def one(*shapes: Shape, status: int = 200) -> Gives:
    """A single result."""
    return Gives(shapes, Many.ONE, status)


def page(*shapes: Shape) -> Gives:
    """A page of a list."""
    return Gives(shapes, Many.PAGE)


def every(*shapes: Shape) -> Gives:
    """A whole list."""
    return Gives(shapes, Many.ALL)
