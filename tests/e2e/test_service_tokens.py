"""The life of a service token, and strict and non-strict mode, through both real proxies."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from lychgate.cli.app import app
from lychgate.core.urls import ASSERTION, AUTH_COOKIE
from lychgate.store.base import AuditEvent, AuditFilter, Kind
from tests.support.both import Answers, Both, claims_of
from tests.support.catalogue import ALICE, Catalogue, running_catalogue
from tests.support.front import Pairs

CI = {"service_token": {"token_id": "ci"}}
OPEN_INSIDE = {"name": "local", "decision": "bypass", "include": [{"ip": {"ip": "127.0.0.1"}}]}
BY_CI = {"name": "ci", "decision": "non_identity", "include": [CI]}
STAFF = {"name": "staff", "decision": "allow", "include": [{"group": {"id": "staff"}}]}
BOTH_KINDS, ONLY_MACHINES, ONLY_PEOPLE = "b.example", "named.example", "machine.example"
UNAUTHORIZED, BYPASSED, ANY = "bound.example", "address.example", "preflight.example"


def application(host: str, *policies: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": host, "type": "self_hosted", "domain": host, "policies": [*policies], **more}


APPLICATIONS = [
    application(BOTH_KINDS, STAFF, BY_CI),
    application(ONLY_MACHINES, {**BY_CI, "name": "ci only"}),
    application(ONLY_PEOPLE, STAFF, {"name": "as a person", "decision": "allow", "include": [CI]}),
    application(UNAUTHORIZED, {**BY_CI, "name": "ci 401"}, service_auth_401_redirect=True),
    application(BYPASSED, OPEN_INSIDE),
    application(
        ANY,
        {"name": "any", "decision": "non_identity", "include": [{"any_valid_service_token": {}}]},
    ),
]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    with running_catalogue(tmp_path_factory.mktemp("machines")) as running:

        def change(resources: dict[str, Any]) -> None:
            kept = [one for one in resources["applications"] if one["name"] == "PUB"]
            resources["applications"] = [*kept, *APPLICATIONS]
            resources["service_tokens"] = [{"name": "ci"}, {"name": "other"}]

        running.configure(change)
        yield running
        assert "Traceback" not in running.output()


@pytest.fixture
def both(installation: Catalogue) -> Both:
    return Both(installation)


def command(installation: Catalogue, *words: str) -> str:
    arguments = ["service-token", *words, "--config", str(installation.file)]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def secret_of(installation: Catalogue, *words: str) -> Pairs:
    """The two headers of a new secret."""
    issued = json.loads(command(installation, "rotate", *words, "--json"))
    return pair(issued["client_id"], issued["client_secret"])


def pair(client_id: str, secret: str) -> Pairs:
    return (("CF-Access-Client-Id", client_id), ("CF-Access-Client-Secret", secret))


@pytest.fixture(scope="module")
def good(installation: Catalogue) -> Pairs:
    return secret_of(installation, "ci")


@pytest.fixture(scope="module")
def other(installation: Catalogue) -> Pairs:
    return secret_of(installation, "other")


def settled(both: Both, headers: Pairs, status: int, host: str = BOTH_KINDS) -> Answers:
    """What the proxies come to say within a second or two."""
    deadline = time.monotonic() + 5
    while True:
        answers = both.ask("/", host, headers)
        if {one.reply.status for one in answers} == {status}:
            return answers
        assert time.monotonic() < deadline, (status, [one.reply for one in answers])
        time.sleep(0.05)


def mode(installation: Catalogue, strict: bool) -> None:
    installation.configure(lambda r: r["organization"].update(strict_service_token_auth=strict))


@pytest.fixture
def strict(installation: Catalogue) -> None:
    mode(installation, True)


@pytest.fixture
def lenient(installation: Catalogue) -> Iterator[None]:
    mode(installation, False)
    yield
    mode(installation, True)


def admitted(answers: Answers, client_id: str) -> None:
    """Forwarded with an assertion for the machine, and nobody else."""
    for one in answers:
        assert one.reply.status == 200, one.reply
        (seen,) = one.seen
        claims = claims_of(*seen.all(ASSERTION))
        assert (claims["common_name"], claims["sub"]) == (client_id, "")
        assert "email" not in claims and claims["type"] == "app"
        assert not seen.all("cf-access-client-secret") and not seen.all("cf-access-client-id")


def cookies(answers: Answers) -> list[list[str]]:
    return [
        [line.partition(";")[0] for line in one.reply.all("set-cookie") if AUTH_COOKIE in line]
        for one in answers
    ]


BAD = [
    pytest.param(lambda good: pair("0" * 32 + ".access", good[1][1]), id="unknown"),
    pytest.param(lambda good: pair(good[0][1], "cfast_" + "x" * 48), id="wrong secret"),
    pytest.param(lambda good: pair(good[0][1], "5e" * 32), id="wrong secret of the old form"),
    pytest.param(lambda good: good[:1], id="half"),
    pytest.param(lambda good: (*good, good[0]), id="duplicate"),
    pytest.param(lambda good: pair(good[0][1], "\xe9" * 40), id="not ascii"),
    pytest.param(lambda good: pair(good[0][1], "x" * 20_000), id="huge"),
]


def test_strict_a_good_token_gets_in_and_gets_no_cookie(
    strict: None, both: Both, good: Pairs
) -> None:
    for host in (BOTH_KINDS, ONLY_MACHINES, UNAUTHORIZED, ANY):
        answers = settled(both, good, 200, host)
        admitted(answers, good[0][1])
        assert cookies(answers) == [[], []]


@pytest.mark.parametrize("bad", BAD)
def test_strict_a_bad_token_is_401_everywhere(
    strict: None, both: Both, good: Pairs, bad: Any
) -> None:
    for host in (BOTH_KINDS, ONLY_MACHINES, ONLY_PEOPLE, UNAUTHORIZED):
        both.ask("/", host, bad(good)).denied(401)


def test_strict_a_good_token_that_is_not_allowed_is_403(
    strict: None, both: Both, good: Pairs, other: Pairs
) -> None:
    settled(both, other, 200, ANY)
    for host in (BOTH_KINDS, ONLY_MACHINES, UNAUTHORIZED):
        both.ask("/", host, other).denied(403)
    both.ask("/", ONLY_PEOPLE, good).denied(403)


def test_strict_ignores_a_session_beside_a_token(
    strict: None, both: Both, good: Pairs, other: Pairs
) -> None:
    session = both.session(ALICE, BOTH_KINDS)
    admitted(both.ask("/", BOTH_KINDS, (session, *good)), good[0][1])
    both.ask("/", BOTH_KINDS, (session, *other)).denied(403)
    both.ask("/", BOTH_KINDS, (session, pair(good[0][1], "wrong")[0])).denied(401)


def test_strict_bypass_opens_whatever_the_token(strict: None, both: Both, good: Pairs) -> None:
    both.ask("/", BYPASSED, pair(good[0][1], "wrong")).passed()


def test_lenient_a_good_token_gets_in_and_a_cookie_that_works(
    lenient: None, both: Both, good: Pairs
) -> None:
    answers = settled(both, good, 200)
    admitted(answers, good[0][1])
    for (cookie,) in cookies(answers):
        admitted(both.ask("/", BOTH_KINDS, (("Cookie", cookie),)), good[0][1])


@pytest.mark.parametrize("bad", BAD)
def test_lenient_a_bad_token_is_as_absent(lenient: None, both: Both, good: Pairs, bad: Any) -> None:
    headers = bad(good)
    both.ask("/", BOTH_KINDS, headers).login(BOTH_KINDS)
    both.ask("/", ONLY_PEOPLE, headers).login(ONLY_PEOPLE)
    both.ask("/", ONLY_MACHINES, headers).denied(403)
    both.ask("/", UNAUTHORIZED, headers).denied(401)


def test_lenient_a_token_that_is_not_allowed_is_as_absent(
    lenient: None, both: Both, good: Pairs, other: Pairs
) -> None:
    both.ask("/", BOTH_KINDS, other).login(BOTH_KINDS)
    both.ask("/", ONLY_PEOPLE, good).login(ONLY_PEOPLE)
    both.ask("/", ONLY_MACHINES, other).denied(403)
    both.ask("/", UNAUTHORIZED, other).denied(401)


def test_lenient_a_session_beside_a_bad_token_counts(
    lenient: None, both: Both, good: Pairs
) -> None:
    session = both.session(ALICE, BOTH_KINDS)
    both.ask("/", BOTH_KINDS, (session, *pair(good[0][1], "wrong"))).ok(ALICE, BOTH_KINDS)


def test_it_is_rotated_refreshed_and_ended_while_everything_runs(
    strict: None, installation: Catalogue, both: Both
) -> None:
    first = secret_of(installation, "ci")
    settled(both, first, 200)
    second = secret_of(installation, "ci", "--grace", "1h")
    settled(both, second, 200)
    settled(both, first, 200)
    command(installation, "end-grace", "ci")
    settled(both, first, 401)
    third = secret_of(installation, "ci")
    settled(both, third, 200)
    settled(both, second, 401)
    short = secret_of(installation, "ci", "--grace", "1500ms")
    settled(both, third, 200)
    settled(both, third, 401)
    settled(both, short, 200)


def test_a_token_of_the_command_line_lives_and_ends(
    strict: None, installation: Catalogue, both: Both
) -> None:
    made = json.loads(command(installation, "create", "temporary", "--duration", "2s", "--json"))
    headers = pair(made["client_id"], made["client_secret"])
    settled(both, headers, 200, ANY)
    settled(both, headers, 401, ANY)
    command(installation, "refresh", "temporary")
    settled(both, headers, 200, ANY)
    command(installation, "change-duration", "temporary", "forever")
    command(installation, "disable", "temporary")
    settled(both, headers, 401, ANY)
    command(installation, "enable", "temporary")
    settled(both, headers, 200, ANY)
    command(installation, "revoke", "temporary")
    settled(both, headers, 401, ANY)


def test_failures_of_known_tokens_are_in_the_audit_log_and_no_others(
    strict: None, installation: Catalogue, both: Both, other: Pairs
) -> None:
    def rows() -> list[AuditEvent]:
        found = installation.store.audit.query(AuditFilter(actions=("refused",), limit=1000))
        return [one for one in found if one.app == installation.app(ONLY_PEOPLE).app.id]

    before = len(rows())
    both.ask("/", ONLY_PEOPLE, pair("f" * 32 + ".access", "x" * 54)).denied(401)
    both.ask("/", ONLY_PEOPLE, other[:1]).denied(401)
    both.ask("/", ONLY_PEOPLE, other).denied(403)
    both.ask("/", ONLY_PEOPLE, pair(other[0][1], "wrong")).denied(401)
    deadline = time.monotonic() + 10
    while len(rows()) < before + 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    found = rows()[: len(rows()) - before]
    assert sorted(one.reason for one in found) == [
        *["service_token_invalid"] * 2,
        *["service_token_not_allowed"] * 2,
    ]
    (token,) = {one.details["service_token"] for one in found}
    names = {one.id: one.body["name"] for one in installation.store.objects(Kind.SERVICE_TOKEN)}
    assert names[token] == "other"
    assert all(one.request_id and one.allowed is False for one in found)
