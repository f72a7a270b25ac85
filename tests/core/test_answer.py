"""The answers the gate gives itself: pages for people, small bodies for programs, no grounds."""

import json
from dataclasses import replace
from typing import Any

import pytest

from lychgate.answer import page_answer
from lychgate.core.decision import Because, Challenge, Deny, HeaderList, Reason
from lychgate.core.identity import Principal, Service, User
from lychgate.core.model import AppId, DenySettings, Organization, PolicyId
from lychgate.core.snapshot import Snapshot
from tests.support.builders import a_request, a_snapshot, an_app

APP = an_app("app", deny=DenySettings(message="ask <Ada>"))
SNAPSHOT = a_snapshot(APP)
ALICE = User("sub", "alice@staff.example", "nonce", PolicyId("staff"))
PROGRAM = {"accept": "application/json"}


def answered(
    status: int,
    *,
    snapshot: Snapshot | None = SNAPSHOT,
    principal: Principal | None = None,
    headers: HeaderList = (),
    app: str | None = "app",
    **more: Any,
) -> tuple[int, dict[str, str], str]:
    because = Because(Reason.BLOCKED, AppId(app) if app else None, detail="secret grounds")
    if principal is not None:
        because = replace(because, principal=principal)
    decision = Challenge(because, headers) if status == 401 else Deny(because, status, headers)
    answer = page_answer(decision, a_request("https://app.example/x?y", **more), snapshot)
    return answer.status, dict(answer.headers), answer.body.decode()


@pytest.mark.parametrize("status", [400, 401, 403, 405, 503])
@pytest.mark.parametrize("snapshot", [SNAPSHOT, None])
def test_people_get_a_page_and_programs_a_small_body(
    status: int, snapshot: Snapshot | None
) -> None:
    got, headers, page = answered(status, snapshot=snapshot)
    assert got == status
    assert headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "request-1" in page
    got, headers, body = answered(status, snapshot=snapshot, headers=(), method="POST")
    assert got == status
    for text in (page, body):
        assert "secret grounds" not in text and "blocked" not in text


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "bad_request"),
        (401, "unauthorized"),
        (403, "forbidden"),
        (405, "method_not_allowed"),
        (503, "unavailable"),
    ],
)
def test_a_program_gets_json_that_names_the_application(status: int, code: str) -> None:
    because = Because(Reason.BLOCKED, APP.id)
    decision = Challenge(because) if status == 401 else Deny(because, status)
    answer = page_answer(decision, a_request(headers=PROGRAM), SNAPSHOT)
    headers = dict(answer.headers)
    assert "json" in headers["content-type"]
    assert "no-store" in headers["cache-control"]
    body = json.loads(answer.body)
    assert code in body.values()
    assert APP.audience in body.values()
    assert "request-1" in body.values()


def test_some_answers_say_what_to_do_next() -> None:
    assert "GET" in answered(405)[1]["allow"]
    assert answered(503)[1]["retry-after"] == "5"


def test_headers_of_the_decision_stand() -> None:
    _, headers, _ = answered(403, headers=(("cf-access-error", "x"), ("cache-control", "private")))
    assert headers["cf-access-error"] == "x"
    assert headers["cache-control"] == "private"


def test_refused_people_see_who_they_are_and_what_the_administrator_wrote() -> None:
    _, _, page = answered(403, principal=ALICE)
    assert "alice@staff.example" in page
    assert "ask &lt;Ada&gt;" in page and "<Ada>" not in page
    assert "https://team.example/cdn-cgi/access/logout?returnTo=" in page
    assert "alice@staff.example" not in answered(403, principal=Service("id", "machine"))[2]
    assert "ask &lt;Ada&gt;" in answered(403)[2]


@pytest.mark.parametrize(
    ("deny", "organization", "principal", "html"),
    [
        (DenySettings(identity_page="<p>own"), Organization(), ALICE, "<p>own"),
        (DenySettings(), Organization(identity_denied_page="<p>all"), ALICE, "<p>all"),
        (
            DenySettings(identity_page="<p>own"),
            Organization(identity_denied_page="<p>all"),
            ALICE,
            "<p>own",
        ),
        (DenySettings(forbidden_page="<p>who"), Organization(), None, "<p>who"),
        (DenySettings(), Organization(forbidden_page="<p>everybody"), None, "<p>everybody"),
    ],
)
def test_custom_pages_of_the_application_come_first(
    deny: DenySettings, organization: Organization, principal: Principal | None, html: str
) -> None:
    snapshot = a_snapshot(an_app("app", deny=deny), organization=organization)
    assert answered(403, snapshot=snapshot, principal=principal)[2] == html
    assert answered(400, snapshot=snapshot, principal=principal)[2] != html


def test_an_organisations_page_needs_no_application() -> None:
    snapshot = a_snapshot(organization=Organization(forbidden_page="<p>all"))
    assert answered(403, snapshot=snapshot, app=None)[2] == "<p>all"
    snapshot = a_snapshot(organization=Organization(identity_denied_page="<p>you"))
    assert answered(403, snapshot=snapshot, app=None, principal=ALICE)[2] == "<p>you"


def test_a_refused_person_without_a_configuration_still_gets_a_page() -> None:
    assert "alice@staff.example" in answered(403, snapshot=None, principal=ALICE)[2]
