"""Who may ask, and that whatever goes wrong is a refusal."""

from ipaddress import ip_network

import pytest

from extauthz.asking import Judge
from extauthz.http.app import Check
from extauthz.http.question import OWN
from extauthz.http.reply import VERDICT
from extauthz.http.styles import STYLES
from lychgate.core.request import Request
from lychgate.gate import Outcome
from tests.extauthz.http.asking import put
from tests.extauthz.judge import ByPath

KINDS = [path.decode() for path in STYLES]
PEERS = (ip_network("127.0.0.1"), ip_network("10.9.0.0/16"))


def a_check(judge: Judge, again: Judge | None = None, ready: bool = True) -> Check:
    """A check that listens on TCP."""
    return Check(judge, again or judge, lambda: ready, PEERS)


@pytest.mark.parametrize("kind", KINDS)
def test_f01_whatever_is_raised_becomes_a_503(kind: str) -> None:
    reply = put(a_check(_Raising()), kind)
    assert (reply.status, reply.body) == (503, b"")
    assert dict(reply.headers)["cache-control"] == "no-store"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "/check/traefik"])
def test_a_question_without_its_facts_is_a_503(kind: str) -> None:
    judge = ByPath()
    assert put(a_check(judge), kind, without=OWN.method).status == 503
    assert judge.seen == []


@pytest.mark.parametrize("peer", ["127.0.0.2", "10.8.0.1", "::1", "", "nonsense"])
@pytest.mark.parametrize("path", ["/check/envoy", "/readyz", "/x"])
def test_f13_who_is_not_listed_learns_nothing(peer: str, path: str) -> None:
    judge = ByPath()
    reply = put(a_check(judge), path, peer=peer)
    assert (reply.status, reply.body, judge.seen) == (403, b"", [])


@pytest.mark.parametrize("peer", ["127.0.0.1", "::ffff:127.0.0.1", "10.9.0.1"])
def test_who_is_listed_may_ask(peer: str) -> None:
    reply = put(a_check(ByPath()), "/check/envoy", peer=peer)
    assert dict(reply.headers)[VERDICT] == "forward"


def test_whoever_can_open_a_unix_socket_may_ask() -> None:
    judge = ByPath()
    assert put(Check(judge, judge, lambda: True), "/check/envoy", peer="").status == 200


@pytest.mark.parametrize("path", ["/", "/check", "/check/", "/check/envoy/", "/CHECK/envoy", "//"])
def test_other_paths_let_nothing_pass(path: str) -> None:
    judge = ByPath()
    assert put(a_check(judge), path).status == 404
    assert judge.seen == []


def test_health_is_that_of_the_gate() -> None:
    assert put(a_check(ByPath()), "/readyz").status == 200
    assert put(a_check(ByPath(), ready=False), "/readyz").status == 503


def test_what_the_proxy_cannot_remove_is_a_bad_request() -> None:
    assert put(a_check(_Removing()), "/check/caddy").status == 400


def test_the_second_question_goes_to_the_gate_that_counts_nothing() -> None:
    first, again = ByPath(), ByPath()
    put(a_check(first, again), "/check/nginx/answer")
    assert (len(first.seen), len(again.seen)) == (0, 1)


class _Raising:
    def check(self, request: Request, /) -> Outcome:
        raise RuntimeError("as asked")


class _Removing:
    def check(self, request: Request, /) -> Outcome:
        outcome = ByPath().check(request)
        object.__setattr__(outcome, "remove_headers", ("cf-access-groups",))
        return outcome
