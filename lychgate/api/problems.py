"""What is wrong with a wire object, in our own words: one `Problem` for each finding."""

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lychgate.errors import Problem

type Path = tuple[str | int, ...]

_TYPES = {
    "string_type": "must be text",
    "bool_type": "must be `true` or `false`",
    "bool_parsing": "must be `true` or `false`",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "mapping_type": "must be an object",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "string_unicode": "must be text",
}


def problems_of(error: ValidationError, model: type[BaseModel]) -> tuple[Problem, ...]:
    """Every finding of one validation of `model`, `where` being the path inside the object."""
    return tuple(_problem(detail, model) for detail in error.errors(include_url=False))


def _problem(detail: ErrorDetails, model: type[BaseModel]) -> Problem:
    path = detail["loc"]
    where = "/".join(str(part) for part in path)
    name = _last_name(path)
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return Problem(where, f"{name} is a required field")
        case "extra_forbidden":
            return Problem(where, f"unknown key `{name}`", _nearest(model, path))
        case "value_error":
            return Problem(where, _say(name, str(context.get("error", "is not valid"))))
        case "enum" | "literal_error":
            return Problem(where, f"{name} must be one of {context.get('expected')}")
        case "too_long" | "string_too_long":
            return Problem(where, f"{name} is too long, the most is {context.get('max_length')}")
        case "too_short" | "string_too_short":
            return Problem(where, f"{name} must not be empty")
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
            return Problem(where, f"{name} is out of range")
        case kind:
            message = _TYPES.get(kind, "is not valid")
            return Problem(where, f"{name} {message}", _quotes(kind, detail["input"]))


def _say(name: str, message: str) -> str:
    """Messages that begin like a predicate get the member's name in front."""
    return f"{name} {message}" if message.startswith(("must ", "is ")) else message


def _quotes(kind: str, value: Any) -> str:
    plain = isinstance(value, int | float | bool)
    return "put it in quotes" if kind == "string_type" and plain else ""


def _last_name(path: Path) -> str:
    names = [part for part in path if isinstance(part, str)]
    return names[-1][:80] if names else "the object"


def _nearest(model: type[BaseModel], path: Path) -> str:
    close = get_close_matches(str(path[-1]), known_keys(model, path[:-1]), 1, 0.6)
    return f"did you mean `{close[0]}`?" if close else ""


def known_keys(model: type[BaseModel], path: Path) -> list[str]:
    """The wire names of the members an object at `path` inside `model` may have."""
    found: type[BaseModel] | None = model
    for part in path:
        if found is None:
            return []
        if isinstance(part, int):
            continue
        found = _member(found, part)
    return [] if found is None else [f.alias or n for n, f in found.model_fields.items()]


def _member(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    for field_name, info in model.model_fields.items():
        if name in {field_name, info.alias}:
            return _model_in(info.annotation)
    return None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
