"""What every wire shape shares: how members are read, and what is said of those that are wrong."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.types import Strict

from lychgate.core.durations import parse_duration

MONTH = timedelta(days=31)
LONGEST = timedelta(days=3660)
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")
"""What every reader of JSON and YAML takes for the same number (RFC 8259 6)."""
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})|[a-zA-Z]{1,30}")
_HEADER = re.compile(r"[!#$%&'*+.^`|~0-9A-Za-z-]{1,100}")


class Wire(BaseModel):
    """A wire object: `null` is the same as absent, unknown members are ignored.

    The file refuses unknown members; it validates with `extra="forbid"`.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            return {key: value for key, value in data.items() if value is not None}
        return data


class Kept(Wire):
    """An object that is stored as it is; what it means is not decided by the core."""


def wire(value: Wire) -> dict[str, Any]:
    """The members that were set, as JSON values in their wire spelling."""
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)


def plain_text(text: str) -> str:
    """The text; raises ValueError when it holds characters that no text needs."""
    if _CONTROL.search(text):
        raise ValueError("must not hold control characters")
    return text


def duration_between(least: timedelta, most: timedelta) -> Callable[[str], str]:
    """A check that a text is a duration not out of those bounds."""

    def check(text: str) -> str:
        parsed = parse_duration(text)
        if parsed is None:
            raise ValueError(f"`{text[:40]}` is not a duration such as `30m` or `24h`")
        if not least <= parsed <= most:
            raise ValueError(f"`{text[:40]}` is out of range")
        return text

    return check


def _split(text: str) -> tuple[str, str]:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "", ""
    odd = "\\" in text or any(char <= " " for char in text) or "@" in parts.netloc
    return ("", "") if odd else (parts.scheme.lower(), host)


def _web_link(text: str) -> str:
    scheme, host = _split(text)
    if scheme not in {"http", "https"} or not host:
        raise ValueError("must be a complete http or https URL")
    return text


def _secure_link(text: str) -> str:
    scheme, host = _split(text)
    if scheme != "https" or not host:
        raise ValueError("must be a complete https URL")
    return text


def _endpoint(text: str) -> str:
    scheme, host = _split(text)
    if not host or scheme not in {"http", "https"}:
        raise ValueError("must be a complete https URL")
    if scheme == "http" and host not in LOOPBACK:
        raise ValueError("must be https (plain http is for loopback only)")
    return text


def _colour(text: str) -> str:
    if text and not _COLOUR.fullmatch(text):
        raise ValueError("must be a colour such as `#1a2b3c` or `navy`")
    return text


def _header_name(text: str) -> str:
    if not _HEADER.fullmatch(text):
        raise ValueError("must be a header name")
    return text


def _time(text: str) -> str:
    if parse_time(text) is None:
        raise ValueError("must be a time such as `2030-01-01T00:00:00Z`")
    return text


def _json(value: Any) -> Any:
    try:
        size = len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError("must be plain JSON") from error
    if size > 65_536:
        raise ValueError("is too large")
    for leaf in _leaves(value):
        if isinstance(leaf, str):
            plain_text(leaf)
        elif not _NUMBER.fullmatch(repr(leaf)):
            raise ValueError("must not hold numbers of more than 15 digits")
    return value


def _leaves(value: Any) -> Iterator[str | int | float]:
    """Every text and number inside, names of members too."""
    match value:
        case None | bool():
            return
        case str() | int() | float():
            yield value
        case Mapping():
            for name, inner in value.items():
                yield str(name)
                yield from _leaves(inner)
        case _:
            for inner in value:
                yield from _leaves(inner)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def optional_link(check: Callable[[str], str]) -> Callable[[str], str]:
    """The same check, with the empty text meaning none."""

    def checked(text: str) -> str:
        return check(text) if text else text

    return checked


Flag = Annotated[bool, Strict()]
Text = Annotated[str, StringConstraints(max_length=65_536), AfterValidator(plain_text)]
Name = Annotated[
    str,
    StringConstraints(max_length=350),
    AfterValidator(plain_text),
    AfterValidator(_not_empty),
]
Reference = Annotated[
    str,
    StringConstraints(max_length=350),
    AfterValidator(plain_text),
    AfterValidator(_not_empty),
]
"""The id of another object; in the file its name will do."""
Duration = Annotated[str, AfterValidator(duration_between(timedelta(), LONGEST))]
SessionDuration = Annotated[str, AfterValidator(duration_between(timedelta(), MONTH))]
WebLink = Annotated[Text, AfterValidator(optional_link(_web_link))]
SecureLink = Annotated[Text, AfterValidator(optional_link(_secure_link))]
Endpoint = Annotated[Text, AfterValidator(_endpoint)]
Colour = Annotated[Text, AfterValidator(_colour)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
Time = Annotated[str, AfterValidator(_time)]
Json = Annotated[Any, AfterValidator(_json)]
"""A member that is kept and given back, and decides nothing."""
Lower = BeforeValidator(_lower)
"""Accepts any case and keeps the lower one."""


def _one_member(value: Any) -> Any:
    members = list(value.items()) if isinstance(value, Mapping) else []
    match members:
        case [(str(), Mapping())]:
            return _json(value)
        case [(kind, _)]:
            raise ValueError(f"the rule `{str(kind)[:80]}` must hold an object")
        case _:
            raise ValueError("a rule must have exactly one member, such as `email`")


RuleBody = Annotated[dict[str, Any], BeforeValidator(_one_member)]
"""`{kind: {…}}`; which kinds there are, and what each holds, the core knows."""
Rules = Annotated[list[RuleBody], Field(max_length=1000)]
SomeRules = Annotated[list[RuleBody], Field(min_length=1, max_length=1000)]


def parse_time(text: str) -> datetime | None:
    """Parse an RFC 3339 time; None when it is not one."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    if parsed.tzinfo is None:
        return None
    try:
        return parsed.astimezone(UTC)
    except OverflowError:
        return None


def duration(text: str) -> timedelta:
    """The duration of a text that has been validated."""
    return parse_duration(text) or timedelta()
