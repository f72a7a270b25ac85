"""Hosts, paths, cookies, addresses and return URLs, as plain tables."""

import itertools
import time
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import pytest

from lychgate.core.model import Team
from lychgate.core.urls import (
    OWNED_HEADERS,
    app_origin,
    canonical_email,
    canonical_host,
    encode,
    is_owned,
    is_query,
    join_cookies,
    normalise,
    safe_return,
    split_cookies,
    team_host,
    touches_reserved,
    well_known_resource,
)


@pytest.mark.parametrize(
    ("raw", "path", "bare"),
    [
        ("/", "/", "/"),
        ("/a/b", "/a/b", "/a/b"),
        ("/a/b/", "/a/b/", "/a/b/"),
        ("/a//b", "/a/b", "/a/b"),
        ("//a", "/a", "/a"),
        ("/a//", "/a/", "/a/"),
        ("/./a", "/a", "/a"),
        ("/a/.", "/a/", "/a/"),
        ("/a/..", "/", "/"),
        ("/a/b/..", "/a/", "/a/"),
        ("/..", "/", "/"),
        ("/../../a", "/a", "/a"),
        ("/a/../b", "/b", "/b"),
        ("/%61dmin", "/admin", "/admin"),
        ("/adm%69n", "/admin", "/admin"),
        ("/%2e%2e/a", "/a", "/a"),
        ("/%2E./a", "/a", "/a"),
        ("/%7Ea", "/~a", "/~a"),
        ("/caf%c3%a9", "/caf%C3%A9", "/caf%C3%A9"),
        ("/a%20b", "/a%20b", "/a%20b"),
        ("/100%25", "/100%25", "/100%25"),
        ("/a%2520b", "/a%2520b", "/a%2520b"),
        ("/.well-known/x", "/.well-known/x", "/.well-known/x"),
        ("/a;x=1/b;y", "/a;x=1/b;y", "/a/b"),
        ("/public/..;/admin", "/public/..;/admin", "/admin"),
        ("/public/.;/../admin", "/public/admin", "/admin"),
        ("/public/..%3b/admin", "/public/..%3B/admin", "/admin"),
        ("/a;/../b", "/b", "/b"),
        ("/;/a", "/;/a", "/a"),
        ("/a[1]|2^3", "/a[1]|2^3", "/a[1]|2^3"),
    ],
)
def test_a_path_has_one_spelling(raw: str, path: str, bare: str) -> None:
    target = normalise(raw)
    assert target is not None
    assert (target.path, target.bare) == (path, bare)
    again = normalise(target.path)
    assert again is not None
    assert again.path == target.path


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "a",
        "*",
        "http://x/",
        "/a\\b",
        "/a%5cb",
        "/a%2fb",
        "/a%2Fb",
        "/a%00",
        "/a%0d%0ab",
        "/a%7f",
        "/a%",
        "/a%4",
        "/a%4g",
        "/a%%41",
        "/a%+1",
        "/a b",
        "/a#b",
        "/a?b",
        "/a\n",
        "/a\x00",
        "/caf\u00e9",
        "/\udcfc",
        '/a"b',
        "/a<b",
        "/public/%252e%252e/admin",
        "/public%252f..%252fadmin",
        "/public/%25%32%65%25%32%65/admin",
        "/public/%252%65/x",
        "/%2561dmin",
        "/a%253b",
        "/a%2500",
        "/a%25252e",
    ],
)
def test_a_path_that_could_be_read_twice_is_refused(raw: str) -> None:
    assert normalise(raw) is None


@pytest.mark.parametrize(
    ("raw", "path", "bare"),
    [
        ("/p/a%2fb", "/p/a%2Fb", "/p/a/b"),
        ("/p/..%2fadmin", "/p/..%2Fadmin", "/admin"),
        ("/p%2f..;x%2fadmin", "/p%2F..;x%2Fadmin", "/admin"),
    ],
)
def test_an_encoded_slash_has_two_readings_where_it_is_allowed(
    raw: str, path: str, bare: str
) -> None:
    target = normalise(raw, encoded_slash=True)
    assert target is not None
    assert (target.path, target.bare) == (path, bare)
    assert normalise(raw) is None


