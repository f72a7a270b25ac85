"""Which application protects an address, and where its logins are (RFC 9728, RFC 8414)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lychgate.client.errors import NoManagedOAuth, NotProtected, Unreachable
from lychgate.client.wire import Wire, origin, split
from lychgate.outbound import Reply

_CHALLENGE = re.compile(r'\bBearer\s.*?\bresource_metadata="([^"]+)"', re.IGNORECASE)
_LOGIN = "/cdn-cgi/access/login"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Application:
    """An application with managed OAuth, as its challenge names it."""

    key: str
    """What its token file is named after: the AUD tag, or the resource where there is none."""
    metadata_url: str


@dataclass(frozen=True, slots=True)
class Server:
    """An authorization server and the resource it is asked for."""

    resource: str
    issuer: str
    authorization: str
    token: str
    registration: str
    revocation: str
    device: str
    names_itself: bool
    """Whether its answers carry `iss` (RFC 9207)."""


def find(wire: Wire, url: str) -> Application:
    """The application in front of an address; raises when there is none, or none to log in to."""
    reply = wire.send("HEAD", url)
    headers, metadata = reply.headers, challenge_of(reply)
    audience = headers.get("cf-access-aud", "")
    if metadata:
        if origin(metadata) != origin(url):
            raise Unreachable(f"`{url}` names a metadata document of another host")
        return Application(audience or metadata, metadata)
    if audience or _LOGIN in split(headers.get("location", "/")).path:
        raise NoManagedOAuth(
            f"the application at `{url}` has managed OAuth off",
            "ask its administrator to switch it on, or use a service token",
        )
    raise NotProtected(f"there is no gate in front of `{url}`: it answered {reply.status}")


def challenge_of(reply: Reply) -> str:
    """The metadata document that a challenge for OAuth names; empty when there is no challenge."""
    found = _CHALLENGE.search(reply.headers.get("www-authenticate", ""))
    return found[1] if found and reply.status == 401 else ""


def ask(wire: Wire, application: Application, url: str) -> Server:
    """Where to log in to an application."""
    about = wire.document(application.metadata_url)
    resource, servers = about.get("resource"), about.get("authorization_servers")
    if not isinstance(resource, str) or not _covers(resource, url):
        raise Unreachable(f"the metadata of `{url}` speaks of another resource")
    if not isinstance(servers, list) or not servers or not isinstance(servers[0], str):
        raise Unreachable(f"the metadata of `{url}` names no authorization server")
    issuer = servers[0]
    parts = split(issuer)
    document = wire.document(
        f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server"
        f"{parts.path.rstrip('/')}"
    )
    if document.get("issuer") != issuer:
        raise Unreachable(f"`{issuer}` calls itself by another name (RFC 8414 3.3)")
    return Server(
        resource=resource,
        issuer=issuer,
        authorization=_endpoint(document, "authorization_endpoint", needed=True),
        token=_endpoint(document, "token_endpoint", needed=True),
        registration=_endpoint(document, "registration_endpoint"),
        revocation=_endpoint(document, "revocation_endpoint"),
        device=_endpoint(document, "device_authorization_endpoint"),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _covers(resource: str, url: str) -> bool:
    if origin(resource) != origin(url):
        return False
    whole, prefix = split(url).path or "/", split(resource).path.rstrip("/")
    return whole == prefix or whole.startswith(prefix + "/")


def _endpoint(document: Mapping[str, Any], name: str, *, needed: bool = False) -> str:
    value = document.get(name, "")
    if not isinstance(value, str) or (needed and not value):
        raise Unreachable(f"the authorization server names no {name}")
    if value:
        # What is opened in a browser must be a page of the web, and nobody may read along.
        scheme, host, _ = origin(value)
        if scheme != "https" and not (scheme == "http" and _is_loopback(host)):
            raise Unreachable(f"the authorization server's {name} is not https")
    return value


def _is_loopback(host: str) -> bool:
    return host in _LOOPBACK or host.endswith(".localhost")
