"""Whatever happens to the check, nothing passes without its yes; and what each proxy must do."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lychgate.core.urls import ASSERTION, OWNED_HEADERS, RESERVED_COOKIES
from tests.extauthz.conftest import HOST, TEAM
from tests.httpcheck.stand import PROXIES, Stand, standing
from tests.httpcheck.test_own_ways import WEBSOCKET
from tests.support.both import forged
from tests.support.envoy import free_port
from tests.support.front import Log, Origin, Pairs


@pytest.fixture(scope="module", params=PROXIES)
def started(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Stand]:
    """Started once for each proxy."""
    with standing(request.param, tmp_path_factory.mktemp(request.param)) as stand:
        yield stand


@pytest.fixture
def stand(started: Stand) -> Stand:
    """With empty logs."""
    started.log.clear()
    started.judge.seen.clear()
    return started


@pytest.mark.parametrize("headers", [(), WEBSOCKET], ids=["plain", "websocket"])
def test_f01_a_raising_gate_is_unavailable(stand: Stand, headers: Pairs) -> None:
    assert stand.ask("/raise", ((ASSERTION, "forged"), *headers)).status == 503
    assert stand.log.read() == ()


def test_f12_a_value_that_would_end_its_line_stops_the_request(stand: Stand) -> None:
    assert stand.ask("/break").status == 503
    assert stand.log.read() == ()


def test_a_busy_gate_is_waited_for(stand: Stand) -> None:
    assert stand.ask("/pause").status == 200
    assert [request.path for request in stand.judge.seen] == ["/pause"]


def test_an_allowed_request_reaches_the_origin_with_one_assertion(stand: Stand) -> None:
    sent = forged() * 2
    assert stand.ask("/x", (*sent, ("X-Other", "kept"))).status == 200
    (seen,) = stand.log.read()
    assert seen.all(ASSERTION) == ("for alice",)
    assert [name for name, _ in seen.headers if name.lower() in OWNED_HEADERS] != []
    assert {name.lower() for name, _ in seen.headers} & OWNED_HEADERS == {ASSERTION}
    assert "forged" not in str(seen.headers)
    assert seen.all("x-other") == ("kept",)


def test_h08_an_origin_sets_no_cookie_of_ours(stand: Stand) -> None:
    reply = stand.ask("/cookies")
    given = reply.all("set-cookie")
    assert "CF_Authorization=ours; Path=/" in given and "plain=1; HttpOnly" in given
    if stand.name != "nginx":  # which its guide says
        names = {one.strip(" =").partition("=")[0].strip() for one in given}
        assert names & RESERVED_COOKIES == {"CF_Authorization"}
        assert not any("evil" in one for one in given)


def test_an_origin_says_nothing_in_our_name(stand: Stand) -> None:
    assert stand.ask("/metadata").all("cf-access-metadata") == ("ours",)


def test_an_origin_sends_no_request_elsewhere(stand: Stand) -> None:
    stand.ask("/accel")
    assert [seen.origin for seen in stand.log.read()] == ["origin"]


@pytest.mark.parametrize(("target", "host"), [("/cdn-cgi/access/x", HOST), ("/x", TEAM)])
def test_f07_the_companion_hears_from_the_proxy_alone(stand: Stand, target: str, host: str) -> None:
    assert stand.ask(target, forged() * 2, host=host).status == 200
    (seen,) = stand.log.read()
    assert seen.origin == "companion" and stand.judge.seen == []
    assert seen.all("x-lychgate-client-ip") == ("127.0.0.1",)
    assert "forged" not in str(seen.headers)


@pytest.mark.parametrize("target", ["/cdn-cgi/access/-check", "/check/nginx", "/check/haproxy"])
def test_f13_the_check_is_not_asked_from_outside(stand: Stand, target: str) -> None:
    reply = stand.ask(target, forged())
    assert "x-lychgate-verdict" not in {name.lower() for name, _ in reply.headers}
    assert all(request.path == target for request in stand.judge.seen)


def test_f05_a_slow_gate_is_unavailable(stand: Stand) -> None:
    start = time.monotonic()
    assert stand.ask("/slow").status == 503
    assert 1.8 < time.monotonic() - start < 3
    assert stand.log.read() == ()


@pytest.mark.parametrize("name", PROXIES)
def test_f05_without_a_check_nothing_passes(name: str, tmp_path: Path) -> None:
    with standing(name, tmp_path, other=f"127.0.0.1:{free_port()}") as stand:
        for target, headers in (("/", ()), ("/x", WEBSOCKET), ("/login", ())):
            assert stand.ask(target, headers).status == 503
        assert stand.ask("/cdn-cgi/access/x").status == 200
        assert [seen.origin for seen in stand.log.read()] == ["companion"]


@pytest.mark.parametrize("name", PROXIES)
def test_f05_a_yes_of_somebody_else_lets_nothing_pass(name: str, tmp_path: Path) -> None:
    """Some other server answers with 200 where the check should be."""
    with (
        Origin("stranger", Log()) as stranger,
        standing(name, tmp_path, other=stranger.address) as stand,
    ):
        reply = stand.ask("/x", ((ASSERTION, "forged"),))
        assert reply.status >= 500 or name == "caddy"  # the visitor gets what the stranger said
        assert stand.log.read() == ()


@pytest.mark.parametrize(
    ("target", "words", "other"),
    [
        ("/x", "txn.f:method()", "txn.f:no_such_method()"),
        ("/x", "txn.http:req_set_header(name, value)", "error()"),
        ("/login", "txn:done(reply)", "error()"),
    ],
    ids=["asking", "passing", "answering"],
)
def test_f01_haproxy_lets_nothing_pass_when_its_script_fails(
    target: str, words: str, other: str, tmp_path: Path
) -> None:
    with standing("haproxy", tmp_path, spoilt={words: other}) as stand:
        assert stand.ask(target).status == 503
        assert stand.log.read() == ()