@pytest.mark.parametrize("raw", ["/p/%252fa", "/p/%5c", "/p%2f%00"])
def test_an_allowed_encoded_slash_allows_nothing_else(raw: str) -> None:
    assert normalise(raw, encoded_slash=True) is None


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("a.example", "a.example"),
        ("A.EXAMPLE", "a.example"),
        ("a.example.", "a.example"),
        ("a.example:8443", "a.example"),
        ("A.Example.:443", "a.example"),
        ("a.example:", "a.example"),
        ("xn--caf-dma.example", "xn--caf-dma.example"),
        ("a_b.example", "a_b.example"),
        ("localhost:8080", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:80", "[::1]"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
    ],
)
def test_a_host_has_one_spelling(authority: str, host: str) -> None:
    assert canonical_host(authority) == host


@pytest.mark.parametrize(
    "authority",
    [
        "",
        ".",
        "a.example..",
        ".a.example",
        "a..example",
        "a.example, b.example",
        "b.example@a.example",
        "a.example/x",
        "a b",
        "a.example:99999",
        "a.example:80:80",
        "a.example:8a",
        "a.example:\u0661",
        "-a.example",
        "a-.example",
        "a.example\n",
        "a.example\x00",
        "caf\u00e9.example",
        "\u212a.example",
        "*.example",
        "[::1",
        "[::g]",
        "[1:2]",
        "[1.2.3.4]",
        "[]",
        "a" * 64 + ".example",
        ".".join(["abcdefgh"] * 30),
        "a" * 300,
    ],
)
def test_host_nonsense_is_refused(authority: str) -> None:
    assert canonical_host(authority) is None


@pytest.mark.parametrize(
    ("query", "good"),
    [
        (None, True),
        ("", True),
        ("a=b&c=%20", True),
        ('a="b"', True),
        ("a b", False),
        ("a#b", False),
        ("a\n", False),
        ("caf\u00e9", False),
    ],
)
def test_a_query_is_printable_ascii(query: str | None, good: bool) -> None:
    assert is_query(query) is good


ATTACKS = [
    "//evil.example",
    "/\\evil.example",
    "https:evil.example",
    "https://evil.example",
    "/%09/evil.example",
    "https://a.example@evil.example",
    "https://a.example.evil.example",
    "/x%0d%0aLocation:",
    "javascript:alert(1)",
]
_LEAD = ["", "/", "//", "///", "\\", "/\\", "\\/", "/\t/", "/%09/", "/%5c", "/%2f", " /", "\t//"]
_SCHEME = ["", "https:", "HTTPS:", "javascript:", "data:text/html,", "//x@", "http:/"]
_AUTHORITY = ["evil.example", "a.example@evil.example", "a.example.evil.example", "[::1]", ""]
_TAIL = ["", "/path", "?next=//evil.example", "#//evil.example", "\r\nLocation: x", "%0d%0aX:1"]
GRAMMAR = sorted({"".join(parts) for parts in itertools.product(_LEAD, _SCHEME, _AUTHORITY, _TAIL)})


def test_the_grammar_of_hostile_return_urls_is_large_enough() -> None:
    assert len(GRAMMAR) >= 500


@pytest.mark.parametrize("base", ["https://a.example", "http://localhost:8080"])
def test_L01_a_return_url_never_leaves_its_host(base: str) -> None:
    for target in (*ATTACKS, *GRAMMAR):
        back = safe_return(target)
        assert back == "/" or back == target, target
        assert back.startswith("/") and not back.startswith(("//", "/\\")), target
        assert all(0x20 < ord(char) < 0x7F and char not in '\\"<>' for char in back), target
        for resolved in (base + back, urljoin(base + "/x/y", back)):
            assert urlsplit(resolved).netloc == urlsplit(base).netloc, target
        assert not any(hidden in back.lower() for hidden in ("%0d", "%0a", "%09", "%00")), target


