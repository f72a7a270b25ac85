"""Every path, header and cookie name we own, and how hosts, paths and return URLs are read.

A target has two readings: the plain one, and that of origins which cut path parameters (`/a;x=1`)
or decode a slash before they look at it. `Target` keeps both; an admission must hold for each.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import quote

from lychgate.core.model import Team
from lychgate.core.values import momentary

AUTH_COOKIE = "CF_Authorization"
SESSION_COOKIE = "CF_Session"
APP_SESSION_COOKIE = "CF_AppSession"
BINDING_COOKIE = "CF_Binding"
DEVICE_COOKIE = "CF_Device"
RESERVED_COOKIES = frozenset({AUTH_COOKIE, SESSION_COOKIE, APP_SESSION_COOKIE, BINDING_COOKIE})
"""Cookies an origin may not set."""
# PHP reads a dot, a blank and a bracket in a name as an underscore.
_LOOSE_NAMES = "|".join(sorted(RESERVED_COOKIES)).replace("_", r"[_. \[]")
_LOOSE = re.compile(rf"(?:^|[\s,\"'=])(?:{_LOOSE_NAMES})[\s\"']*(?:=|$)")

ASSERTION = "cf-access-jwt-assertion"
USER_EMAIL = "cf-access-authenticated-user-email"
USER_ID = "cf-access-authenticated-user-id"
USER = "cf-access-user"
TOKEN_HEADER = "cf-access-token"
CLIENT_ID = "cf-access-client-id"
CLIENT_SECRET = "cf-access-client-secret"
CLIENT_IP_HEADER = "x-lychgate-client-ip"
CLIENT_CERT_HEADER = "x-lychgate-client-cert"
METADATA_REQUEST = "cf-access-metadata-request"
METADATA = "cf-access-metadata"
OWNED_HEADERS = frozenset(
    {
        ASSERTION,
        USER_EMAIL,
        USER_ID,
        USER,
        TOKEN_HEADER,
        CLIENT_ID,
        CLIENT_SECRET,
        CLIENT_IP_HEADER,
        CLIENT_CERT_HEADER,
        METADATA_REQUEST,
    }
)
"""Headers removed from every request before an origin sees it, whatever was decided."""
_FAMILIES = ("cf-access-", "x-lychgate-")
_JUMP_DESTINATION = "cf-access-jump-destination"
"""The one header of the families that clients address to the origin."""

PREFIX = "/cdn-cgi/access/"
LOGIN = PREFIX + "login"
AUTHORIZED = PREFIX + "authorized"
LOGOUT = PREFIX + "logout"
CALLBACK = PREFIX + "callback"
CERTS = PREFIX + "certs"
GET_IDENTITY = PREFIX + "get-identity"
REFRESH_IDENTITY = PREFIX + "refresh-identity"
OIDC = PREFIX + "sso/oidc/"
"""What every address of a SaaS application's OpenID provider begins with."""
CLI = PREFIX + "cli"
"""Where `cloudflared` sends the browser."""
TRANSFER = "/transfer/"
"""Where it collects what the browser left, on the transfer host."""

ACCESS_METADATA = "/.well-known/cloudflare-access-protected-resource"
RESOURCE_METADATA = "/.well-known/oauth-protected-resource"
SERVER_METADATA = "/.well-known/oauth-authorization-server"

_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_AUTHORITY = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5})?)?")
_TARGET = re.compile(r"/[!$&'()*+,;=:@A-Za-z0-9._~/%\[\]|^-]*")
_SEGMENT = r"[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*"
_PLAIN = re.compile(rf"/(?:{_SEGMENT}(?:/{_SEGMENT})*/?)?")
_QUERY = re.compile(r"[\x21\x22\x24-\x7e]*")
_ESCAPE = re.compile(r"%(..)?", re.DOTALL)
_TWICE = re.compile(r"%25([0-9A-Fa-f]{2})")
_PARAMETER = re.compile(r";|%3B")
_SLASH = re.compile(r"/|%2F")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_RETURN = re.compile(r"/[\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]*")
_EMAIL = re.compile(r"[!#$%&'*+/=?^_`{|}~.A-Za-z0-9-]{1,64}@([A-Za-z0-9.-]{1,255})")


def owned_in(names: Iterable[str]) -> list[str]:
    """Those of the header names that may come from us alone."""
    # One search over all names: nearly every request has none.
    if "cf-access" not in (together := " ".join(names)) and "x-lychgate" not in together:
        return []
    return [name for name in names if is_owned(name)]


def is_owned(name: str) -> bool:
    """Whether a header may come from us alone: those above, and any other of their families."""
    return name.startswith(_FAMILIES) and name != _JUMP_DESTINATION


