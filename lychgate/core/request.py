"""The facts of one HTTP request, as the proxy measured them; nothing here is believed yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from lychgate.core.values import momentary

type Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A client certificate that the proxy's TLS layer received, and never a header of a client.

    `valid` is true only once `core.certificates` judged it by the authorities of the host.
    """

    common_name: str
    valid: bool
    serial: str = ""
    issuer_dn: str = ""
    issuer_ski: str = ""
    pem: str = ""


@momentary
class Request:
    """One HTTP request.

    `host` is the authority as received, with its port if one was sent. `path` and `query` are
    the raw target split at the first question mark; `query` is None when there was none. Header
    names are lower case, every value is kept, bytes are decoded as Latin-1.
    """

    id: str
    method: str
    scheme: str
    host: str
    path: str
    query: str | None
    headers: Mapping[str, tuple[str, ...]]
    client_ip: Address | None
    certificate: ClientCertificate | None = None
    country: str | None = None
    """ISO 3166 two-letter code; None: not known."""
    traceparent: str | None = None
    """The span that the proxy says this belongs to; None: whatever the header says."""

    def header(self, name: str) -> str | None:
        """The value of a header; None when it is absent or repeated."""
        values = self.headers.get(name)
        return values[0] if values is not None and len(values) == 1 else None


def split_target(target: str) -> tuple[str, str | None]:
    """Split a raw request target into path and query; None when it holds no question mark."""
    path, mark, query = target.partition("?")
    return path, query if mark else None


@lru_cache(maxsize=4096)
def address(text: str) -> Address | None:
    """Parse a client address, IPv4-mapped IPv6 unmapped; None when it is not one."""
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed
