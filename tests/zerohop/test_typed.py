"""The filters, read by another implementation of Envoy's messages: all of it known, and the same.

The server builds them from Google's message classes. Those of `envoy-data-plane` are generated
from Envoy's own definitions by other people.
"""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from xds.core.v3.extension_pb2 import TypedExtensionConfig

from extauthz.xds import filters
from extauthz.xds.matching import SKIP
from lychgate.core.model import Team

TEAM = Team("https://team.example")
# Its modules say something old to pydantic.
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince212")
KEY = {"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}


def a_filter(name: str) -> Packed:
    """One of the three, with something of everything in it."""
    made: TypedExtensionConfig = {
        filters.KEYS: lambda: filters.keys([KEY], TEAM, 100),
        filters.RECENT: lambda: filters.recent(["outdated"], ["session"], {"person": 7}),
        filters.APPLICATIONS: lambda: filters.applications(
            {"rules": SKIP}, ["session"], {"person": 7}
        ),
    }[name]()
    assert made.name == name
    packed: Packed = made.typed_config
    return packed


def packed_in(message: Message) -> Iterator[Packed]:
    """Every packed message in one, and in those."""
    if isinstance(message, Packed):
        yield message
        inner = google(message.type_url)()
        message.Unpack(inner)
        yield from packed_in(inner)
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            values = [one for one in value.values() if isinstance(one, Message)]
        else:
            values = list(value) if hasattr(value, "__len__") else [value]
        for one in values:
            yield from packed_in(one)


def google(url: str) -> Any:
    """Google's class of a packed message."""
    return GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name_of(url)))


def other(url: str) -> Any:
    """The class of the same message in the other package."""
    package, _, name = name_of(url).rpartition(".")
    return getattr(importlib.import_module(f"envoy_data_plane.{package}"), name)


def name_of(url: str) -> str:
    """The message's full name."""
    return url.rpartition("/")[2]


@pytest.mark.parametrize("name", [filters.KEYS, filters.RECENT, filters.APPLICATIONS])
def test_another_implementation_reads_and_writes_the_same(name: str) -> None:
    seen = list(packed_in(a_filter(name)))
    assert seen
    for one in seen:
        read = other(one.type_url).parse(one.value)
        again, before = google(one.type_url)(), google(one.type_url)()
        again.ParseFromString(bytes(read))
        before.ParseFromString(one.value)
        assert again == before
        assert not read._unknown_fields, one.type_url
