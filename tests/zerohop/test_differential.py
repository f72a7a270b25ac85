"""An Envoy that proves by itself lets nothing pass that `Check` would not; origins see the same.

Each request goes through an Envoy that asks about everything and one that proves what it can;
clients and origins must not be able to tell them apart. What was proved is counted, or else two
Envoys that ask about everything would pass as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.parity.cases import ALICE, CASES, Case
from tests.parity.test_parity import with_tokens
from tests.support.both import Both
from tests.support.catalogue import BOB, Catalogue
from tests.support.front import Pairs, request_bytes
from tests.support.scale import scaled
from tests.zerohop.conftest import Two

ASKED_ABOUT = {
    # Paths that two programs could read differently.
    *("percent-kept", "percent-lower-case", "brackets"),
    # Methods that are rare, or of a preflight.
    *("options", "purge"),
    # Other credentials, or cookies that `Check` must sort out.
    *("other-apps-cookie", "header-credential", "foreign-bearer"),
}
"""Allowed cases of the table that are nevertheless asked about."""


def is_of_a_cookie(case: Case) -> bool:
    """Whether a case is a person let in by the session of a cookie."""
    names = {name for name, value in case.headers if "<" in value}
    return case.who.partition("@")[2] != "" and names == {"Cookie"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_case_of_the_table_is_the_same_on_both_paths(two: Two, case: Case) -> None:
    headers = with_tokens(two.both.catalogue, case.headers)
    proved = two.proved(
        lambda both: both.ask(case.target, case.host, headers, case.method, case.body)
    )
    assert proved == (is_of_a_cookie(case) and case.id not in ASKED_ABOUT)


TOKENS: Mapping[str, tuple[str, str]] = {
    "root": (ALICE, "ROOT"),
    "admin": (BOB, "ADM"),
    "b": (ALICE, "B"),
    "w": (ALICE, "W"),
    "bound": (ALICE, "BOUND"),
    "address": (ALICE, "ADDRESS"),
}
HOSTS = (
    *("a.example", "a.example", "a.example", "b.example", "x.w.example", "bound.example"),
    *("A.example", "a.example.", "a.example:8443", "address.example", "y.x.w.example", "w.example"),
)
SEGMENTS = (
    *("x", "y.html", "admin", "administrator", "public", "a=b", "~", "x,y", "*", "(1)", "-"),
    *("", ".", "..", ".x", "..;", "a;b", "%41", "adm%69n", "%2f", "%2e%2e", "a%20b", "a[1]", "\\"),
    *(".well-known", "cdn-cgi", "access", "oauth-protected-resource", "x" * 400),
)
QUERIES = (
    None,
    None,
    None,
    "",
    "a=1",
    "a=%2F&b",
    "/../",
    "cloudflared_token_check=true",
    '"',
    "a?b",
)
METHODS = ("GET", "GET", "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "FOO")
PIECES = (
    *("a=1", "b=x=y", "c", '="odd', 'q="x y"', "u=%22", "CF_AppSession=abc-_1", "cf_other=1"),
    *("CF_AppSession=", "CF_AppSession=a b", "CF_Session=x", "CF_Binding=x", "CF.Session=1"),
    *("CF_Authorization=junk", "CF_Authorization=", "=CF_Authorization=x", "x=CF_AppSession=y"),
    *("CF_Authorizationx=1", "xCF_Authorization=1", "CF Session=1", "CF[Binding=1", "", "a= b"),
    *("a=caf\xe9", "\xff=1", "a=caf\xc3\xa9", "a=\xc2\xa0", "\xa0CF_Session=x", "a=\x85"),
)
SEPARATORS = ("; ", "; ", "; ", "; ", ";", " ; ", ";  ", ", ", ",")
EXTRAS: tuple[tuple[str, str], ...] = (
    ("Authorization", "Basic dTpw"),
    ("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30."),
    ("Authorization", "Bearer oauth:x"),
    ("Authorization", "bearer theirs"),
    ("Authorization", "{}"),
    ("Authorization", "Bearer oauth:\xff"),
    ("Authorization", ""),
    ("Cf-Access-Token", "\xff"),
    ("Cf-Access-Token", ""),
    ("Cf-Access-Client-Id", "\xff"),
    ("Cf-Access-Client-Id", "x"),
    ("Cf-Access-Client-Secret", "x"),
    ("Cf-Access-Token", "x"),
    ("Cf-Access-Metadata-Request", "true"),
    ("Cf-Access-Jump-Destination", "host:22"),
    ("Cf-Access-Jwt-Assertion", "eyJhbGciOiJub25lIn0.e30.x"),
    ("Cf-Access-Authenticated-User-Email", "root@x.example"),
    ("Cf-Access-Anything", "x"),
    ("X-Lychgate-Rules", "1.0"),
    ("X-Lychgate-User", "root"),
    ("X-Lychgate-Client-Ip", "10.9.0.1"),
    ("Origin", "https://evil.example"),
    ("Access-Control-Request-Method", "PUT"),
    ("Sec-Fetch-Mode", "cors"),
    ("X-Name", "caf\xe9"),
    ("Cookie", "second=line"),
)
FORGED: tuple[Mapping[str, Any], ...] = (
    {"type": "org"},
    {"type": ["app"]},
    {"aud": "0" * 64},
    {"aud": []},
    {"iss": "https://other.example"},
    {"sub": ""},
    {"sub": 5},
    {"email": ""},
    {"email": 5},
    {"email": ["alice@staff.example"]},
    {"identity_nonce": 5},
    {"identity_nonce": ["session-0123456789abcdefghijklmnopq"]},
    {"policy_id": "none"},
    {"policy_id": ""},
    {"iat": 1},
    {"iat": 2**31},
    {"iat": "1"},
    {"nbf": 1},
    {"nbf": 2**31},
    {"exp": 1},
    {"exp": 1e300},
    {"exp": "9999999999"},
    {"exp": 9999999999.5},
    {"linked_from": "app"},
    {"linked_from": []},
    {"linked_at": "x"},
    {"grant_id": "g"},
    {"grant_id": {}},
    {"common_name": "st1"},
    {"service_token_status": True},
    {"facts": "zz"},
    {"common_name": ""},
    {"client_id": "c"},
    {"identity_nonce": "short"},
    {"email": "caf\xe9@staff.example"},
    {"email": "alice"},
)
FALSE: tuple[Mapping[str, Any], ...] = (
    {"rules": "1.0"},
    {"rules": None},
    {"times": None},
    {"times": ""},
    {"times": 5},
    {"times": ["1,4102444800,0"]},
    {"times": "1,4102444800"},
    {"times": "1,4102444800,"},
    {"times": ",4102444800,0"},
    {"times": "1,4102444800,0,"},
    {"times": "1,4102444800,0,0"},
    {"times": "1,4102444800,-1"},
    {"times": "1,4102444800.5,0"},
    {"times": "1,1,0"},
    {"times": "4102444700,4102444800,0"},
    {"times": "1,4102444800,1"},
)
"""What no issuer of ours ever says; a good token in all else, so there is no harm in asking."""


@dataclass(frozen=True)
class Asked:
    """A generated request; `{token}` in its cookies stands for the token."""

    method: str
    target: str
    host: str
    headers: Pairs
    who: str
    forged: int | None

    def ask(self, both: Both) -> Any:
        """Send it through both."""
        token = minted(both.catalogue, self.who, self.forged)
        pairs = tuple((name, value.replace("{token}", token)) for name, value in self.headers)
        return both.send(request_bytes(self.method, self.target, self.host, pairs))


def minted(catalogue: Catalogue, who: str, forged: int | None) -> str:
    """A token, signed once; a forged one is signed with our own key as well."""
    return _minted(_Minter(catalogue), who, forged)


class _Minter:
    """The installation as a key of the cache: the same one for the same folder."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Minter) and hash(self) == hash(other)

    def __hash__(self) -> int:
        return hash(self.catalogue.folder)