@pytest.mark.parametrize("target", ATTACKS)
def test_L01_each_attack_of_the_catalogue_goes_to_the_root(target: str) -> None:
    assert safe_return(target) == "/"


@pytest.mark.parametrize(
    "target",
    ["/", "/a/b?c=d&e=%20", "/a#/b?c=d&e;f", "/a//b", "/a?u=https://b.example/", "/caf%C3%A9"],
)
def test_an_ordinary_return_url_is_kept(target: str) -> None:
    assert safe_return(target) == target


def test_an_endless_return_url_is_dropped() -> None:
    assert safe_return("/" + "a" * 5000) == "/"


@pytest.mark.parametrize(
    ("lines", "pairs"),
    [
        ((), []),
        (("a=1",), [("a", "1")]),
        (("a=1; b=2",), [("a", "1"), ("b", "2")]),
        (("a=1;b=2;",), [("a", "1"), ("b", "2")]),
        (("a=1", "b=2"), [("a", "1"), ("b", "2")]),
        (("a=1; a=2",), [("a", "1"), ("a", "2")]),
        (("a=b=c",), [("a", "b=c")]),
        (("a=",), [("a", "")]),
        (("a",), [("", "a")]),
        (("=a",), [("", "=a")]),
        ((" =a",), [("", "=a")]),
        ((";;  ; ",), []),
        (('a="b; c=d"',), [("a", '"b'), ("c", 'd"')]),
        (("a =b",), [("a ", "b")]),
        (("a=1; bad[=x; c=3",), [("a", "1"), ("bad[", "x"), ("c", "3")]),
        (("a=\x00; b=2",), [("a", "\x00"), ("b", "2")]),
    ],
)
def test_cookies_are_split_and_nothing_else(
    lines: tuple[str, ...], pairs: list[tuple[str, str]]
) -> None:
    assert split_cookies({"cookie": lines} if lines else {}) == pairs


@pytest.mark.parametrize("line", ["a=1; b=2", "=x; y; z=", "a =1; b=c=d", 'x="; y="'])
def test_cookies_are_joined_as_they_came(line: str) -> None:
    assert join_cookies(split_cookies({"cookie": (line,)})) == line


def test_no_cookies_are_no_header() -> None:
    assert join_cookies([]) is None


@pytest.mark.parametrize(
    ("name", "value", "ours"),
    [
        ("CF_Authorization", "x", True),
        ("CF_AppSession", "x", True),
        ("CF_Binding", "x", True),
        ("CF_Session", "x", True),
        ("CF_Authorization ", "x", True),
        ("", "=CF_Authorization=x", True),
        ("", "= CF_Binding = x", True),
        ("", "CF_Authorization", True),
        ("a", "b, CF_Authorization=x", True),
        ("a", '"CF_Authorization"=x', True),
        ("cf_authorization", "x", False),
        ("__Host-CF_Authorization", "x", False),
        ("CF.Authorization", "x", True),
        ("CF AppSession", "x", True),
        ("CF[Session", "x", True),
        ("CFXAuthorization", "x", False),
        ("CF_Authorization[0]", "x", False),
        ("a", "CF_Authorization", True),
        ("a", "about CF_AuthorizationX=1", False),
        ("CF_Device", "x", False),
    ],
)
def test_a_cookie_that_could_be_read_as_ours_is_seen(name: str, value: str, ours: bool) -> None:
    assert touches_reserved(name, value) is ours


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("a@staff.example", "a@staff.example"),
        ("A@Staff.Example", "a@staff.example"),
        ("a+b.c@staff.example", "a+b.c@staff.example"),
        ("o'hara@staff.example", "o'hara@staff.example"),
        ("a@localhost", "a@localhost"),
        ("a@evil@staff.example", None),
        ("a@staff.example.", None),
        ("a@staff.example ", None),
        (" a@staff.example", None),
        ("a@staff.example\x00", None),
        ("a@staff.example\n", None),
        ("\u212aa@staff.example", None),
        ("a@\u212a.example", None),
        ("a@staff..example", None),
        ("@staff.example", None),
        ("a@", None),
        ("a", None),
        ("", None),
        ('"a b"@staff.example', None),
        ("a" * 65 + "@staff.example", None),
    ],
)
def test_L11_an_address_is_plain_or_none(text: str, email: str | None) -> None:
    assert canonical_email(text) == email


