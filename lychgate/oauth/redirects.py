"""Which redirect URIs a client may have, and whether one is a client's own.

Hosts are compared as parsed, never as a prefix of text: `localhost.evil.example` is not localhost.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from lychgate.core.model import ManagedOAuth
from lychgate.core.snapshot import Snapshot
from lychgate.core.urls import app_origin, canonical_host

LONGEST = 2048
_SHAPE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21\x24-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")
_NEVER = frozenset({"javascript", "data", "file", "vbscript", "about", "blob", "filesystem"})
_WEB = {"http": 80, "https": 443}
_LOCALHOST = "localhost"
_LOOPBACK = frozenset({"127.0.0.1", "[::1]"})
# Segments that a program could read as `.` or `..`, and separators in disguise.
_DOTS = re.compile(r"/(?:\.|%2e){1,2}(?:[/;?]|$)|%2f|%5c", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RedirectUri:
    """A redirect URI that can be one. `port` and `path` are those of http(s) only."""

    text: str
    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    query: str = ""

    @property
    def local(self) -> bool:
        """Whether it leads to the visitor's own machine."""
        return self.host == _LOCALHOST or self.host in _LOOPBACK

    @property
    def claimed(self) -> bool:
        """Whether it leads to a server of somebody's own, not to a program on the machine."""
        return self.scheme in _WEB and not self.local

    @property
    def shown(self) -> str:
        """What a person is told about where it leads."""
        if self.scheme not in _WEB:
            return self.scheme + ":"
        return self.host if self.port == _WEB[self.scheme] else f"{self.host}:{self.port}"

    @property
    def place(self) -> str:
        """What a remembered consent is tied to."""
        return self.shown if self.scheme not in _WEB else f"{self.scheme}://{self.shown}"

    @property
    def source(self) -> str:
        """The URI as a source of a Content Security Policy, which knows no IPv6 addresses."""
        if self.scheme not in _WEB or self.host.startswith("["):
            return self.scheme + ":"
        return f"{self.scheme}://{self.host}:{self.port}"


def read_redirect(text: str) -> RedirectUri | None:
    """The URI, or None when no client can have it."""
    if len(text) > LONGEST or not _SHAPE.fullmatch(text):
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme in _NEVER or "@" in parts.netloc:
        return None
    if parts.scheme not in _WEB:
        return RedirectUri(text, parts.scheme)
    authority = parts.netloc.lower()
    host = canonical_host(authority)
    if host is None or authority not in (host, f"{host}:{port}") or _DOTS.search(parts.path):
        return None
    known = _WEB[parts.scheme] if port is None else port
    return RedirectUri(text, parts.scheme, host, known, parts.path or "/", parts.query)


def allowed(uri: RedirectUri, rule: ManagedOAuth) -> bool:
    """Whether an application takes clients that go back there."""
    if uri.scheme in _WEB:
        if rule.any_localhost and uri.host == _LOCALHOST:
            return True
        if rule.any_loopback and uri.host in _LOOPBACK:
            return True
    return any(_fits(uri, entry) for entry in rule.allowed_uris)


def _fits(uri: RedirectUri, entry: str) -> bool:
    if uri.scheme not in _WEB:
        return uri.text == entry
    star = entry.endswith("/*")
    listed = read_redirect(entry.removesuffix("*"))
    if listed is None or _origin(uri) != _origin(listed):
        return False
    if star:
        return uri.path.startswith(listed.path)
    return (uri.path, uri.query) == (listed.path, listed.query)


def _origin(uri: RedirectUri) -> tuple[str, str, int]:
    return uri.scheme, uri.host, uri.port


def leads_to_us(uri: RedirectUri, snapshot: Snapshot) -> bool:
    """Whether a code would end at the team domain or at one of our applications."""
    ours = [snapshot.team.url]
    if uri.host and snapshot.routes.knows_host(uri.host):
        ours.append(app_origin(snapshot.team, uri.host))
    read = filter(None, map(read_redirect, ours))
    return any(_origin(uri) == _origin(one) for one in read)


def registered(text: str, uris: Iterable[str]) -> RedirectUri | None:
    """The URI when it is one of a client's: the same text, or on loopback another port (8252 7.3).

    A client listens on the port it finds free.
    """
    asked = read_redirect(text)
    if asked is None:
        return None
    for own in uris:
        if own == text or _same_but_port(asked, read_redirect(own)):
            return asked
    return None


def _same_but_port(asked: RedirectUri, own: RedirectUri | None) -> bool:
    return (
        own is not None
        and asked.local
        and (asked.scheme, asked.host, asked.path, asked.query)
        == (own.scheme, own.host, own.path, own.query)
    )