@cache
def _minted(minter: _Minter, who: str, forged: int | None) -> str:
    changes = FORGED[forged] if forged is not None else {}
    claims = {**minter.catalogue.claims(*TOKENS[who], life=86_400), **changes}
    return minter.catalogue.sign(minter.catalogue.issued(claims, TOKENS[who][1]))


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    """Mostly what browsers send, with one thing or another changed."""
    some = st.sampled_from
    pieces = draw(st.lists(some(PIECES), max_size=4))
    pieces.insert(draw(st.integers(0, len(pieces))), "CF_Authorization={token}")
    line = "".join(draw(some(SEPARATORS)) + piece for piece in pieces)
    extras = draw(st.lists(some(EXTRAS), max_size=2, unique=True)) if draw(st.booleans()) else []
    segments = draw(st.lists(some(SEGMENTS), max_size=4))
    query = draw(some(QUERIES))
    plain = draw(st.booleans())
    return Asked(
        method="GET" if plain else draw(some(METHODS)),
        target="/" + "/".join(segments) + ("" if query is None else f"?{query}"),
        host=HOSTS[0] if plain else draw(some(HOSTS)),
        headers=(("Cookie", line.lstrip(";, ")), *extras),
        who="root" if plain else draw(some(sorted(TOKENS))),
        forged=draw(st.none() | st.none() | st.integers(0, len(FORGED) - 1)),
    )


def test_generated_requests_are_the_same_on_both_paths(two: Two) -> None:
    proved: list[Asked] = []

    @settings(max_examples=scaled(20_000, 400))
    @given(requests())
    def hold(asked: Asked) -> None:
        if two.proved(asked.ask):
            assert asked.forged is None or FORGED[asked.forged] == {"email": ""}
            proved.append(asked)

    hold()
    assert len(proved) > 20


COOKIE: Pairs = (("Cookie", "CF_Authorization={token}"),)


@pytest.mark.parametrize("forged", range(len(FORGED)), ids=lambda index: str(FORGED[index]))
def test_J10_our_own_key_under_a_forged_claim_proves_nothing(two: Two, forged: int) -> None:
    asked = Asked("GET", "/", "a.example", COOKIE, "root", forged)
    # Without an address a token is good, and origins are told none.
    assert two.proved(asked.ask) == (FORGED[forged] == {"email": ""})


@pytest.mark.parametrize("false", FALSE, ids=str)
def test_claims_that_no_issuer_of_ours_makes_prove_nothing(
    two: Two, false: Mapping[str, Any]
) -> None:
    catalogue = two.both.catalogue
    token = catalogue.sign({**catalogue.claims(*TOKENS["root"]), **false})
    headers = (("Cookie", f"CF_Authorization={token}"),)
    assert not two.proved(lambda both: both.ask("/", "a.example", headers))


def test_the_same_token_untouched_is_proved(two: Two) -> None:
    for who, host in (("root", "a.example"), ("b", "b.example"), ("w", "x.w.example")):
        assert two.proved(Asked("GET", "/", host, COOKIE, who, None).ask)


@pytest.mark.parametrize("other", ["a=\xff\xfe", "\xff=1", "a=\x85", "a=caf\xc3\xa9", "a=x"])
@pytest.mark.parametrize(
    "line", ["{}; T", "T; {}", "CF_AppSession=x; {}; T", "CF_AppSession=x; T; {}"]
)
def test_C03_foreign_bytes_beside_the_session_reach_origins_alike(
    two: Two, other: str, line: str
) -> None:
    cookie = line.replace("T", "CF_Authorization={token}").replace("{}", other)
    proved = two.proved(Asked("GET", "/", "a.example", (("Cookie", cookie),), "root", None).ask)
    # Where a cookie of ours is cut out, what is left is written anew, and not every byte can be.
    assert proved == (other.isascii() or "CF_AppSession" not in line)


@pytest.mark.parametrize("value", ["", "\xff", "x\xff", "Bearer oauth:\xff"])
@pytest.mark.parametrize(
    "name", ["Authorization", "Cf-Access-Token", "Cf-Access-Client-Id", "Cf-Access-Client-Secret"]
)
def test_S08_a_credential_of_foreign_bytes_is_one_all_the_same(
    two: Two, name: str, value: str
) -> None:
    headers = (*COOKIE, (name, value))
    assert not two.proved(Asked("GET", "/", "a.example", headers, "root", None).ask)
