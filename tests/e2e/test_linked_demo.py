"""The demo's machine, the application that calls another one, and the one that stands outside."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.catalogue import wait_for
from tests.support.demo import Demo
from tests.support.walker import Walker

ALICE = "alice@example.com"


@pytest.fixture
def person(demo: Demo) -> Iterator[Walker]:
    """Somebody who was never here."""
    walker = Walker(demo)
    yield walker
    walker.http.close()


def test_the_service_token_opens_the_api_and_nothing_else(demo: Demo) -> None:
    token = demo.info["service_token"]
    pair = {
        "cf-access-client-id": token["client_id"],
        "cf-access-client-secret": token["client_secret"],
    }
    answer = httpx.get(demo.app("api"), headers={**pair, "accept": "application/json"})
    assert answer.status_code == 200 and answer.json()["email"] is None
    assert "cf-access-client-secret" not in answer.json()["headers"]
    assert httpx.get(demo.app("whoami"), headers=pair).status_code == 403
    wrong = {**pair, "cf-access-client-secret": "wrong"}
    assert httpx.get(demo.app("api"), headers=wrong).status_code == 401
    assert token["client_secret"] in demo.output.read_text()


def test_whoami_calls_the_api_on_behalf_of_its_visitor(demo: Demo, person: Walker) -> None:
    page = person.log_in(demo.app("whoami"), ALICE)
    assert "Call the API on my behalf" in page.text
    called: Any = person.document(demo.app("whoami") + "?call=api")["api"]
    assert called["status"] == 200
    assert (called["answer"]["app"], called["answer"]["email"]) == ("api", ALICE)
    shown = person.open(demo.app("whoami") + "?call=api")
    assert "What the API said" in shown.text and "Status 200" in shown.text
    assert "api" not in person.document(demo.app("whoami"))


def test_the_saas_application_logs_in_and_calls_the_api(demo: Demo, person: Walker) -> None:
    saas = demo.app("saas")
    assert "Sign in with Lychgate" in person.open(saas).text
    page = person.log_in(saas + "login", ALICE)
    assert str(page.url) == saas and f"Hello, <bdi>{ALICE}</bdi>" in page.text
    found: Any = person.document(saas + "?call=api")
    assert found["claims"]["email"] == ALICE and found["claims"]["aud"] == "demo-saas"
    assert found["api"]["status"] == 200
    assert (found["api"]["answer"]["app"], found["api"]["answer"]["email"]) == ("api", ALICE)
    assert "authorization" not in found["api"]["answer"]["headers"]
    assert "What the API said" in person.open(saas + "?call=api").text


def test_who_logged_in_at_the_gate_is_let_into_the_saas_application_at_once(
    demo: Demo, person: Walker
) -> None:
    person.log_in(demo.app("whoami"), ALICE)
    assert ALICE in person.open(demo.app("saas") + "login").text


def test_logging_out_at_the_gate_ends_what_the_saas_application_may_do(
    demo: Demo, person: Walker
) -> None:
    person.log_in(demo.app("saas") + "login", "bob@example.com")

    def status() -> int:
        called: Any = person.document(demo.app("saas") + "?call=api")["api"]
        return int(called["status"])

    assert status() == 200
    person.open(demo.team + "/cdn-cgi/access/logout")
    wait_for(lambda: status() in (302, 401), seconds=2)


def test_who_may_not_enter_is_refused_by_the_gate(demo: Demo, person: Walker) -> None:
    before = demo.mails()
    page = person.open(demo.app("saas") + "login")
    assert page.status_code == 200 and page.url.host == "127.0.0.1"
    assert demo.mails() == before
    broken = person.http.get(demo.app("saas") + "callback?code=x&state=y")
    assert broken.status_code == 400 and "did not work" in broken.text
