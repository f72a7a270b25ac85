"""Writes a country database in MaxMind's format, as small as a test needs it."""

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path

type Tree = list[list[int | str | None]]
"""Nodes of two branches: another node, a country, or nothing."""

_MARKER = b"\xab\xcd\xefMaxMind.com"


def write_country_file(path: Path, countries: Mapping[str, str]) -> Path:
    """Write a database that maps networks to two-letter codes."""
    tree: Tree = [[None, None]]
    for network, country in countries.items():
        _insert(tree, _in_ipv6(ip_network(network)), country)
    data = b""
    places: dict[str, int] = {}
    for country in sorted(set(countries.values())):
        places[country] = len(data)
        data += _map({"country": _map({"iso_code": _text(country)})})
    nodes = b"".join(_node(tree, branches, places) for branches in tree)
    path.write_bytes(nodes + b"\0" * 16 + data + _MARKER + _metadata(len(tree)))
    return path


def _in_ipv6(network: IPv4Network | IPv6Network) -> IPv6Network:
    if isinstance(network, IPv6Network):
        return network
    return IPv6Network((IPv6Address(int(network.network_address)), network.prefixlen + 96))


def _insert(tree: Tree, network: IPv6Network, country: str) -> None:
    node = 0
    number = int(network.network_address)
    for depth in range(network.prefixlen):
        bit = number >> (127 - depth) & 1
        if depth == network.prefixlen - 1:
            tree[node][bit] = country
            return
        following = tree[node][bit]
        if not isinstance(following, int):
            tree.append([None, None])
            following = tree[node][bit] = len(tree) - 1
        node = following


def _node(tree: Tree, branches: list[int | str | None], places: Mapping[str, int]) -> bytes:
    count = len(tree)
    values = [
        count
        if branch is None
        else branch
        if isinstance(branch, int)
        else count + 16 + places[branch]
        for branch in branches
    ]
    return b"".join(value.to_bytes(3) for value in values)


def _text(value: str) -> bytes:
    return bytes([2 << 5 | len(value)]) + value.encode()


def _number(value: int, kind: int) -> bytes:
    data = value.to_bytes((value.bit_length() + 7) // 8)
    head = [kind << 5 | len(data)] if kind < 8 else [len(data), kind - 7]
    return bytes(head) + data


def _map(members: Mapping[str, bytes]) -> bytes:
    return bytes([7 << 5 | len(members)]) + b"".join(
        _text(name) + value for name, value in members.items()
    )


def _metadata(nodes: int) -> bytes:
    return _map(
        {
            "node_count": _number(nodes, 6),
            "record_size": _number(24, 5),
            "ip_version": _number(6, 5),
            "database_type": _text("Test-Country"),
            "languages": bytes([0, 4]),
            "binary_format_major_version": _number(2, 5),
            "binary_format_minor_version": _number(0, 5),
            "build_epoch": _number(1, 9),
            "description": _map({}),
        }
    )
