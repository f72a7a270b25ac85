"""Validates bodies that are no objects of the store: actions and settings."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from lychgate.admin.refusals import does_not_compile
from lychgate.api.base import Wire
from lychgate.api.problems import problems_of


def validated[T: Wire](model: type[T], sent: Mapping[str, Any]) -> T:
    """The validated body; raises Refused with every problem."""
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        raise does_not_compile(problems_of(error, model)) from None
