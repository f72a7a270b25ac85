"""The wire shape of `cors_headers`: how preflight requests are answered."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lychgate.api.base import Flag, HeaderName, Name, Wire
from lychgate.core.model import Cors

_METHODS = (
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "PATCH",
)


def _method(value: Any) -> Any:
    if not isinstance(value, str) or value.upper() not in _METHODS:
        raise ValueError(f"must be methods out of {', '.join(_METHODS)}")
    return value.upper()


def _origin(text: str) -> str:
    scheme, mark, rest = text.partition("://")
    if text != "null" and (not scheme or not mark or not rest or "/" in rest or " " in text):
        raise ValueError(f"`{text[:80]}` is not an origin such as `https://app.example.com`")
    return text.lower()


class CorsBody(Wire):
    """CORS of an application."""

    allow_all_headers: Flag = False
    allow_all_methods: Flag = False
    allow_all_origins: Flag = False
    allow_credentials: Flag = False
    allowed_headers: Annotated[list[HeaderName], Field(max_length=100)] = Field(
        default_factory=list
    )
    allowed_methods: list[Annotated[str, BeforeValidator(_method)]] = Field(default_factory=list)
    allowed_origins: Annotated[
        list[Annotated[Name, AfterValidator(_origin)]], Field(max_length=1000)
    ] = Field(default_factory=list)
    max_age: Annotated[int, Field(ge=-1, le=86_400)] | None = None

    @model_validator(mode="after")
    def _either_or(self) -> Self:
        if self.allow_all_headers and self.allowed_headers:
            raise ValueError("allow_all_headers cannot be set together with allowed_headers")
        if self.allow_all_methods == bool(self.allowed_methods):
            raise ValueError("exactly one of allow_all_methods and allowed_methods must be set")
        if self.allow_all_origins == bool(self.allowed_origins):
            raise ValueError("exactly one of allow_all_origins and allowed_origins must be set")
        if self.allow_credentials and self.allow_all_origins:
            raise ValueError("allow_credentials cannot be set together with allow_all_origins")
        return self

    def cors(self) -> Cors:
        """The core's value."""
        return Cors(
            all_origins=self.allow_all_origins,
            all_methods=self.allow_all_methods,
            all_headers=self.allow_all_headers,
            credentials=self.allow_credentials,
            origins=tuple(self.allowed_origins),
            methods=tuple(self.allowed_methods),
            headers=tuple(self.allowed_headers),
            max_age=self.max_age,
        )
