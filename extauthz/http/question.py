"""How the question of a proxy becomes a `Request`.

A question has no body and carries the visitor's headers as they came. What is not a header (the
method, the host, the target, the address) is believed only from fixed headers, which the proxy
overwrites: a visitor's own copies of them never come this far.
"""

import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from extauthz.asking import Untranslatable, presented
from lychgate.core.request import Request, address, split_target
from lychgate.core.urls import CLIENT_CERT_HEADER, CLIENT_IP_HEADER

type Fields = Collection[tuple[bytes, bytes]]
type Headers = dict[str, tuple[str, ...]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# They speak of the connection between the proxy and us.
_OF_THE_CONNECTION = ("connection", "content-length")


@dataclass(frozen=True, slots=True)
class Names:
    """The headers in which a proxy states what is not a header; `certificate` may be absent."""

    method: str
    scheme: str
    host: str
    target: str
    client_ip: str
    certificate: str = ""
    host_repeated: bool = True
    """Whether the question's own `Host` is the visitor's too; one that differs is refused."""


OWN = Names(
    method="x-lychgate-method",
    scheme="x-lychgate-scheme",
    host="x-lychgate-host",
    target="x-lychgate-target",
    client_ip=CLIENT_IP_HEADER,
    certificate=CLIENT_CERT_HEADER,
)
FORWARDED = Names(
    method="x-forwarded-method",
    scheme="x-forwarded-proto",
    host="x-forwarded-host",
    target="x-forwarded-uri",
    client_ip="x-forwarded-for",
    host_repeated=False,
)


def to_request(fields: Fields, names: Names) -> Request:
    """The request that the proxy asks about; raises Untranslatable when it is not all stated."""
    headers = _every_value(fields)
    for name in _OF_THE_CONNECTION if names.host_repeated else (*_OF_THE_CONNECTION, "host"):
        headers.pop(name, None)
    path, query = split_target(_stated(headers, names.target))
    headers.setdefault(names.host, ("",))  # an empty one is left out on the way
    certificate = headers.pop(names.certificate, ("",))
    return Request(
        id=_id(headers.get("x-request-id", ())),
        method=_stated(headers, names.method),
        scheme=_stated(headers, names.scheme),
        host=_stated(headers, names.host),
        path=path,
        query=query,
        headers=headers,
        client_ip=address(_stated(headers, names.client_ip)),
        certificate=presented(certificate[0]) if certificate[0] else None,
    )


def _every_value(fields: Fields) -> Headers:
    headers: Headers = {
        name.decode("latin-1"): (value.decode("latin-1"),) for name, value in fields
    }
    return headers if len(headers) == len(fields) else _repeated(fields)


def _repeated(fields: Fields) -> Headers:
    headers: Headers = {}
    for raw, value in fields:
        name = raw.decode("latin-1")
        headers[name] = (*headers.get(name, ()), value.decode("latin-1"))
    return headers


def _stated(headers: Headers, name: str) -> str:
    values = headers.pop(name, ())
    if len(values) != 1:
        raise Untranslatable(
            f"the question has {len(values)} values of `{name}`",
            "the proxy must overwrite it, as the example configurations do",
        )
    return values[0]


def _id(values: tuple[str, ...]) -> str:
    known = len(values) == 1 and _REQUEST_ID.fullmatch(values[0])
    return values[0] if known else uuid.uuid4().hex
