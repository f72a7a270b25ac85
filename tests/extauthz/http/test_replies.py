"""What each kind of proxy is told: complete when a request may pass, and never a yes else."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extauthz.asking import Untranslatable
from extauthz.http.passing import LISTED, REMOVE, TARGET
from extauthz.http.reply import VERDICT, Reply, plain
from extauthz.http.styles import STYLES, Style
from lychgate.answer import Answer
from lychgate.core.decision import HeaderList
from lychgate.core.urls import ASSERTION, METADATA, USER_EMAIL
from lychgate.gate import Forward, ToCompanion
from tests.extauthz.http.asking import BECAUSE, STATED, a_request

YES: Mapping[str, set[int]] = {
    "envoy": {200},
    "nginx": set(range(200, 300)),
    "nginx/answer": set(),
    "traefik": set(range(200, 300)),
    "caddy": set(),  # both look at the verdict
    "haproxy": set(),
}
"""The statuses that each kind of proxy takes for a yes, whatever else a reply says."""
BY_LIST = ["nginx", "caddy", "traefik"]
BY_EDITS = ["envoy", "haproxy"]


def style(name: str) -> Style:
    """The style of one kind of proxy."""
    return STYLES[f"/check/{name}".encode()]


def forward(
    told: HeaderList = (), gone: tuple[str, ...] = (), path: str = "/a?b=c", **more: object
) -> Forward:
    """A request that may pass."""
    return Forward(BECAUSE, path, told, gone, **more)  # type: ignore[arg-type]


def passed(name: str, outcome: Forward, **headers: str) -> dict[str, str]:
    """The headers of the reply that lets a request with these headers pass."""
    reply = style(name).reply(outcome, a_request(**headers))
    assert reply.status == 200
    assert dict(reply.headers)[VERDICT] == "forward"
    return dict(reply.headers)


def test_every_kind_is_here() -> None:
    assert {path.decode() for path in STYLES} == {f"/check/{name}" for name in YES}


@pytest.mark.parametrize("name", YES)
@given(st.integers(200, 599), st.binary(max_size=9))
def test_f04_no_answer_of_the_gate_is_a_yes(name: str, status: int, body: bytes) -> None:
    reply = style(name).reply(Answer(BECAUSE, status, (("x", "y"),), body), a_request())
    assert reply.status not in YES[name]
    assert dict(reply.headers).get(VERDICT) != "forward"


@pytest.mark.parametrize("name", YES)
def test_f04_what_belongs_to_the_companion_is_no_yes(name: str) -> None:
    reply = style(name).reply(ToCompanion(BECAUSE, (), ()), a_request())
    assert reply.status == (403 if name == "nginx" else 404)


@pytest.mark.parametrize("name", YES)
@pytest.mark.parametrize("status", [0, 42, 101, 600])
def test_f04_a_status_that_is_none_is_refused(name: str, status: int) -> None:
    with pytest.raises(Untranslatable):
        style(name).reply(Answer(BECAUSE, status, (), b""), a_request())


def test_f04_a_second_question_of_nginx_never_lets_pass() -> None:
    reply = style("nginx/answer").reply(forward(), a_request())
    assert reply.status == 503 and VERDICT not in dict(reply.headers)


@pytest.mark.parametrize("value", ["a\r\nx-admin: 1", "a\x00", "a\n"])
def test_f12_a_control_character_is_refused(value: str) -> None:
    with pytest.raises(Untranslatable):
        Reply(200, ((ASSERTION, value),)).fields()


@pytest.mark.parametrize("name", ["envoy", "haproxy", "caddy", "nginx/answer"])
def test_an_answer_arrives_whole(name: str) -> None:
    headers = (("location", "/x"), ("set-cookie", "a=1"), ("set-cookie", "b=2"))
    reply = style(name).reply(Answer(BECAUSE, 302, headers, b"page"), a_request())
    marked = ((VERDICT, "answer"),) if name == "haproxy" else ()
    assert reply == Reply(302, (*headers, *marked), b"page")


@pytest.mark.parametrize("name", BY_EDITS)
def test_edits_are_what_changes(name: str) -> None:
    outcome = forward(((ASSERTION, "t"), ("cookie", "a=1")), ("authorization", "x-token"))
    told = passed(name, outcome, cookie="a=1", authorization="x")
    assert told[ASSERTION] == "t"
    assert "cookie" not in told and TARGET not in told
    assert set(told[REMOVE].split(",")) == {
        *STATED,
        "x-lychgate-client-cert",
        "authorization",
        "x-token",
    }


@pytest.mark.parametrize("name", BY_EDITS)
def test_a_visitors_own_target_header_is_never_taken_for_ours(name: str) -> None:
    """Envoy reads it from the request, after it removed what we said."""
    kept, changed = passed(name, forward()), passed(name, forward(path="/A"))
    assert TARGET in kept[REMOVE].split(",") and TARGET not in kept
    assert TARGET not in changed[REMOVE].split(",") and changed[TARGET] == "/A"


@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_a_list_is_always_whole(name: str) -> None:
    told = passed(name, forward())
    assert {header: told[header] for header in LISTED} == dict.fromkeys(LISTED, "")
    assert told[TARGET] == "/a?b=c"
    told = passed(name, forward(((ASSERTION, "t"),)), authorization="theirs", cookie="a=1")
    assert (told[ASSERTION], told["authorization"], told["cookie"]) == ("t", "theirs", "")


def test_traefik_is_told_no_empty_header() -> None:
    told = passed("traefik", forward(((USER_EMAIL, "a@b.c"),)))
    assert "" not in told.values() and told[USER_EMAIL] == "a@b.c"
    assert ASSERTION not in told


@pytest.mark.parametrize("name", BY_LIST)
def test_our_bearer_is_not_sent_on(name: str) -> None:
    told = passed(name, forward((), ("authorization",)), authorization="Bearer oauth:x")
    assert not told.get("authorization")


@pytest.mark.parametrize("name", BY_LIST)
@pytest.mark.parametrize("header", ["cf-access-groups", "x-token"])
def test_a_header_that_the_proxy_cannot_remove_stops_the_request(name: str, header: str) -> None:
    reply = style(name).reply(forward((), (header,)), a_request())
    assert (reply.status, reply.headers) == (status_of(name), plain(400).headers)


def status_of(name: str) -> int:
    """What stands for a bad request."""
    return 403 if name == "nginx" else 400


@pytest.mark.parametrize("name", BY_LIST)
def test_a_repeated_authorization_stops_the_request(name: str) -> None:
    request = a_request()
    object.__setattr__(request, "headers", {"authorization": ("a", "b")})
    assert style(name).reply(forward(), request).status == status_of(name)


def test_the_second_question_of_nginx_gets_the_bad_request() -> None:
    outcome = forward((), ("cf-access-groups",))
    assert style("nginx/answer").reply(outcome, a_request()).status == 400


@pytest.mark.parametrize("name", ["caddy", "traefik"])
def test_another_spelling_is_asked_for_where_the_proxy_cannot_change_it(name: str) -> None:
    reply = style(name).reply(forward(((ASSERTION, "t"),), path="/A?b=c"), a_request())
    assert reply.status == 308
    assert dict(reply.headers) == {"location": "/A?b=c", "cache-control": "no-store"}


def test_nginx_sends_the_spelling_that_was_judged() -> None:
    assert passed("nginx", forward(path="/A?b=c"))[TARGET] == "/A?b=c"


@pytest.mark.parametrize("name", [*BY_LIST, *BY_EDITS])
def test_the_visitor_gets_what_the_decision_adds(name: str) -> None:
    told = passed(name, forward(response_cookies=("a=1",), response_headers=((METADATA, "m"),)))
    assert (told["set-cookie"], told[METADATA]) == ("a=1", "m")


@pytest.mark.parametrize("name", [*BY_LIST, *BY_EDITS])
def test_what_no_configuration_passes_on_stops_the_request(name: str) -> None:
    for outcome in (forward((("x-new", "1"),)), forward(response_headers=(("x-new", "1"),))):
        with pytest.raises(Untranslatable):
            style(name).reply(outcome, a_request())


@pytest.mark.parametrize("name", BY_LIST)
def test_a_second_cookie_stops_the_request_where_one_is_passed_on(name: str) -> None:
    with pytest.raises(Untranslatable):
        style(name).reply(forward(response_cookies=("a=1", "b=2")), a_request())
