"""What one HTTP request to the companion app says, strictly read before any handler sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qsl

from lychgate.core.request import Address, ClientCertificate
from lychgate.core.urls import split_cookies
from lychgate.web.errors import BadRequest

MAX_FIELDS = 50
"""Fields a query or a form may hold."""
_FORM = "application/x-www-form-urlencoded"


class Where(StrEnum):
    """Which kind of host a request came in on; an endpoint says where it lives."""

    TEAM = "team"
    APP = "app"
    ALIAS = "alias"
    """The team domain under the name that `cloudflared` knows."""
    TRANSFER = "transfer"
    """Where `cloudflared` collects what a browser left."""


@dataclass(frozen=True, slots=True)
class WebRequest:
    """One request whose host is ours. Header names are lower case, every value is kept.

    `argument` is the last segment of the path where the endpoint takes one, percent-decoded.
    `fresh` is a random value drawn for this request, for a browser that has none yet.
    """

    id: str
    method: str
    where: Where
    host: str
    path: str
    query: str
    headers: Mapping[str, tuple[str, ...]]
    client_ip: Address | None
    fresh: str = field(repr=False)
    country: str | None = None
    certificate: ClientCertificate | None = None
    body: bytes = b""
    argument: str = ""

    def header(self, name: str) -> str:
        """The value of a header; empty when it is absent or repeated."""
        values = self.headers.get(name, ())
        return values[0] if len(values) == 1 else ""

    def cookies(self, name: str) -> tuple[str, ...]:
        """Every value of a cookie, in the order sent."""
        return tuple(value for key, value in split_cookies(self.headers) if key == name)

    def param(self, name: str) -> str:
        """A query parameter; empty when absent. Given twice it is refused."""
        return _single(self.params(), name)

    def params(self) -> list[tuple[str, str]]:
        """Every query parameter in order."""
        return parse_fields(self.query)

    def field(self, name: str) -> str:
        """A form field; empty when absent. Given twice it is refused."""
        kind = self.header("content-type").partition(";")[0].strip().lower()
        if kind != _FORM:
            raise BadRequest("the form did not arrive as a form")
        try:
            text = self.body.decode("ascii")
        except UnicodeDecodeError:
            raise BadRequest("the form holds bytes that no browser sends") from None
        return _single(parse_fields(text), name)


def parse_fields(text: str) -> list[tuple[str, str]]:
    """The pairs of a query or form (WHATWG URL 5.1), refused when they are not UTF-8."""
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise BadRequest("the address or form cannot be read") from None


def _single(fields: list[tuple[str, str]], name: str) -> str:
    values = [value for key, value in fields if key == name]
    if len(values) > 1:
        raise BadRequest(f"`{name}` is given more than once")
    return values[0] if values else ""
