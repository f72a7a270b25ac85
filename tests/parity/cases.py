"""One table of ordinary requests: what goes in, and what both proxies must make of it.

In header values `<alice@ROOT>` stands for a session: a token of that person for that application.
The rows of the security catalogue are compared in the same way, see `tests/security`.
"""

from dataclasses import dataclass
from enum import StrEnum

from tests.support.catalogue import FREE, ST1_ID, ST1_SECRET
from tests.support.front import Pairs


class Then(StrEnum):
    """What a case must come to."""

    OK = "ok"
    """Forwarded, with the identity named in `who`."""
    PASSED = "passed"
    """Forwarded, nobody named."""
    LOGIN = "login"
    DENIED = "denied"
    OWN = "own"
    """The gate's or the companion app's own answer, with `status`."""


@dataclass(frozen=True, slots=True)
class Case:
    """A request and its outcome; `app` is the application that owns it."""

    id: str
    then: Then
    target: str = "/"
    host: str = "a.example"
    headers: Pairs = ()
    method: str = "GET"
    body: bytes = b""
    app: str = "ROOT"
    who: str = ""
    status: int = 200
    arrives: str = ""
    """The target as the origin gets it, when it is another spelling."""


COOKIE: Pairs = (("Cookie", "CF_Authorization=<alice@ROOT>"),)
MACHINE: Pairs = (("Cf-Access-Client-Id", ST1_ID), ("Cf-Access-Client-Secret", ST1_SECRET))
HTML = ("Accept", "text/html,application/xhtml+xml")
CORS: Pairs = (("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty"))
NAVIGATE: Pairs = (HTML, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))
WEBSOCKET: Pairs = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
)
ALICE = "alice@staff.example"


def _allowed(id: str, target: str = "/", **more: object) -> Case:
    return Case(id, Then.OK, target, **{"headers": COOKIE, "who": ALICE, **more})  # type: ignore[arg-type]


TARGETS = (
    _allowed("plain", "/x/y.html"),
    _allowed("empty-query", "/x?"),
    _allowed("query", "/x?a=1&a=2&b=%2Fz&c=%20+"),
    _allowed("query-of-a-url", "/x?u=https://b.example/?q=1#".removesuffix("#")),
    _allowed("percent-kept", "/x%20y/%E2%82%AC"),
    _allowed("percent-lower-case", "/caf%c3%a9", arrives="/caf%C3%A9"),
    _allowed("unreserved-decoded", "/%78/%7Ey", arrives="/x/~y"),
    _allowed("dots", "/a/./b/../c", arrives="/a/c"),
    _allowed("slashes", "/a//b///c", arrives="/a/b/c"),
    _allowed("sub-delims", "/a!$&'()*+,=:@b"),
    _allowed("brackets", "/a[1]"),
    _allowed("long", "/" + "x" * 4000),
)

METHODS = (
    _allowed("post", "/form", method="POST", body=b"a=1&b=2"),
    _allowed("post-empty", "/form", method="POST", headers=(*COOKIE, ("Content-Length", "0"))),
    _allowed("put-binary", "/file", method="PUT", body=bytes(range(256)) * 64),
    _allowed("patch", "/x", method="PATCH", body=b"{}"),
    _allowed("delete", "/x", method="DELETE"),
    _allowed("options", "/x", method="OPTIONS"),
    _allowed("purge", "/x", method="PURGE"),
)

HEADERS = (
    _allowed("bytes", headers=(*COOKIE, ("X-Name", "caf\xe9"))),
    _allowed("long-header", headers=(*COOKIE, ("X-Long", "v" * 8000))),
    _allowed("repeated", headers=(*COOKIE, ("X-Two", "1"), ("X-Two", "2"))),
    _allowed("empty-header", headers=(*COOKIE, ("X-Empty", ""))),
    _allowed("foreign-bearer", headers=(*COOKIE, ("Authorization", "Bearer theirs"))),
    _allowed("basic", headers=(*COOKIE, ("Authorization", "Basic dTpw"))),
    _allowed("conditional", headers=(*COOKIE, ("If-None-Match", '"x"'), ("Range", "bytes=0-"))),
    _allowed(
        "cookies-in-order",
        headers=(("Cookie", "a=1; CF_Authorization=<alice@ROOT>; a=2; b=x=y; c; d=%22q%22"),),
    ),
    _allowed("other-apps-cookie", headers=(("Cookie", "CF_Authorization=<alice@B>; a=1"), *COOKIE)),
    _allowed("header-credential", headers=(("Cf-Access-Token", "<alice@ROOT>"), ("Cookie", "a=1"))),
)

