"""Rows C01 to C09 through both proxies: which cookie is a session, and when it no longer is one.

What the login pages do with cookies (C05, C06, C08, C10) is tried in `tests/web`.
"""

from hashlib import sha256
from itertools import count

import pytest

from tests.support.both import Both
from tests.support.catalogue import ALICE, BOB, real_now, wait_for
from tests.support.front import Pairs

_NUMBERS = count()


def cookie(line: str) -> Pairs:
    """One Cookie header."""
    return (("Cookie", line),)


def test_C01_of_several_tokens_the_one_for_this_application_counts(both: Both) -> None:
    alice = both.catalogue.token(ALICE, "ROOT")
    mallory = both.catalogue.token("mallory@staff.example", "B")
    for first, second in ((alice, mallory), (mallory, alice)):
        line = f"CF_Authorization={first}; CF_Authorization={second}"
        both.ask(headers=cookie(line)).ok(ALICE, "ROOT")


def test_C01_two_people_are_nobody(both: Both) -> None:
    alice, carol = (both.catalogue.token(f"{n}@staff.example", "ROOT") for n in ("alice", "carol"))
    both.ask(headers=cookie(f"CF_Authorization={alice}; CF_Authorization={carol}")).login("ROOT")
    again = both.catalogue.token(ALICE, "ROOT", amr=["again"])
    both.ask(headers=cookie(f"CF_Authorization={alice}; CF_Authorization={again}")).ok(
        ALICE, "ROOT"
    )


def test_C02_cookie_lines_that_are_split(both: Both) -> None:
    token = both.catalogue.token(ALICE, "ROOT")
    for one in both.ask(headers=(*cookie("a=1"), *cookie(f"CF_Authorization={token}; b=2"))):
        assert one.reply.status in (200, 302), one.reply
        for seen in one.seen:
            assert "; ".join(seen.all("cookie")) == f"a=1; CF_Authorization={token}; b=2"


def test_C02_both_proxies_read_split_lines_alike(both: Both) -> None:
    token = both.catalogue.token(ALICE, "ROOT")
    lines = (*cookie(f"CF_Authorization={token}"), *cookie("a=1"), *cookie("b=2"))
    both.ask(headers=lines).ok(ALICE, "ROOT")


@pytest.mark.parametrize(
    "line",
    [
        "=CF_Authorization=evil; CF_Authorization={}",
        "a=1; bad[=x; CF_Authorization={}",
        'x="; CF_Authorization={}; y="',
        ";;; CF_Authorization={} ;;;",
        "a; b=; =; CF_Authorization={}",
        "CF_Authorization=; CF_Authorization={}",
        "\t CF_Authorization={}",
        "a=\xff\xfe; CF_Authorization={}",
    ],
)
def test_C03_malformed_neighbours_hide_no_session(both: Both, line: str) -> None:
    token = both.catalogue.token(ALICE, "ROOT")
    both.ask(headers=cookie(line.format(token))).ok(ALICE, "ROOT")


@pytest.mark.parametrize(
    "line",
    [
        "cf_authorization={}",
        "CF_AUTHORIZATION={}",
        "CF_Authorization ={}",
        "__Host-CF_Authorization={}",
        "CF_Authorization[0]={}",
        "$CF_Authorization={}",
        "=CF_Authorization={}",
        "CF_Authorization={},a=1",
        'CF_Authorization="{}"',
        "a=CF_Authorization={}",
    ],
)
def test_C04_near_names_and_values_are_no_session(both: Both, line: str) -> None:
    token = both.catalogue.token(ALICE, "ROOT")
    both.ask(headers=cookie(line.format(token))).login("ROOT")


def test_C05_cookies_of_a_redirect_to_the_login(both: Both) -> None:
    for one in both.ask():
        (given,) = one.reply.all("set-cookie")
        first, *attributes = given.split("; ")
        assert first.startswith("CF_AppSession=") and len(given) < 4096
        assert {"Path=/", "Secure", "HttpOnly"} < set(attributes)
        assert not any(one.startswith("Domain") for one in attributes)


def test_C07_a_token_is_dead_on_every_proxy_once_its_login_is_over(both: Both) -> None:
    catalogue = both.catalogue
    person = catalogue.person(f"leaver.{next(_NUMBERS)}@staff.example")
    token = catalogue.token(person.email, "ROOT")
    sent = cookie(f"CF_Authorization={token}")
    both.ask(headers=sent).ok(person.email, "ROOT")
    catalogue.store.revocations.revoke_session(person.session, real_now())
    wait_for(lambda: all(one.reply.status == 302 for one in both.ask(headers=sent)), 5)
    both.ask(headers=sent).login("ROOT")
    both.ask(headers=(("Cf-Access-Token", token),)).login("ROOT")


def test_C08_a_token_of_the_second_of_the_revocation_is_dead(both: Both) -> None:
    catalogue, email = both.catalogue, "same.second@staff.example"
    now = real_now()
    issued = int(now.timestamp())
    person = catalogue.person(email)
    catalogue.store.revocations.revoke_user(email, now)
    before = catalogue.token(email, "ROOT", iat=issued, nbf=issued)
    after = catalogue.token(email, "ROOT", iat=issued + 1, nbf=issued + 1)
    dead, live = (cookie(f"CF_Authorization={token}") for token in (before, after))
    wait_for(lambda: all(one.reply.status == 302 for one in both.ask(headers=dead)), 5)
    both.ask(headers=dead).login("ROOT")
    both.ask(headers=live).ok(person.email, "ROOT")


def test_C09_a_bound_token_needs_its_own_binding(both: Both) -> None:
    mine, theirs = "m" * 43, "t" * 43
    token = both.catalogue.token(ALICE, "BOUND", binding=sha256(mine.encode()).hexdigest())
    unbound = both.catalogue.token(ALICE, "BOUND")
    for line in (
        f"CF_Authorization={token}",
        f"CF_Authorization={token}; CF_Binding={theirs}",
        f"CF_Authorization={token}; CF_Binding={mine}; CF_Binding={theirs}",
        f"CF_Authorization={token}; CF_Binding={mine}; CF_Binding={mine}",
        f"CF_Authorization={token}; cf_binding={mine}",
        f"CF_Authorization={unbound}; CF_Binding={mine}",
        f"CF_Authorization={unbound}",
    ):
        both.ask("/", "bound.example", cookie(line)).login("BOUND")
    good = f"CF_Authorization={token}; CF_Binding={mine}"
    for seen in both.ask("/", "bound.example", cookie(good)).ok(ALICE, "BOUND"):
        assert seen.all("cookie") == (f"CF_Authorization={token}",)


def test_a_session_of_one_application_opens_no_other(both: Both) -> None:
    for app, target, host in (("ADM", "/admin", "a.example"), ("B", "/", "b.example")):
        both.ask_as(ALICE, "ROOT", target, host).login(app)
    both.ask_as(BOB, "ADM", "/").login("ROOT")
