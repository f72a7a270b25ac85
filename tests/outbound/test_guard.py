"""Which addresses count as the public internet, and what `outbound_allow` opens."""

import pytest

from lychgate.outbound.guard import Allow, is_public, unmapped

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "100.63.0.1", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "::ffff:1.1.1.1"]


@pytest.mark.parametrize("text", PRIVATE)
def test_r01_r02_not_the_public_internet(text: str) -> None:
    assert not is_public(unmapped(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_the_public_internet(text: str) -> None:
    assert is_public(unmapped(text))


def test_allow_names_hosts_ports_and_networks() -> None:
    allow = Allow.parse(
        ("Docs.example", "api.example:8443", "10.1.0.0/16", "[::1]:9000", "fd00::1")
    )
    assert allow.opens_host("docs.example", 443)
    assert allow.opens_host("docs.example", 8080)
    assert allow.opens_host("api.example", 8443)
    assert not allow.opens_host("api.example", 443)
    assert allow.opens_host("::1", 9000)
    assert not allow.opens_host("evil.docs.example", 443)
    assert allow.opens_address(unmapped("10.1.2.3"))
    assert not allow.opens_address(unmapped("10.2.0.1"))
    assert allow.opens_address(unmapped("fd00::1"))
