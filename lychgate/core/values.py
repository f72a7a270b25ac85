"""How values are made that live no longer than the request they belong to."""

from dataclasses import dataclass
from typing import dataclass_transform


@dataclass_transform(frozen_default=True)
def momentary[T](cls: type[T]) -> type[T]:
    """A slotted dataclass that nobody may change: the type checker sees to it.

    One that is frozen while it runs sets each member with a call. A decision makes a dozen of
    these values with some seventy members, which was a sixth of its time.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