@pytest.mark.parametrize(
    ("team", "origin"),
    [
        (Team("https://t.example"), "https://a.example"),
        (Team("https://t.example", "https", 443), "https://a.example"),
        (Team("https://t.example", "https", 8443), "https://a.example:8443"),
        (Team("http://127.0.0.1:8080", "http", 8080), "http://a.example:8080"),
        (Team("http://127.0.0.1", "http", 80), "http://a.example"),
    ],
)
def test_an_origin_is_built_from_the_settings(team: Team, origin: str) -> None:
    assert app_origin(team, "a.example") == origin


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Team.Example", "team.example"),
        ("http://127.0.0.1:8080", "127.0.0.1"),
        ("https://not a host", "not a host"),
    ],
)
def test_the_team_host_is_read_from_its_url(url: str, host: str) -> None:
    assert team_host(Team(url)) == host


def test_values_are_percent_encoded_whole() -> None:
    assert encode("/a?b=c&d#e") == "%2Fa%3Fb%3Dc%26d%23e"


@pytest.mark.parametrize(
    ("path", "about"),
    [
        ("/.well-known/oauth-protected-resource", "/"),
        ("/.well-known/oauth-protected-resource/mcp", "/mcp"),
        ("/.well-known/cloudflare-access-protected-resource/a/b", "/a/b"),
        ("/.well-known/oauth-protected-resourceful", None),
        ("/x", None),
    ],
)
def test_a_resource_document_says_what_it_is_about(path: str, about: str | None) -> None:
    assert well_known_resource(path) == about


def test_every_header_of_the_families_is_ours_but_the_jump_destination() -> None:
    assert all(map(is_owned, OWNED_HEADERS))
    assert is_owned("cf-access-anything") and is_owned("x-lychgate-anything")
    assert not is_owned("cf-access-jump-destination")
    assert not is_owned("authorization")


LONG = 100_000


LINEAR: dict[str, Callable[[], object]] = {
    "segments": lambda: normalise("/" + "a/" * (LONG // 2)),
    "dots": lambda: normalise("/" + "../" * (LONG // 3)),
    "escapes": lambda: normalise("/" + "%2e" * (LONG // 3)),
    "percents": lambda: normalise("/" + "%25" * (LONG // 3)),
    "parameters": lambda: normalise("/" + ";" * LONG),
    "path": lambda: normalise("/" + "a" * LONG + '"'),
    "host": lambda: canonical_host("a" * LONG),
    "labels": lambda: canonical_host("a." * (LONG // 2)),
    "query": lambda: is_query("a" * LONG + " "),
    "return": lambda: safe_return("/" + "%" * LONG),
    "address": lambda: canonical_email("a" * LONG + "@" + "b." * LONG),
    "at signs": lambda: canonical_email("@" * LONG),
    "cookies": lambda: split_cookies({"cookie": (";=" * (LONG // 2),)}),
    "blanks": lambda: touches_reserved("a", "CF_Authorization" + " " * LONG),
    "names": lambda: touches_reserved("a", ", CF_Authorization " * (LONG // 20)),
}


@pytest.mark.parametrize("what", LINEAR)
def test_hundred_kilobytes_are_read_in_linear_time(what: str) -> None:
    started = time.perf_counter()
    LINEAR[what]()
    assert time.perf_counter() - started < 0.5
