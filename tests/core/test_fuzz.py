"""Anything at all in URL, host, cookies, headers and tokens: never an exception, never a pass."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lychgate.core.decide import decide
from lychgate.core.decision import Allow, Reason
from lychgate.core.request import Request
from lychgate.core.urls import (
    canonical_email,
    canonical_host,
    join_cookies,
    normalise,
    safe_return,
    split_cookies,
)
from tests.core.s1 import ALICE, LAX, OPEN, PAIR, ROOT, S1, B, token
from tests.support.builders import NOW, a_certificate, a_team_token, verifier

MANY = settings(max_examples=400)
LATIN = st.text(st.characters(max_codepoint=255), max_size=60)
ANY_TEXT = st.text(max_size=60)
PIECES = [
    "/",
    "//",
    "/.",
    "/..",
    "..",
    ";",
    ";x=1",
    "%2e",
    "%2E",
    "%2f",
    "%5c",
    "%00",
    "%25",
    "%252e",
    "%25%32%65",
    "%3b",
    "?",
    "#",
    "\\",
    "admin",
    "public",
    "/public/x",
    "cdn-cgi/access/",
    ".well-known/",
    "a",
    "b",
    "..",
    "%61",
    "é",
    "*",
    ":",
    "@",
    "[",
    "]",
    "|",
    "^",
]
PATHS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=12).map(lambda parts: "/" + "".join(parts)),
    LATIN.map(lambda text: "/" + text),
    ANY_TEXT,
)
HOSTS = st.one_of(
    st.sampled_from(
        ["a.example", "A.example.", "b.example:443", "team.example", "z.example", "c.example"]
    ),
    LATIN,
    st.lists(st.sampled_from(["a", ".", "example", ":", "@", "[", "]", ",", "*", "-"])).map(
        "".join
    ),
)
EXPIRED = token(ROOT, exp=1)
TOKENS = st.one_of(
    st.sampled_from(
        [EXPIRED, token(ROOT, type="org"), a_team_token(ALICE), token(ROOT, aud=["x"])]
    ),
    LATIN,
    st.tuples(st.sampled_from(token(ROOT).split(".")), LATIN, LATIN).map(".".join),
    st.integers(0, 600).map(lambda at: token(ROOT)[:at] + "~" + token(ROOT)[at + 1 :]),
    LATIN.map(lambda text: "oauth:" + text),
)
COOKIES = st.one_of(
    TOKENS.map(lambda text: f"CF_Authorization={text}"),
    st.lists(
        st.sampled_from(
            ["CF_Authorization", "=", ";", "; ", " ", '"', "a", "CF_Binding", "\x00", ","]
        )
    ).map("".join),
    LATIN,
)
NAMES = st.sampled_from(
    [
        "cookie",
        "cf-access-token",
        "authorization",
        "cf-access-client-id",
        "cf-access-client-secret",
        "cf-access-jwt-assertion",
        "host",
        "origin",
        "access-control-request-method",
        "accept",
        "upgrade",
        "sec-fetch-mode",
        "sec-fetch-dest",
        "x-requested-with",
        "content-type",
        "user-agent",
        "access-control-request-headers",
        "x-forwarded-for",
        "cf-access-metadata-request",
    ]
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    headers: dict[str, tuple[str, ...]] = {}
    for name in draw(st.lists(NAMES, max_size=6, unique=True)):
        values = {"cookie": COOKIES, "cf-access-token": TOKENS}.get(name, LATIN)
        headers[name] = tuple(draw(st.lists(values, min_size=1, max_size=3)))
    if draw(st.booleans()):
        headers[draw(LATIN).lower()] = (draw(LATIN),)
    return Request(
        id=draw(ANY_TEXT),
        method=draw(st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", "TRACE", "get", ""])),
        scheme=draw(st.sampled_from(["http", "https", ""])),
        host=draw(HOSTS),
        path=draw(PATHS),
        query=draw(st.none() | LATIN),
        headers=headers,
        client_ip=None,
        certificate=draw(st.sampled_from([None, a_certificate("x"), a_certificate(valid=False)])),
        country=draw(st.sampled_from([None, "PT", "??"])),
    )


FREE = {Reason.BYPASSED, Reason.UNMATCHED_PASSED}


@MANY
@given(requests(), st.sampled_from([S1, LAX, OPEN]))
def test_no_request_without_a_valid_credential_passes(request: Request, snapshot: Any) -> None:
    decision = decide(request, snapshot, verifier(snapshot), NOW)
    if isinstance(decision, Allow):
        assert decision.because.reason in FREE
        assert decision.set_headers == ()
        assert decision.mint is None
        target = normalise(decision.path.partition("?")[0])
        assert target is not None
        owners = {snapshot.route(host(request), path) for path in (target.path, target.bare)}
        assert all(owner is None or owner.app.app.name == "pub" for owner in owners)


@MANY
@given(
    requests(), st.sampled_from([{"cf-access-token": (token(B),)}, {"cookie": (token(B),)}, PAIR])
)
def test_whatever_else_a_request_holds_the_origin_gets_one_assertion_or_none(
    request: Request, credential: Any
) -> None:
    headers = dict(request.headers) | {
        name: value if isinstance(value, tuple) else (value,) for name, value in credential.items()
    }
    request = Request(request.id, "GET", "https", "b.example", request.path, None, headers, None)
    decision = decide(request, S1, verifier(S1), NOW)
    if isinstance(decision, Allow):
        names = [name for name, _ in decision.set_headers]
        assert len(names) == len(set(names))
        assert "cf-access-jwt-assertion" in names
        for name in headers:
            if name.startswith("cf-access-"):
                assert name in names or name in decision.remove_headers


def host(request: Request) -> str:
    return canonical_host(request.host) or ""


@MANY
@given(PATHS)
def test_a_normalised_path_is_its_own_normal_form(raw: str) -> None:
    for target in (normalise(raw), normalise(raw, encoded_slash=True)):
        if target is not None:
            again = normalise(target.path, encoded_slash=True)
            assert again == target
            for path in (target.path, target.bare):
                assert path.startswith("/") and not path.startswith("//")
                assert not {".", ".."} & set(path.split("/"))


@MANY
@given(st.lists(COOKIES, max_size=3))
def test_cookies_survive_being_split_and_joined(lines: list[str]) -> None:
    pairs = split_cookies({"cookie": tuple(lines)})
    joined = join_cookies(pairs)
    assert split_cookies({} if joined is None else {"cookie": (joined,)}) == pairs


@MANY
@given(st.one_of(PATHS, LATIN, ANY_TEXT))
def test_readers_of_text_never_raise(text: str) -> None:
    back = safe_return(text)
    assert back in (text, "/")
    assert canonical_host(text) in (
        None,
        text.lower().partition(":")[0].removesuffix("."),
        text.lower(),
    ) or (text.startswith("["))
    email = canonical_email(text)
    assert email is None or (email.count("@") == 1 and email.isascii())
