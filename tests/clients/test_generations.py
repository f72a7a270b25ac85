"""Clients of each generation of metadata find their way, as the revision they follow says."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.consent import somebody
from tests.support.demo import Demo
from tests.support.oauth_client import PlainClient, register

type Document = dict[str, object]
SERVER = "/.well-known/oauth-authorization-server"
RESOURCE = "/.well-known/oauth-protected-resource"


def read(url: str) -> Document:
    """A document, as a client reads it that says nothing of itself."""
    with httpx.Client() as bare:
        bare.headers.clear()
        answer = bare.get(url)
    assert answer.status_code == 200, (url, answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/json"
    found: Document = answer.json()
    return found


def server_of(resource: Document) -> Document:
    """The authorization server that a resource names, its issuer compared as text."""
    servers = resource["authorization_servers"]
    assert isinstance(servers, list)
    found = read(f"{servers[0]}{SERVER}")
    assert found["issuer"] == servers[0]
    return found


def by_challenge(url: str) -> Document:
    """2025-06-18 and later: the 401 says where the resource's document is."""
    challenge = httpx.post(url, json={}).headers["www-authenticate"]
    assert challenge.startswith("Bearer ") and "error=" not in challenge
    where = re.search(r'resource_metadata="([^"]+)"', challenge)
    assert where is not None
    resource = read(where[1])
    assert resource["resource"] == url
    return server_of(resource)


def by_probing_with_suffix(url: str) -> Document:
    """RFC 9728 3.1: the path goes behind the well-known one, and is said back."""
    parts = urlsplit(url)
    resource = read(f"{parts.scheme}://{parts.netloc}{RESOURCE}{parts.path}")
    assert resource["resource"] == url
    return server_of(resource)


def by_probing_the_root(url: str) -> Document:
    """What is tried next: the document of the whole origin, of which the URL is a part."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    resource = read(f"{origin}{RESOURCE}")
    assert resource["resource"] == origin
    return server_of(resource)


def by_application_host(url: str) -> Document:
    """2025-03-26: the application host is taken for the authorization server."""
    parts = urlsplit(url)
    return read(f"{parts.scheme}://{parts.netloc}{SERVER}")


def by_application_host_with_suffix(url: str) -> Document:
    """The same, with the path of the MCP server behind."""
    parts = urlsplit(url)
    return read(f"{parts.scheme}://{parts.netloc}{SERVER}{parts.path}")


WAYS = [
    by_challenge,
    by_probing_with_suffix,
    by_probing_the_root,
    by_application_host,
    by_application_host_with_suffix,
]


def test_every_way_leads_to_the_same_server(demo: Demo) -> None:
    found = [way(demo.app("mcp")) for way in WAYS]
    assert all(one == found[0] for one in found)
    openid = read(f"{demo.team}/.well-known/openid-configuration")
    assert found[0].items() <= openid.items()


@pytest.mark.parametrize("way", [by_challenge, by_application_host], ids=lambda way: way.__name__)
def test_a_login_from_what_was_found(demo: Demo, way: Callable[[str], Document]) -> None:
    email = "generation@example.com"
    with httpx.Client(timeout=30) as http, somebody(demo, email) as person:
        registered = register(http, demo)
        client = PlainClient(http, registered.resource, dict(way(demo.app("mcp"))), registered.id)
        token = client.tokens(person)["access_token"]
        assert client.ask(token).json()["email"] == email


def test_a_strict_client_takes_the_team_domain_only(demo: Demo) -> None:
    """RFC 8414 3.3: the issuer is the URL that the document was asked for with, or it is refused.

    The copy on the application host is for clients that do not look; it names the team domain.
    """
    host = by_application_host(demo.app("mcp"))
    parts = urlsplit(demo.app("mcp"))
    assert host["issuer"] == demo.team != f"{parts.scheme}://{parts.netloc}"
    assert server_of({"authorization_servers": [host["issuer"]]}) == host
    assert host["authorization_response_iss_parameter_supported"] is True
