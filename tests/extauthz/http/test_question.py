"""What a proxy states arrives unchanged, and nothing else is believed."""

import re
from urllib.parse import quote

import pytest

from extauthz.asking import Untranslatable
from extauthz.http.question import FORWARDED, OWN, to_request
from tests.extauthz.http.asking import STATED, fields
from tests.support.certificates import self_signed

_PEM = re.compile("-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----\n", re.DOTALL)


def test_facts_arrive_unchanged() -> None:
    sent = fields(("cookie", "\xff"), ("cookie", "b"), ("x-request-id", "7"), ("connection", "x"))
    request = to_request(sent, OWN)
    assert (request.method, request.scheme, request.host) == ("GET", "https", "a.example")
    assert (request.path, request.query, request.id) == ("/a", "b=c", "7")
    assert request.headers == {"cookie": ("\xff", "b"), "x-request-id": ("7",)}
    assert str(request.client_ip) == "192.0.2.7"


@pytest.mark.parametrize("name", [name for name in STATED if name != OWN.host])
def test_a_question_that_leaves_something_out_is_refused(name: str) -> None:
    with pytest.raises(Untranslatable) as error:
        to_request(fields(without=name), OWN)
    assert name in error.value.message and error.value.hint


@pytest.mark.parametrize("name", STATED)
def test_a_question_that_says_something_twice_is_refused(name: str) -> None:
    with pytest.raises(Untranslatable):
        to_request(fields((name, STATED[name])), OWN)


def test_without_a_host_it_is_empty_and_the_gates_to_refuse() -> None:
    assert to_request(fields(without=OWN.host), OWN).host == ""


@pytest.mark.parametrize("stated", ["", "nonsense", "10.0.0.1, 10.0.0.2", "unix:"])
def test_an_unknown_address_stays_unknown(stated: str) -> None:
    sent = fields((OWN.client_ip, stated), without=OWN.client_ip)
    assert to_request(sent, OWN).client_ip is None


def test_the_questions_own_host_counts_where_it_is_the_visitors() -> None:
    sent = fields(("host", "b.example"))
    assert to_request(sent, OWN).headers["host"] == ("b.example",)


def test_traefiks_own_host_is_that_of_the_check() -> None:
    forwarded = {
        FORWARDED.method: "POST",
        FORWARDED.scheme: "https",
        FORWARDED.host: "a.example",
        FORWARDED.target: "/a",
        FORWARDED.client_ip: "192.0.2.7",
        "host": "lychgate.internal:9002",
    }
    sent = [(name.encode(), value.encode()) for name, value in forwarded.items()]
    request = to_request(sent, FORWARDED)
    assert (request.host, request.method, request.headers) == ("a.example", "POST", {})


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "\xe9"])
def test_an_odd_request_id_is_replaced(given: str) -> None:
    assert to_request(fields(("x-request-id", given)), OWN).id not in ("", given)


def test_a_certificate_is_read_in_each_form_that_proxies_have() -> None:
    pem = _PEM.search(self_signed("svc").decode())
    assert pem is not None
    der = "".join(pem[1].split())
    for stated in (quote(pem[0], safe=""), der):
        read = to_request(fields((OWN.certificate, stated)), OWN).certificate
        assert read is not None and read.common_name == "svc"
    for nothing in ("", "-", "{http.request.tls.client}", "AAAA"):
        assert to_request(fields((OWN.certificate, nothing)), OWN).certificate is None
