"""Every answer to Envoy is complete, and every fact of a check arrives unchanged."""

import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from hypothesis import given
from hypothesis import strategies as st

from extauthz.asking import Untranslatable
from extauthz.service import AuthorizationService
from extauthz.translate import plain_refusal, to_request, to_response
from lychgate.answer import Answer
from lychgate.core.decision import Because, Reason
from lychgate.core.request import Request
from lychgate.gate import Forward, Outcome, ToCompanion

BECAUSE = Because(Reason.ALLOWED)
PSEUDO = (
    (":method", "GET"),
    (":path", "/a?b=c"),
    (":authority", "a.example"),
    (":scheme", "https"),
)


def a_check(*headers: tuple[str, str]) -> CheckRequest:
    """A CheckRequest as Envoy sends it with `encode_raw_headers`."""
    check = CheckRequest()
    for name, value in headers or PSEUDO:
        header = check.attributes.request.http.header_map.headers.add()
        header.key, header.raw_value = name, value.encode("latin-1")
    return check


def a_request(**headers: str) -> Request:
    """A request with these headers."""
    values = {name: (value,) for name, value in headers.items()}
    return Request("id", "GET", "https", "a.example", "/a", "b=c", values, None)


def values(response: CheckResponse) -> dict[str, str]:
    """The headers that a forwarded request gets."""
    return {option.header.key: option.header.value for option in response.ok_response.headers}


def complete(response: CheckResponse) -> bool:
    """Whether Envoy finds a refusal with a status, or an explicit yes."""
    code: int = response.status.code
    status: int = response.denied_response.status.code
    match response.WhichOneof("http_response"):
        case "denied_response":
            return code != 0 and 200 <= status <= 599
        case "ok_response":
            return code == 0
        case _:
            return False


@given(st.integers(-1, 1200), st.binary(max_size=9), st.text(max_size=9))
def test_f04_no_answer_is_half_built(status: int, body: bytes, value: str) -> None:
    answer = Answer(BECAUSE, status, (("x-any", value),), body)
    response = AuthorizationService(_Always(answer)).Check(a_check(), _Context())
    assert response.WhichOneof("http_response") == "denied_response"
    assert complete(response)


@pytest.mark.parametrize(
    "outcome", [Forward(BECAUSE, "/a?b=c", (), ()), ToCompanion(BECAUSE, (), ())], ids=type
)
def test_f04_other_outcomes_are_complete(outcome: Outcome) -> None:
    assert complete(to_response(outcome, a_request()))


def test_f01_whatever_is_raised_becomes_a_503() -> None:
    response = AuthorizationService(_Raising()).Check(a_check(), _Context())
    assert complete(response)
    assert response.denied_response.status.code == 503


@pytest.mark.parametrize("missing", range(4))
def test_a_check_without_its_facts_is_refused(missing: int) -> None:
    headers = (*PSEUDO[:missing], *PSEUDO[missing + 1 :])
    with pytest.raises(Untranslatable):
        to_request(a_check(*headers), None)


def test_joined_headers_are_refused() -> None:
    check = a_check()
    check.attributes.request.http.headers["cookie"] = "a=1,b=2"
    with pytest.raises(Untranslatable) as error:
        to_request(check, None)
    assert "encode_raw_headers" in error.value.hint


def test_facts_arrive_unchanged() -> None:
    request = to_request(
        a_check(*PSEUDO, ("x-request-id", "7"), ("cookie", "\xff"), ("cookie", "b")),
        "::ffff:10.0.0.1",
    )
    assert (request.method, request.scheme, request.host) == ("GET", "https", "a.example")
    assert (request.path, request.query, request.id) == ("/a", "b=c", "7")
    assert request.headers == {"x-request-id": ("7",), "cookie": ("\xff", "b")}
    assert str(request.client_ip) == "10.0.0.1"


@pytest.mark.parametrize("stated", [None, "", "nonsense", "10.0.0.1, 10.0.0.2"])
def test_an_unknown_address_stays_unknown(stated: str | None) -> None:
    assert to_request(a_check(), stated).client_ip is None


def test_an_unreadable_certificate_is_none() -> None:
    check = a_check()
    check.attributes.source.certificate = "nonsense"
    assert to_request(check, None).certificate is None


def test_unchanged_headers_are_not_sent_back() -> None:
    same = Forward(BECAUSE, "/a?b=c", (("cookie", "a=1"), ("x-new", "")), ("x-gone", "x-absent"))
    response = to_response(same, a_request(**{"cookie": "a=1", "x-gone": "1"}))
    assert values(response) == {"x-new": ""}
    assert response.ok_response.headers[0].keep_empty_value
    assert list(response.ok_response.headers_to_remove) == ["x-gone"]


def test_another_spelling_of_the_target_is_sent() -> None:
    response = to_response(Forward(BECAUSE, "/A", (), ()), a_request())
    assert values(response) == {":path": "/A"}


@pytest.mark.parametrize(
    ("sent", "arrives"), [("caf\xc3\xa9", "café"), ("a=\xff", "a=\ufffd")], ids=["utf-8", "other"]
)
def test_bytes_of_header_values(sent: str, arrives: str) -> None:
    """Envoy takes text only: UTF-8 arrives byte for byte, other bytes are replaced."""
    response = to_response(Forward(BECAUSE, "/a?b=c", (("cookie", sent),), ()), a_request())
    assert values(response) == {"cookie": arrives}


@pytest.mark.parametrize("value", ["a\r\nx-admin: 1", "a\x00", "a\n"])
def test_f12_a_control_character_is_refused(value: str) -> None:
    with pytest.raises(Untranslatable):
        to_response(Forward(BECAUSE, "/", (("x-any", value),), ()), a_request())


def test_cookies_are_added_and_other_headers_replace() -> None:
    headers = (("set-cookie", "a=1"), ("set-cookie", "b=2"), ("location", "/"))
    response = to_response(Answer(BECAUSE, 302, headers, b""), a_request())
    actions = [option.append_action for option in response.denied_response.headers]
    assert actions == [0, 0, 2]


@pytest.mark.parametrize("status", [204, 304])
def test_no_body_where_none_may_be(status: int) -> None:
    response = to_response(Answer(BECAUSE, status, (), b"text"), a_request())
    assert response.denied_response.body == ""


def test_the_plain_refusal_may_not_be_stored() -> None:
    options = plain_refusal(503).denied_response.headers
    assert ("cache-control", "no-store") in [(o.header.key, o.header.value) for o in options]


class _Context:
    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()


class _Always:
    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def check(self, request: Request, /) -> Outcome:
        return self._outcome


class _Raising:
    def check(self, request: Request, /) -> Outcome:
        raise RuntimeError("as asked")
