"""The wire shapes of groups and of stored lists."""

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from lychgate.api.base import Flag, Name, Rules, SomeRules, Text, Wire
from lychgate.core.model import ListType


class GroupBody(Wire):
    """A reusable set of rules."""

    name: Name
    include: SomeRules
    require: Rules = Field(default_factory=list)
    exclude: Rules = Field(default_factory=list)
    is_default: Flag | None = None


class ListItemBody(Wire):
    """One entry of a list."""

    value: Name
    description: Text | None = None


class ListBody(Wire):
    """A stored list of addresses."""

    name: Name
    type: Annotated[
        ListType,
        BeforeValidator(lambda text: text.upper() if isinstance(text, str) else text),
    ]
    description: Text | None = None
    items: Annotated[list[ListItemBody], Field(max_length=100_000)] = Field(default_factory=list)

    @field_validator("items")
    @classmethod
    def _once(cls, items: list[ListItemBody]) -> list[ListItemBody]:
        values = [item.value for item in items]
        if len(set(values)) != len(values):
            twice = next(value for value in values if values.count(value) > 1)
            raise ValueError(f"`{twice}` is in the list twice")
        return items
