"""Rows P01 to P18 through both proxies: no spelling of a path or host changes who must be asked."""

import pytest

from tests.support.both import Both
from tests.support.catalogue import ALICE
from tests.support.front import Pairs


def targets(*values: str) -> pytest.MarkDecorator:
    """One test for each target."""
    return pytest.mark.parametrize("target", values)


def raw(host_lines: bytes, target: bytes = b"/admin", version: bytes = b"1.1") -> bytes:
    """A request whose host lines are written as they are."""
    head = b"GET " + target + b" HTTP/" + version + b"\r\n" + host_lines
    return head + b"Connection: close\r\n\r\n"


@targets("/public/../admin", "/public/x/../../admin", "/public/./../admin", "/public/../admin/")
def test_P01_dot_segments(both: Both, target: str) -> None:
    both.ask(target).login("ADM")


@targets("/public/%2e%2e/admin", "/public/%2E./admin", "/public/.%2e/admin")
def test_P02_encoded_dots(both: Both, target: str) -> None:
    both.ask(target).login("ADM")


@targets("/public/..;/admin", "/public/.;/../admin", "/admin;x=1", "/admin;/public/x")
def test_P03_path_parameters(both: Both, target: str) -> None:
    both.ask(target).login_each("ADM")


@targets("/public/..;/admin", "/public/..;x/admin", "/public/..%3b/admin")
def test_P03_what_reads_in_two_ways_is_never_public(both: Both, target: str) -> None:
    both.ask_as(ALICE, "ROOT", target).login_each("ADM")


@targets("/public%2f..%2fadmin", "/public/..%5cadmin", "/public\\..\\admin", "/public%5c..%5cadmin")
def test_P04_encoded_separators(both: Both, target: str) -> None:
    both.ask(target).bad_or_login("ADM")


@targets("//admin", "///admin", "/admin//", "/public/..//admin")
def test_P05_slashes(both: Both, target: str) -> None:
    both.ask(target).login("ADM")


def test_P05_an_empty_segment_before_dots_is_forwarded_as_it_was_judged(both: Both) -> None:
    """Envoy takes dots away before it merges slashes (RFC 3986 5.2.4), the core after.

    By the first reading this is `/public/admin`, by the second `/admin`. Neither proxy lets the
    origin choose: it gets the one spelling that was judged.
    """
    for one in both.ask("/public//../admin"):
        judged_as_public = [seen.target for seen in one.seen] == ["/public/admin"]
        assert judged_as_public or one.is_login(both.catalogue.aud("ADM")), one


@targets("/%61dmin", "/adm%69n", "/%61%64%6d%69%6e/x")
def test_P06_encoded_letters(both: Both, target: str) -> None:
    both.ask(target).login("ADM")


@targets("/publicx", "/public-old/secret", "/public.", "/administrator", "/public")
def test_P07_segment_boundary(both: Both, target: str) -> None:
    both.ask(target).login("ROOT")


@targets("/public/%252e%252e/admin", "/public%252f..%252fadmin", "/public/%25252e%25252e/admin")
def test_P08_double_encoding(both: Both, target: str) -> None:
    answers = both.ask(target)
    if "%2525" in target:
        assert not any(seen.target != target for one in answers for seen in one.seen)
    else:
        answers.bad()


@targets(
    "/public/%00/../admin", "/admin%00.png", "/public/%0d%0aX:1", "/public/%7f", "/public/\x01"
)
def test_P09_control_characters(both: Both, target: str) -> None:
    both.ask(target).bad()


@targets("/admin#/public/x", "/public/#/../../admin", "#")
def test_P10_a_fragment_is_bad(both: Both, target: str) -> None:
    both.ask(target).bad()


@targets("/admin?/public/x", "/admin?x=/../public/", "/admin?/../public/", "/admin?")
def test_P10_a_query_is_no_path(both: Both, target: str) -> None:
    both.ask(target).login("ADM")


def test_P11_letter_case_counts_in_a_path(both: Both) -> None:
    both.ask("/PUBLIC/x").login("ROOT")
    for seen in both.ask_as(ALICE, "ROOT", "/Admin").ok(ALICE, "ROOT"):
        assert seen.target == "/Admin"


