"""Which addresses may be connected to: the list of what is not the public internet, and `Allow`.

The list is our own (IANA special-purpose registries): what `ipaddress` calls global changes with
the Python version, and it takes the translation prefixes of IPv6 for public.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from lychgate.core.request import Address

type Network = IPv4Network | IPv6Network

_NOT_PUBLIC_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_UNICAST_6 = IPv6Network("2000::/3")
# Teredo, benchmarking, ORCHID, documentation and 6to4 lie inside global unicast, and some of them
# carry an IPv4 address that a gateway on the way would connect to.
_NOT_PUBLIC_6 = tuple(
    IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


def unmapped(text: str) -> Address:
    """Parse an address, IPv4-mapped IPv6 as the IPv4 it connects to; a zone is dropped."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet."""
    match address:
        case IPv4Address():
            return not any(address in network for network in _NOT_PUBLIC_4)
        case IPv6Address():
            special = any(address in network for network in _NOT_PUBLIC_6)
            return address in _UNICAST_6 and not special


def is_loopback(address: Address) -> bool:
    """Whether an address is this machine itself."""
    return address.is_loopback


@dataclass(frozen=True, slots=True)
class Allow:
    """The targets that `outbound_allow` opens: names with or without a port, and networks."""

    hosts: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, entries: tuple[str, ...]) -> "Allow":
        """Read the setting; an entry that is no address or network is a host name."""
        networks = {entry: network for entry in entries if (network := _network(entry))}
        hosts = (_host(entry) for entry in entries if entry not in networks)
        return cls(frozenset(hosts), tuple(networks.values()))

    def opens_host(self, host: str, port: int) -> bool:
        """Whether the setting names this host, with this port or without one."""
        return (host, port) in self.hosts or (host, None) in self.hosts

    def opens_address(self, address: Address) -> bool:
        """Whether a network of the setting holds this address."""
        return any(address in network for network in self.networks)


def _network(entry: str) -> Network | None:
    try:
        return ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None


def _host(entry: str) -> tuple[str, int | None]:
    name, colon, port = entry.rpartition(":")
    if colon and port.isdecimal():
        return name.strip("[]").lower(), int(port)
    return entry.lower(), None
