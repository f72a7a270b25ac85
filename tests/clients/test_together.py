"""Many clients at once, the same secret used twice at once, and rights that end."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.changes import Changes
from tests.support.consent import Person, somebody
from tests.support.demo import Demo
from tests.support.oauth_client import PlainClient, register
from tests.support.scale import scaled

CLIENTS = scaled(100, least=20)
WITHIN = 1.0
"""Seconds in which a revocation counts."""


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60) as http:
        yield http


@pytest.fixture
def person(demo: Demo) -> Iterator[Person]:
    with somebody(demo, "alone@example.com") as person:
        yield person


@pytest.fixture
def client(demo: Demo, http: httpx.Client) -> PlainClient:
    return register(http, demo)


def email_of(answer: httpx.Response) -> str:
    """Whom the MCP server was told of."""
    assert answer.status_code == 200, (answer.status_code, answer.text)
    return str(answer.json()["email"])


def refused(answer: httpx.Response) -> bool:
    """Whether an access token was refused as RFC 6750 says."""
    challenge = answer.headers.get("www-authenticate", "")
    return answer.status_code == 401 and 'error="invalid_token"' in challenge


def both_at_once[T](job: Callable[[], T]) -> list[T]:
    with ThreadPoolExecutor(2) as pool:
        return [one.result() for one in [pool.submit(job), pool.submit(job)]]


def test_many_clients_register_log_in_and_refresh_at_once(demo: Demo, http: httpx.Client) -> None:
    def one(number: int) -> tuple[str, str]:
        email = f"many-{number}@example.com"
        client = register(http, demo, f"client {number}")
        with somebody(demo, email) as person:
            tokens = client.tokens(person)
        for _ in range(2):
            assert email_of(client.ask(tokens["access_token"])) == email
            answer = client.refresh(tokens["refresh_token"])
            assert answer.status_code == 200, answer.text
            assert answer.json()["access_token"] != tokens["access_token"]
            tokens = answer.json()
        assert email_of(client.ask(tokens["access_token"])) == email
        return client.id, tokens["refresh_token"]

    with ThreadPoolExecutor(CLIENTS) as pool:
        done = list(pool.map(one, range(CLIENTS)))
    assert len({id for id, _ in done}) == CLIENTS
    assert len({token for _, token in done}) == CLIENTS


def test_a_refresh_token_used_twice_at_once(client: PlainClient, person: Person) -> None:
    tokens = client.tokens(person)
    answers = both_at_once(lambda: client.refresh(tokens["refresh_token"]))
    assert [one.status_code for one in answers] == [200, 200]
    first, second = (one.json() for one in answers)
    assert first["refresh_token"] == second["refresh_token"] != tokens["refresh_token"]
    for one in (first, second):
        assert email_of(client.ask(one["access_token"])) == person.email
    third = client.refresh(first["refresh_token"])
    assert third.status_code == 200
    assert email_of(client.ask(third.json()["access_token"])) == person.email


def test_a_code_used_twice_at_once(client: PlainClient, person: Person) -> None:
    wish = client.wish()
    code = client.code(wish, person)
    answers = both_at_once(lambda: client.redeem(wish, code))
    given = [one.json() for one in answers if one.status_code == 200]
    assert len(given) <= 1
    assert [one.json()["error"] for one in answers if one.status_code != 200] == (
        ["invalid_grant"] * (2 - len(given))
    )
    time.sleep(WITHIN)
    for tokens in given:  # the second use says that a stranger has the code
        assert refused(client.ask(tokens["access_token"]))
        assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_policy_that_was_withdrawn_ends_the_refreshing(
    client: PlainClient, person: Person, changes: Changes
) -> None:
    tokens = client.tokens(person)
    changes.refuse(person.email)
    answer = client.refresh(tokens["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert "polic" in answer.json()["error_description"]
    time.sleep(WITHIN)
    assert refused(client.ask(tokens["access_token"]))


ENDS: dict[str, Callable[[Changes, Person, PlainClient], object]] = {
    "person": lambda changes, person, client: changes.revoke_user(person.email),
    "session": lambda changes, person, client: changes.end_sessions(person.email),
    "application": lambda changes, person, client: changes.revoke_app(),
    "client": lambda changes, person, client: changes.revoke_client(client.id),
    "grant": lambda changes, person, client: changes.end_grants(person.email),
    "switch": lambda changes, person, client: changes.switch_off(),
}


@pytest.mark.parametrize("end", ENDS)
def test_what_is_revoked_stops_within_a_second(
    client: PlainClient, person: Person, changes: Changes, end: str
) -> None:
    tokens = client.tokens(person)
    assert email_of(client.ask(tokens["access_token"])) == person.email
    ENDS[end](changes, person, client)
    ended = time.monotonic()
    while (answer := client.ask(tokens["access_token"])).status_code == 200:
        assert time.monotonic() - ended < WITHIN
        time.sleep(0.02)
    # Without managed OAuth there is no challenge: programs are sent to the login like all others.
    assert refused(answer) or (end == "switch" and answer.status_code in (302, 401))
    again = client.refresh(tokens["refresh_token"])
    assert again.status_code in (400, 401)
    assert again.json()["error"] == ("invalid_client" if end == "client" else "invalid_grant")


def test_the_token_opens_nothing_else(demo: Demo, client: PlainClient, person: Person) -> None:
    token = client.tokens(person)["access_token"]
    answer = client.ask(token, demo.app("api"))
    assert answer.status_code in (302, 401)
    seen = client.ask(token).json()
    assert token not in str(seen)
    assert "authorization" not in seen["headers"]
