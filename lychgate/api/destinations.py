"""The wire shape of destinations, and what a pattern of host and path may look like."""

import re
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lychgate.api.base import Lower, Name, Wire
from lychgate.core.model import Destination

_LABEL = re.compile(r"[a-z0-9_*](?:[a-z0-9_*-]{0,61}[a-z0-9_*])?")
_PATH = re.compile(r"/[!$&'()*+,;=:@A-Za-z0-9._~/%-]*")


@lru_cache(maxsize=4096)
def parse_uri(text: str) -> Destination:
    """Parse `host` or `host/path`, each with stars; raises ValueError saying what is wrong."""
    _no_more_than_a_pattern(text)
    host, slash, rest = text.partition("/")
    path = _path(slash + rest) if slash else "/"
    return Destination(host=_host(host), path=path)


def _no_more_than_a_pattern(text: str) -> None:
    if "://" in text:
        raise ValueError(f"`{text[:80]}` must not have a scheme")
    for char, name in (
        ("?", "a query string"),
        ("#", "a fragment"),
        ("@", "a user name"),
    ):
        if char in text.partition("/")[0] or (char != "@" and char in text):
            raise ValueError(f"`{text[:80]}` must not have {name}")


def _host(text: str) -> str:
    shown = text[:80]
    if text.startswith("["):
        return _literal(text)
    if ":" in text:
        raise ValueError(f"`{shown}` must not have a port")
    host = _ascii(text).lower().removesuffix(".")
    if not host or len(host) > 253:
        raise ValueError(f"`{shown}` is not a host name")
    for label in host.split("."):
        if label.count("*") > 1:
            raise ValueError(f"`{shown}` has two stars in one label")
        if not _LABEL.fullmatch(label):
            raise ValueError(f"`{shown}` is not a host name")
    return host


def _literal(text: str) -> str:
    if not re.fullmatch(r"\[[0-9a-fA-F:.]{2,45}\]", text):
        raise ValueError(f"`{text[:80]}` must not have a port")
    return text.lower()


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    try:
        return text.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"`{text[:80]}` is not a host name") from error


def _path(text: str) -> str:
    shown = text[:80]
    if not _PATH.fullmatch(text):
        raise ValueError(f"`{shown}` holds characters that a path cannot have")
    if any(segment in {".", ".."} for segment in text.split("/")) or "//" in text:
        raise ValueError(f"`{shown}` is not a normalised path")
    if any(segment.count("*") > 1 for segment in text.split("/")):
        raise ValueError(f"`{shown}` has two stars in one path segment")
    return text


def _pattern(text: str) -> str:
    parse_uri(text)
    return text


def _path_pattern(text: str) -> str:
    _no_more_than_a_pattern(text)
    return _path(text if text.startswith("/") else f"/{text}")


Pattern = Annotated[Name, AfterValidator(_pattern)]
PathPattern = Annotated[Name, AfterValidator(_path_pattern)]


class OverrideBody(Wire):
    """Paths of a destination that need no login at all."""

    path_pattern: PathPattern
    behavior: Annotated[Literal["public"], Lower]


def _known_type(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value.lower() not in {"public", "via_mcp_server_portal"}:
        raise ValueError(f"unsupported destination type `{value[:40]}`")
    return value.lower()


class DestinationBody(Wire):
    """Where an application is reached."""

    type: Annotated[Literal["public", "via_mcp_server_portal"], BeforeValidator(_known_type)] = (
        "public"
    )
    uri: Pattern | None = None
    overrides: Annotated[list[OverrideBody], Field(max_length=100)] = Field(default_factory=list)
    mcp_server_id: Name | None = None

    @model_validator(mode="after")
    def _needs(self) -> Self:
        if self.type == "public" and self.uri is None:
            raise ValueError("uri is a required field")
        if self.type == "via_mcp_server_portal" and self.mcp_server_id is None:
            raise ValueError("mcp_server_id is a required field")
        return self

    def destination(self) -> Destination | None:
        """The pattern requests are matched with; None for one that no proxy sees."""
        if self.uri is None or self.type != "public":
            return None
        parsed = parse_uri(self.uri)
        public = tuple(override.path_pattern for override in self.overrides)
        return Destination(parsed.host, parsed.path, public)
