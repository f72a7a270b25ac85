"""What a request's head may look like before anybody judges it, and how its fields are edited."""

from collections.abc import Iterable

from lychgate.core.decision import HeaderList
from lychgate.errors import LychgateError

type Fields = tuple[tuple[bytes, bytes], ...]

MAX_BYTES = 64 * 1024
MAX_FIELDS = 100
_CONTROL = frozenset(range(0x20)) - {0x09} | {0x7F}
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"upgrade",
        b"http2-settings",
    }
)
_FRAMING = frozenset({b"host", b"content-length", b"transfer-encoding"})
"""Never removed because `Connection` names them: the message would become another one."""


class RefusedHead(LychgateError):
    """A request whose head is malformed or too large; `status` is the answer."""

    code = "refused_head"

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class UnwritableHeader(LychgateError):
    """An outcome with a header that cannot be written; the request is refused."""

    code = "unwritable_header"


def check(fields: Fields, target: bytes) -> None:
    """Refuse a head that is too large or holds what no field may hold.

    mitmproxy itself has no such limits. The numbers are those of the Envoy configuration, so that
    both proxies refuse the same requests.
    """
    if len(fields) > MAX_FIELDS or _size(fields, target) > MAX_BYTES:
        raise RefusedHead("the request's head is too large", 431)
    for name, value in fields:
        if b"_" in name:
            raise RefusedHead("a header name holds an underscore")
        if not _CONTROL.isdisjoint(value):
            raise RefusedHead("a header holds a control character")


def _size(fields: Fields, target: bytes) -> int:
    return len(target) + sum(len(name) + len(value) + 4 for name, value in fields)


def encode(headers: HeaderList) -> Fields:
    """Headers the gate sets, as bytes; raises rather than write what would end a field early."""
    fields = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)
    if not all(_CONTROL.isdisjoint(value) for _, value in fields):
        raise UnwritableHeader("a header to set holds a control character")
    return fields


def edit(fields: Fields, set_headers: HeaderList, remove_headers: Iterable[str]) -> Fields:
    """Remove every copy of the named fields, then add those to set."""
    added = encode(set_headers)
    gone = {name for name, _ in added} | {name.encode("latin-1") for name in remove_headers}
    return tuple(field for field in fields if field[0].lower() not in gone) + added


def end_to_end(fields: Fields) -> Fields:
    """The fields without those of this connection only (RFC 9110 7.6.1).

    What `Connection` names goes too, and of it stay only the tokens that mitmproxy itself
    acts on; an upgrade survives only when it is a WebSocket handshake.
    """
    tokens = _tokens(fields, b"connection")
    websocket = b"upgrade" in tokens and _tokens(fields, b"upgrade") == {b"websocket"}
    gone = (_HOP_BY_HOP | tokens) - _FRAMING
    kept = tuple(field for field in fields if field[0].lower() not in gone)
    connection = sorted(tokens & {b"close", b"keep-alive"} | ({b"Upgrade"} if websocket else set()))
    if websocket:
        kept += ((b"Upgrade", b"websocket"),)
    return (*kept, (b"Connection", b", ".join(connection))) if connection else kept


def _tokens(fields: Fields, wanted: bytes) -> set[bytes]:
    lines = b",".join(value for name, value in fields if name.lower() == wanted)
    return {token.strip().lower() for token in lines.split(b",")} - {b""}