CLIENTS = (
    Case("curl", Then.LOGIN, "/x?y=1"),
    Case("navigation", Then.LOGIN, "/x?y=1", headers=NAVIGATE),
    Case("head", Then.LOGIN, method="HEAD"),
    Case("post-of-a-program", Then.LOGIN, method="POST", body=b"x"),
    Case("fetch", Then.DENIED, headers=CORS, status=401),
    Case("xhr", Then.DENIED, headers=(("X-Requested-With", "XMLHttpRequest"),), status=401),
    Case("browser-post", Then.DENIED, headers=NAVIGATE, method="POST", body=b"x", status=401),
    Case("websocket-of-a-program", Then.LOGIN, headers=WEBSOCKET),
    Case(
        "websocket-of-a-browser",
        Then.DENIED,
        headers=(*WEBSOCKET, ("Origin", "https://a.example")),
        status=401,
    ),
    Case("kept-app-session", Then.LOGIN, headers=(("Cookie", "CF_AppSession=" + "k" * 43),)),
    Case("mallory", Then.LOGIN, headers=(("Cookie", "CF_Authorization=junk"),)),
)

APPLICATIONS = (
    Case("bypass", Then.PASSED, "/public/x", app="PUB", headers=COOKIE),
    Case("bypass-root", Then.PASSED, "/public/", app="PUB"),
    Case(
        "admin",
        Then.OK,
        "/admin/x",
        app="ADM",
        who="bob@admins.example",
        headers=(("Cookie", "CF_Authorization=<bob@ADM>"),),
    ),
    Case("root-at-admin", Then.LOGIN, "/admin/x", app="ADM", headers=COOKIE),
    Case("machine", Then.OK, host="b.example", app="B", who=ST1_ID, headers=MACHINE),
    Case("machine-not-allowed", Then.DENIED, headers=MACHINE, status=403),
    Case("machine-wrong", Then.DENIED, headers=(MACHINE[0], (MACHINE[1][0], "x")), status=401),
    Case("address", Then.LOGIN, host="address.example", app="ADDRESS"),
    Case("certificate", Then.DENIED, host="named.example", app="NAMED", status=403),
    Case("wildcard", Then.LOGIN, host="x.w.example", app="W"),
    Case("no-application", Then.DENIED, host="w.example", status=403),
    Case("no-application-page", Then.DENIED, host="w.example", headers=NAVIGATE, status=403),
    Case("no-upstream", Then.DENIED, host="nowhere.example", status=403),
    Case("exempted", Then.PASSED, "/x", host=FREE, headers=COOKIE),
    Case("port", Then.LOGIN, host="a.example:8443"),
    Case("oauth-challenge", Then.DENIED, "/x", host="oauth.example", app="OAUTH", status=401),
    Case("oauth-navigation", Then.LOGIN, "/x", host="oauth.example", app="OAUTH", headers=NAVIGATE),
    Case(
        "cors-fetch",
        Then.DENIED,
        host="cors.example",
        headers=(*CORS, ("Origin", "https://x.example")),
        status=401,
    ),
    Case(
        "preflight-refused",
        Then.DENIED,
        method="OPTIONS",
        headers=(("Origin", "https://x.example"), ("Access-Control-Request-Method", "PUT")),
        status=403,
    ),
)

OWN = (
    Case("oauth-metadata", Then.OWN, "/.well-known/oauth-protected-resource", "oauth.example"),
    Case(
        "preflight-answered",
        Then.OWN,
        host="cors.example",
        method="OPTIONS",
        headers=(("Origin", "https://x.example"), ("Access-Control-Request-Method", "PUT")),
    ),
    Case("team", Then.OWN, host="team.example", headers=NAVIGATE),
    Case("login-for-nothing", Then.OWN, "/cdn-cgi/access/login", host="team.example", status=404),
    Case("certs", Then.OWN, "/cdn-cgi/access/certs", host="team.example"),
    Case("certs-of-a-host", Then.OWN, "/cdn-cgi/access/certs"),
    Case("identity-of-nobody", Then.OWN, "/cdn-cgi/access/get-identity", status=400),
    Case("identity", Then.OWN, "/cdn-cgi/access/get-identity", headers=COOKIE),
    Case("own-path-that-is-none", Then.OWN, "/cdn-cgi/access/nothing", status=404),
    Case("trace", Then.OWN, method="TRACE", status=405, headers=COOKIE),
)

CASES = (*TARGETS, *METHODS, *HEADERS, *CLIENTS, *APPLICATIONS, *OWN)