@lru_cache(maxsize=4096)
def canonical_host(authority: str) -> str | None:
    """The lower-case host of an authority, without port and trailing dot; None for nonsense."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None or len(authority) > 262 or int(match[2] or 0) > 65535:
        return None
    host = match[1].lower()
    if host.startswith("["):
        return host if _is_ipv6(host[1:-1]) else None
    host = host.removesuffix(".")
    return host if len(host) <= 253 and _HOST.fullmatch(host) else None


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


@momentary
class Target:
    """A normalised path: `path` is forwarded, `bare` is its other reading; both are matched."""

    path: str
    bare: str


def normalise(raw: str, *, encoded_slash: bool = False) -> Target | None:
    """Read a raw path as RFC 3986 6.2 does; None when two programs could read it differently.

    Unreserved characters are decoded, dot segments removed, slashes merged. Refused: anything
    outside the path's character set, encoded separators (unless `encoded_slash`), control bytes,
    and whatever a second decoding would turn into one of those or into an ordinary letter.
    """
    if _PLAIN.fullmatch(raw):
        return Target(raw, raw)
    if not _TARGET.fullmatch(raw):
        return None
    decoded = _decode_unreserved(raw, encoded_slash)
    if decoded is None or any(map(_matters, _TWICE.findall(decoded))):
        return None
    bare = _remove_dots([_PARAMETER.split(part, maxsplit=1)[0] for part in _SLASH.split(decoded)])
    return Target(_remove_dots(decoded.split("/")), bare)


def _decode_unreserved(raw: str, encoded_slash: bool) -> str | None:
    parts: list[str] = []
    position = 0
    for escape in _ESCAPE.finditer(raw):
        digits = escape[1]
        if digits is None or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
            return None
        char = chr(int(digits, 16))
        if char < " " or char in "\x7f\\" or (char == "/" and not encoded_slash):
            return None
        parts.append(raw[position : escape.start()])
        parts.append(char if char in _UNRESERVED else escape[0].upper())
        position = escape.end()
    parts.append(raw[position:])
    return "".join(parts)


def _matters(digits: str) -> bool:
    char = chr(int(digits, 16))
    return char in _UNRESERVED or char < " " or char in "/\\;%?#\x7f"


def _remove_dots(segments: list[str]) -> str:
    kept: list[str] = []
    last = len(segments) - 1
    for index, segment in enumerate(segments[1:], start=1):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
            continue
        if index == last and kept:
            kept.append("")
    return "/" + "/".join(kept)


def is_query(query: str | None) -> bool:
    """Whether a query holds printable ASCII only; browsers send nothing else."""
    return query is None or _QUERY.fullmatch(query) is not None


def split_cookies(headers: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Every cookie pair in order: split at `;` and the first `=`, nothing unquoted or decoded.

    A name keeps a blank before its `=`, so that it is not taken for the name without one. A piece
    without a name is whole in the value, with its `=` if it has one.
    """
    pairs: list[tuple[str, str]] = []
    for line in headers.get("cookie", ()):
        for piece in line.split(";"):
            piece = piece.strip(" \t")
            name, equals, value = piece.partition("=")
            if equals and name and not name.isspace():
                pairs.append((name, value.lstrip(" \t")))
            elif piece:
                pairs.append(("", piece))
    return pairs


def touches_reserved(name: str, value: str) -> bool:
    """Whether an origin that reads cookies loosely could find one of our names in this pair."""
    return _LOOSE.search(f"{name}={value}" if name else value) is not None


def join_cookies(pairs: list[tuple[str, str]]) -> str | None:
    """The Cookie header that holds these pairs; None when there are none."""
    return "; ".join(f"{name}={value}" if name else value for name, value in pairs) or None


def safe_return(target: str) -> str:
    """The path (with query and fragment) to go back to on the same host; `/` when it is odd."""
    if len(target) > 4096 or not _RETURN.fullmatch(target) or target.startswith("//"):
        return "/"
    if any(escape in target.lower() for escape in ("%0d", "%0a", "%09", "%00")):
        return "/"
    return "/" if target.partition("?")[0].startswith(("/%5c", "/%2f", "/%5C", "/%2F")) else target


def canonical_email(text: str) -> str | None:
    """An address in lower case; None unless it is ASCII with exactly one `@` and a plain host."""
    match = _EMAIL.fullmatch(text)
    if match is None or not _HOST.fullmatch(match[1].lower()):
        return None
    return text.lower()


def app_origin(team: Team, host: str) -> str:
    """The public origin of an application host."""
    default = {"https": 443, "http": 80}.get(team.public_scheme)
    port = "" if team.public_port in (None, default) else f":{team.public_port}"
    return f"{team.public_scheme}://{host}{port}"


def team_host(team: Team) -> str:
    """The host of the team domain, lower case and without its port."""
    authority = team.url.partition("://")[2]
    return canonical_host(authority) or authority


def auth_domain(team: Team) -> str:
    """The team domain as `cloudflared` is told it: the alias where there is one."""
    return team.alias or team_host(team)


def companion_hosts(team: Team) -> frozenset[str]:
    """Every host whose paths all belong to the companion app."""
    return frozenset({team_host(team), team.alias, team.transfer_host}) - {""}


def encode(text: str) -> str:
    """Percent-encode a query value."""
    return quote(text, safe="")


def well_known_resource(path: str) -> str | None:
    """The path a protected-resource document speaks of (RFC 9728 3.1); None for other paths."""
    for prefix in _resource_prefixes():
        if path == prefix:
            return "/"
        if path.startswith(prefix + "/"):
            return path[len(prefix) :]
    return None


def _resource_prefixes() -> Iterator[str]:
    yield ACCESS_METADATA
    yield RESOURCE_METADATA
