"""Rows H01 to H09 through both proxies: what origins are told, and what never reaches them."""

import pytest

from lychgate.core.urls import ASSERTION
from tests.support.both import Both, claims_of
from tests.support.catalogue import ALICE, FREE, ST1_ID, ST1_SECRET, TEAM
from tests.support.front import Pairs

FORGED: Pairs = (
    ("Cf-Access-Authenticated-User-Email", "root@staff.example"),
    ("Cf-Access-Authenticated-User-Id", "0"),
    ("Cf-Access-User", "root"),
    ("Cf-Access-Jwt-Assertion", "forged"),
    ("CF-ACCESS-JWT-ASSERTION", "forged"),
    ("Cf-Access-Groups", "admins"),
    ("X-Lychgate-Client-Ip", "10.9.0.1"),
    ("X-Lychgate-Client-Cert", "forged"),
)
MACHINE: Pairs = (("Cf-Access-Client-Id", ST1_ID), ("Cf-Access-Client-Secret", ST1_SECRET))


def test_H01_forged_identity_never_arrives_with_a_real_one(both: Both) -> None:
    both.ask_as(ALICE, "ROOT", headers=FORGED).ok(ALICE, "ROOT")


def test_H02_forged_identity_never_arrives_where_none_is_added(both: Both) -> None:
    both.ask("/public/x", headers=FORGED).passed()
    both.ask("/x", FREE, FORGED).passed()
    for seen in both.ask("/", "b.example", (*MACHINE, *FORGED)).ok(ST1_ID, "B"):
        assert not seen.all("cf-access-authenticated-user-email")


@pytest.mark.parametrize(
    "name",
    ["Cf_Access_Jwt_Assertion", "cf-access_authenticated-user-email", "X_LYCHGATE_CLIENT_IP"],
)
def test_H03_an_underscore_in_a_name_is_bad(both: Both, name: str) -> None:
    both.ask("/public/x", headers=((name, "forged"),)).bad()
    both.ask_as(ALICE, "ROOT", headers=((name, "forged"),)).bad()


@pytest.mark.parametrize("name", [ASSERTION, "cf-access-authenticated-user-email", "Cookie"])
def test_H04_connection_removes_nothing_of_ours(both: Both, name: str) -> None:
    answers = both.ask_as(ALICE, "ROOT", headers=(("Connection", f"close, {name}, x-mine"),))
    for one in answers:
        # Who asks for the removal of their own cookie is nobody.
        assert one.reply.status in (200, 400) or (name == "Cookie" and one.refused()), one
        for seen in one.seen:
            assert claims_of(seen.all(ASSERTION)[0])["email"] == ALICE
            assert name.lower() not in ",".join(seen.all("connection")).lower()


def test_H04_nor_does_that_of_a_websocket(both: Both) -> None:
    """Envoy needs the header until it has seen the upgrade."""
    named = ("Connection", f"Upgrade, {ASSERTION}, X-Mine")
    handshake: Pairs = (
        *(named, ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    )
    for one in both.ask_as(ALICE, "ROOT", "/socket", headers=handshake):
        assert one.reply.status in (101, 400), one
        for seen in one.seen:
            assert claims_of(seen.all(ASSERTION)[0])["email"] == ALICE
            assert [line.lower() for line in seen.all("connection")] == ["upgrade"]


def test_H05_our_credentials_never_reach_an_origin(both: Both) -> None:
    token = both.catalogue.token(ALICE, "ROOT")
    sent: Pairs = (
        ("Cf-Access-Token", token),
        ("Cookie", "a=1; CF_Binding=x; CF_AppSession=y; CF_Session=z; b=2; CF_Device=d"),
    )
    for seen in both.ask(headers=sent).ok(ALICE, "ROOT"):
        (cookie,) = seen.all("cookie")
        assert "a=1" in cookie and "b=2" in cookie
        assert not any(name in cookie for name in ("CF_Binding", "CF_AppSession", "CF_Session"))
    for seen in both.ask("/", "b.example", MACHINE).ok(ST1_ID, "B"):
        assert ST1_SECRET not in str(seen.headers)


def test_H05_a_bearer_of_ours_never_reaches_an_origin(both: Both) -> None:
    ours, theirs = ("Authorization", "Bearer oauth:x.y"), ("Authorization", "Bearer theirs")
    for one in both.ask("/public/x", headers=(ours,)):
        assert not any(seen.all("authorization") for seen in one.seen)
    for seen in both.ask_as(ALICE, "ROOT", headers=(theirs,)).ok(ALICE, "ROOT"):
        assert seen.all("authorization") == ("Bearer theirs",)


def test_H05_other_applications_tokens_never_reach_an_origin(both: Both) -> None:
    other, own = both.catalogue.token(ALICE, "B"), both.catalogue.token(ALICE, "ROOT")
    line = f"CF_Authorization={other}; x=1; CF_Authorization={own}; y=2"
    for seen in both.ask(headers=(("Cookie", line),)).ok(ALICE, "ROOT"):
        assert seen.all("cookie") == (f"x=1; CF_Authorization={own}; y=2",)


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip"]
)
def test_H06_an_address_in_a_header_is_nobodys(both: Both, name: str) -> None:
    value = "for=10.9.0.1" if name == "Forwarded" else "10.9.0.1"
    both.ask("/", "address.example", ((name, value),)).login("ADDRESS")


def test_H07_a_certificate_in_a_header_is_nobodys(both: Both) -> None:
    sent: Pairs = (
        ("X-Forwarded-Client-Cert", 'By=x;Hash=0;Subject="CN=svc"'),
        ("X-Client-Cert", "CN=svc"),
        ("X-Ssl-Client-S-Dn", "CN=svc"),
        ("X-Lychgate-Client-Cert", "CN=svc"),
    )
    both.ask("/", "named.example", sent).denied(403)


def test_H09_answers_about_one_visitor_are_not_stored(both: Both) -> None:
    both.ask().login("ROOT")  # looks at cache-control too
    session = both.session(ALICE, "ROOT")
    own = ["/cdn-cgi/access/get-identity", "/cdn-cgi/access/authorized", "/cdn-cgi/access/logout"]
    for target in own:
        for one in both.ask(target, headers=(session,) if "identity" in target else ()):
            assert one.reply.header("cache-control") == "no-store", (target, one.reply)
    for one in both.ask("/cdn-cgi/access/certs", TEAM):
        control = one.reply.header("cache-control") or ""
        assert "public" in control and "max-age=" in control
        assert int(control.partition("max-age=")[2].partition(",")[0]) <= 600