@pytest.mark.parametrize(
    "host", ["A.EXAMPLE", "a.example.", "a.example:8443", "A.Example.:443", "a.example:"]
)
def test_P12_host_spelling(both: Both, host: str) -> None:
    both.ask("/admin", host).login("ADM")


@pytest.mark.parametrize(
    "lines",
    [
        b"Host: a.example\r\nHost: b.example\r\n",
        b"Host: a.example\r\nHost: a.example\r\n",
        b"Host: a.example, b.example\r\n",
        b"Host: b.example@a.example\r\n",
        b"Host: \r\n",
        b"",
        b"Host: a.example/x\r\n",
        b"Host: a b\r\n",
        b"Host: a.example:99999\r\n",
        b"Host: a.example:x\r\n",
        b"Host: a.example\x00\r\n",
        b"Host: \xff.example\r\n",
        b"Host: a..example\r\n",
        b"Host: %61.example\r\n",
    ],
)
def test_P13_host_nonsense(both: Both, lines: bytes) -> None:
    both.send(raw(lines)).bad()
    both.send(raw(lines, b"/public/x")).bad()


def test_P13_no_host_in_http_1_0(both: Both) -> None:
    both.send(raw(b"", b"/public/x", b"1.0")).bad()


def test_P14_the_absolute_form_is_what_is_judged_and_forwarded(both: Both) -> None:
    name, value = both.session(ALICE, "ROOT")
    lines = b"Host: a.example\r\n" + f"{name}: {value}\r\n".encode()
    for one in both.send(raw(lines, b"http://b.example/x")):
        assert one.is_bad() or one.is_login(both.catalogue.aud("B")), one
    for one in both.send(raw(lines, b"http://a.example/x")):
        assert one.reply.status == 200 and one.seen[0].target == "/x"
        assert one.seen[0].all("host") == ("a.example",)


@pytest.mark.parametrize("host", ["x.y.w.example", "w.example", "xw.example", ".w.example"])
def test_P15_wildcard_depth(both: Both, host: str) -> None:
    for one in both.ask("/", host):
        assert one.is_denied(403) or one.is_bad(), one
    both.ask("/", "x.w.example").login("W")


@pytest.mark.parametrize(
    "header",
    [
        ("X-Forwarded-Uri", "/public/x"),
        ("X-Original-URL", "/public/x"),
        ("X-Rewrite-URL", "/public/x"),
        ("X-Forwarded-Prefix", "/public"),
        ("X-Forwarded-Host", "b.example"),
        ("X-Envoy-Original-Path", "/public/x"),
        ("Forwarded", "host=b.example"),
        ("X-Forwarded-Method", "OPTIONS"),
        ("X-Forwarded-Proto", "javascript"),
    ],
    ids=lambda header: str(header[0]),
)
def test_P16_forwarded_for_policy_headers(both: Both, header: tuple[str, str]) -> None:
    both.ask("/admin", headers=(header,)).login("ADM")


@targets("/.well-known/acme-challenge/x", "/favicon.ico", "/robots.txt", "/health", "/.well-known/")
def test_P17_no_helpful_exceptions(both: Both, target: str) -> None:
    both.ask(target, headers=(("User-Agent", "GoogleHC/1.0"),)).login("ROOT")


PREFLIGHT: Pairs = (("Origin", "https://x.example"), ("Access-Control-Request-Method", "PUT"))


def test_P18_options_without_a_session_is_the_login(both: Both) -> None:
    both.ask("/admin", method="OPTIONS").login("ADM")


def test_P18_a_preflight_is_refused_unless_the_application_lets_it_pass(both: Both) -> None:
    both.ask("/admin", method="OPTIONS", headers=PREFLIGHT).denied(403)
    both.ask("/", "preflight.example", PREFLIGHT, "OPTIONS").passed()
    both.ask("/", "preflight.example", PREFLIGHT, "GET").login("PREFLIGHT")
    both.ask("/", "preflight.example", PREFLIGHT[:1], "OPTIONS").login("PREFLIGHT")
