"""Bodies of every kind, drawn from the models of the wire: any member may be there or not."""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MinLen
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from tests.support.authorities import authority

PEM = authority().pem
SAMPLES = (
    *("30m", "24h", "1h30m", "730h", "forever", "90d"),
    *("https://a.example/x", "http://127.0.0.1:9/x", "myapp:/callback", "https://a.example/*"),
    *("a.example", "b.example/docs", "*.c.example", "/open/*", "null", "https://o.example"),
    *("a@example.com", "b@example.com", "#1a2b3c", "navy", "", "x-token", "Authorization"),
    *("2030-01-01T00:00:00Z", "2031-02-03T04:05:06+00:00", "ab" * 32, "cd" * 32),
    *("GET", "post", "client.one", "client_secret_post", "consent", "login", "disable", "^eng-"),
    *("oidc", "x" * 40, "tools-1", PEM),
)
ODD = (
    *("089", "1e5", "yes", "No", "null", "~", "2001-01-01", "0x10", "1_000", ".inf", "=", "<<"),
    *("a: b", "a # b", "- a", "? a", "!tag", "&a", "*a", "%x", "@x", "`x", "{a}", "[a]", "'", '"'),
    *(
        " lead",
        "trail ",
        "two\nlines\n",
        "  deep\n\n\tx\n",
        "a\r\nb",
        "\u2028",
        "\x85",
        "two\nlines\u2028key: value",
        "é😀",
        "\ufeff",
    ),
    *("---", "...", "--- a\nb", "#", "a\\b", "${ENV:HOME}", "true", "12", "1.5", "\ttab"),
)
"""Texts that a careless writer of YAML would not get back."""
TEXT = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**12), 10**12), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(TEXT, inner, max_size=2)),
    max_leaves=4,
)

type Given = Mapping[str, st.SearchStrategy[Any]]
"""Members that are drawn otherwise: by name, or by `Model.name`."""


def body(
    model: type[BaseModel], given: Given, *, whole: bool = False
) -> st.SearchStrategy[dict[str, Any]]:
    """A body of a model; `whole` draws every member there is."""
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        wire = field.alias or name
        strategy = given.get(f"{model.__name__}.{wire}", given.get(wire))
        if strategy is None:
            strategy = _values(Annotated[field.annotation, *field.metadata, None], given, whole)
        needed = whole or field.is_required()
        (required if needed else optional)[wire] = strategy
    return st.fixed_dictionaries(required, optional=optional).map(_without_nothing)


def _without_nothing(value: dict[str, Any]) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if inner is not NOTHING}


NOTHING = object()
"""Drawn for a member: it is not there."""


def _values(annotation: Any, given: Given, whole: bool) -> st.SearchStrategy[Any]:
    base, marks = _bare(annotation)
    origin, inner = get_origin(base), get_args(base)
    if origin in (Union, UnionType):
        return _values(next(one for one in inner if one is not NoneType), given, whole)
    if origin is Annotated:
        return _values(Annotated[base, *marks, None], given, whole)
    if isinstance(base, type) and issubclass(base, BaseModel):
        return body(base, given, whole=whole)
    if origin is list:
        least = whole or any(isinstance(mark, MinLen) for mark in _flat(marks))
        return st.lists(_values(inner[0], given, whole), min_size=least, max_size=2, unique_by=repr)
    if origin is dict:
        return st.just(NOTHING)
    return _simple(base, marks)


def _bare(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    if get_origin(annotation) is not Annotated:
        return annotation, ()
    base, *marks = get_args(annotation)
    inner, more = _bare(base)
    return inner, (*more, *(mark for mark in marks if mark is not None))


def _simple(base: Any, marks: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if base is bool:
        return st.booleans()
    if base is Any:
        return JSON.filter(lambda value: value is not None)
    if base is int:
        bounds: dict[type, Any] = {type(mark): mark for mark in _flat(marks)}
        return st.integers(
            bounds[Ge].ge if Ge in bounds else 0, bounds[Le].le if Le in bounds else 1000
        )
    if get_origin(base) is Literal:
        return st.sampled_from(get_args(base))
    if isinstance(base, type) and issubclass(base, Enum):
        return st.sampled_from([one.value for one in base])
    if base is str:
        return _texts(Annotated[str, *marks, None])
    raise AssertionError(f"teach this how to draw a {base}")


def _flat(marks: tuple[Any, ...]) -> list[Any]:
    return [inner for mark in marks for inner in (mark, *getattr(mark, "metadata", ()))]


_PROBES = ("a - b", "é 'x'", "089", "yes: no")


@cache
def _texts(annotation: Any) -> st.SearchStrategy[str]:
    """Samples that are valid here, and any text where all texts are."""
    valid = validator(annotation)
    samples = [text for text in SAMPLES if valid(text)]
    if all(valid(text) for text in _PROBES):
        return TEXT.filter(valid)
    assert samples, f"none of the samples is valid as {annotation}"
    return st.sampled_from(samples)


def validator(annotation: Any) -> Callable[[Any], bool]:
    """Whether a value is valid."""
    adapter = _adapter(annotation)

    def valid(value: Any) -> bool:
        try:
            adapter.validate_python(value)
        except ValidationError:
            return False
        return True

    return valid


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)
