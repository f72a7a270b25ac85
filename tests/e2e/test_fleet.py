"""Two nodes over one PostgreSQL: logins, programs and limits whose steps meet different nodes."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from lychgate.core.tokens import sign
from lychgate.core.urls import AUTH_COOKIE, CLIENT_IP_HEADER
from tests.e2e.test_browser import log_in
from tests.support.browsing import Visitor
from tests.support.catalogue import real_now, wait_for
from tests.support.consent import somebody
from tests.support.demo import logged_in
from tests.support.fleet import APP, NODES, Fleet, running_fleet
from tests.support.front import request_bytes
from tests.support.oauth_client import PlainClient, Wish, register
from tests.support.postgres import PostgresServer
from tests.support.scale import scaled
from tests.support.together import run_together


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two nodes, and one Envoy that asks them in turn."""
    server = PostgresServer()
    server.start()
    try:
        limits: dict[str, Any] = {"pins_per_hour": 1000, "registrations_per_hour": 6}
        with running_fleet(tmp_path_factory.mktemp("fleet"), server, limits=limits) as running:
            yield running
    finally:
        server.close()


@pytest.fixture(scope="module")
def direct(fleet: Fleet) -> Iterator[httpx.Client]:
    """A client that asks a companion app past every proxy, under the team's name."""
    headers = {"host": urlsplit(fleet.demo.team).netloc}
    with httpx.Client(timeout=30, headers=headers) as client:
        yield client


def test_a_login_in_a_browser_whose_steps_meet_different_nodes(
    fleet: Fleet, context: BrowserContext
) -> None:
    page, alice = context.new_page(), "alice@staff.example"
    before = [node.metric("lychgate_web_answers_total") for node in fleet.nodes]
    log_in(page, fleet.demo, fleet.demo.app(APP), alice)
    expect(page.locator("body")).to_contain_text(alice)
    after = [node.metric("lychgate_web_answers_total") for node in fleet.nodes]
    assert all(now - then >= 2 for now, then in zip(after, before, strict=True)), (before, after)
    page.goto(fleet.demo.team + "/cdn-cgi/access/logout")
    time.sleep(1)
    page.goto(fleet.demo.app(APP))
    expect(page.locator("input[name=email]")).to_be_visible()


def test_L15_logins_side_by_side_over_both_nodes(fleet: Fleet) -> None:
    people = [f"side{number}@staff.example" for number in range(6)]
    seen: dict[str, str] = {}

    def enter(email: str) -> None:
        with logged_in(fleet.demo, email) as client:
            seen[email] = client.get(fleet.demo.app(APP)).text

    run_together([partial(enter, email) for email in people])
    for email in people:
        assert email in seen[email]
        assert not [one for one in people if one != email and one in seen[email]]


def test_a_program_is_allowed_and_renewed_over_both_nodes(fleet: Fleet) -> None:
    with httpx.Client(timeout=30) as http, somebody(fleet.demo, "oauth@staff.example") as person:
        client = register(http, fleet.demo)
        tokens = client.tokens(person)
        for _ in range(4):
            assert client.ask(tokens["access_token"]).status_code == 200
            answer = client.refresh(tokens["refresh_token"])
            assert answer.status_code == 200, answer.text
            tokens = answer.json()


def test_O08_a_code_used_at_one_node_is_used_at_the_other(
    fleet: Fleet, direct: httpx.Client
) -> None:
    with httpx.Client(timeout=30) as http, somebody(fleet.demo, "o08@staff.example") as person:
        client = register(http, fleet.demo)
        wish = client.wish()
        code = client.code(wish, person)
        first = at_node(client, direct, fleet, 0).redeem(wish, code)
        assert first.status_code == 200
        token = bearer(first.json()["access_token"], fleet)
        assert fleet.statuses(token) == [200, 200]
        again = at_node(client, direct, fleet, 1).redeem(wish, code)
        assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
        wait_for(lambda: fleet.statuses(token) == [401, 401], 2)
        refreshed = at_node(client, direct, fleet, 0).refresh(first.json()["refresh_token"])
        assert refreshed.json()["error"] == "invalid_grant"


def test_O09_a_code_is_redeemed_once_however_many_nodes_are_asked(
    fleet: Fleet, direct: httpx.Client
) -> None:
    with httpx.Client(timeout=30) as http, somebody(fleet.demo, "o09@staff.example") as person:
        client = register(http, fleet.demo)
        wish = client.wish()
        code = client.code(wish, person)
        answers: list[int] = []

        def redeem(node: int) -> None:
            answers.append(at_node(client, direct, fleet, node).redeem(wish, code).status_code)

        run_together([partial(redeem, number % 2) for number in range(scaled(50, 12))])
        assert answers.count(200) <= 1
        assert set(answers) <= {200, 400}


def at_node(client: PlainClient, direct: httpx.Client, fleet: Fleet, node: int) -> PlainClient:
    """The same client, asking the companion app of one node."""
    listen = fleet.nodes[node].settings.companion.listen
    endpoints = {
        name: value.replace(fleet.demo.team, f"http://{listen}")
        for name, value in client.metadata.items()
        if isinstance(value, str)
    }
    return replace(client, http=direct, metadata=endpoints)


def bearer(token: str, fleet: Fleet) -> bytes:
    """A request of a program."""
    return request_bytes("GET", "/mcp", fleet.host, (("Authorization", f"Bearer {token}"),))


def test_D03_registrations_are_counted_over_both_nodes(fleet: Fleet) -> None:
    asked = {"redirect_uris": ["http://127.0.0.1:1/cb"], "client_name": "many"}

    def register_at(node: int, source: str) -> int:
        return ask(fleet, node, "POST", "/cdn-cgi/access/oauth/registration", asked, source)

    assert [register_at(number % 2, "203.0.113.1") for number in range(6)] == [201] * 6
    assert [register_at(node, "203.0.113.1") for node in (0, 1)] == [429, 429]
    assert register_at(0, "203.0.113.2") == 201


def ask(fleet: Fleet, node: int, method: str, path: str, body: Any, source: str) -> int:
    """What the companion app of a node answers a client from an address."""
    headers = {"host": urlsplit(fleet.demo.team).netloc, CLIENT_IP_HEADER: source}
    url = f"http://{fleet.nodes[node].settings.companion.listen}{path}"
    return httpx.request(method, url, json=body, headers=headers, timeout=30).status_code


def test_L12_wrong_codes_are_counted_over_both_nodes(fleet: Fleet) -> None:
    email, front = "l12@staff.example", fleet.fronts["all"]
    person = Visitor(fleet.catalogue, front)
    page = person.ask_for_code(fleet.demo.app(APP), email)
    right = fleet.catalogue.code(email)
    wrong = [f"{(int(right) + number) % 1_000_000:06}" for number in range(1, 6)]
    before = [node.metric("lychgate_web_answers_total") for node in fleet.nodes]
    for code in wrong:
        page = person.submit(page, {"code": code})
        assert page.reply.status == 403
    after = [node.metric("lychgate_web_answers_total") for node in fleet.nodes]
    assert all(now > then for now, then in zip(after, before, strict=True))
    assert person.submit(page, {"code": right}).reply.status == 403
    assert fleet.catalogue.store.sessions.by_email(email) == ()


def test_L12_parallel_guesses_at_both_nodes_are_five_in_all(fleet: Fleet) -> None:
    email = "l12.parallel@staff.example"
    person = Visitor(fleet.catalogue, fleet.fronts["all"])
    page = person.ask_for_code(fleet.demo.app(APP), email)
    right = fleet.catalogue.code(email)
    url, form = person.filled(page, {"code": ""})
    said: list[str] = []

    def guess(number: int) -> None:
        code = f"{(int(right) + 1 + number) % 1_000_000:06}"
        twin = Visitor(fleet.catalogue, fleet.fronts[NODES[number % 2]], dict(person.jar))
        said.append(twin.step(url, {**form, "code": code}).text)

    run_together([partial(guess, number) for number in range(20)])
    judged = [text for text in said if "too many wrong codes" not in text]
    assert len(judged) == 4, "the fifth wrong one kills the code"
    assert person.step(url, {**form, "code": right}).reply.status == 403


def test_C07_a_session_that_was_logged_out_is_dead_at_every_node(fleet: Fleet) -> None:
    person = Visitor(fleet.catalogue, fleet.fronts["all"])
    person.log_in(fleet.demo.app(APP), "c07@staff.example")
    session = person.jar[fleet.host, AUTH_COOKIE]
    cookie = ("Cookie", f"{AUTH_COOKIE}={session}")
    copied = request_bytes("GET", "/", fleet.host, (cookie,))
    assert fleet.statuses(copied) == [200, 200]
    person.open(f"{fleet.demo.team}/cdn-cgi/access/logout")
    wait_for(lambda: fleet.statuses(copied) == [302, 302], 2)
    identity = request_bytes("GET", "/cdn-cgi/access/get-identity", fleet.host, (cookie,))
    assert 200 not in fleet.statuses(identity)


def test_X04_a_key_rotated_at_one_node_is_published_by_both_before_it_signs(fleet: Fleet) -> None:
    catalogue = fleet.catalogue
    old = [fleet.request(f"x04.{number}@staff.example") for number in range(scaled(1000, 10))]
    known = {key.kid for key in catalogue.store.keys.keyring().signing}
    fleet.nodes[0].call("POST", "keys/rotate", fleet.token)
    (newest,) = (one for one in catalogue.store.keys.keyring().signing if one.kid not in known)
    certs = request_bytes("GET", "/cdn-cgi/access/certs", urlsplit(fleet.demo.team).netloc)

    def published() -> bool:
        answers = [fleet.fronts[name].send_raw(certs).body for name in NODES]
        return all(newest.kid.encode() in body for body in answers)

    wait_for(published, 5)
    assert newest.active_from > real_now()
    for data in old:
        assert fleet.statuses(data) == [200, 200]
    # A token that the new key signs, as it will be a minute and a half from now.
    token = sign(catalogue.claims("x04@staff.example", APP), newest)
    future = request_bytes("GET", "/", fleet.host, (("Cookie", f"{AUTH_COOKIE}={token}"),))
    assert fleet.statuses(future) == [200, 200]


def test_X05_a_revocation_at_one_node_ends_a_busy_session_at_both(fleet: Fleet) -> None:
    email = "x05@staff.example"
    data, done = fleet.request(email), threading.Event()
    answers: list[tuple[float, int]] = []

    def hammer(name: str) -> None:
        while not done.wait(0.01):
            started = time.monotonic()
            answers.append((started, fleet.fronts[name].send_raw(data).status))

    threads = [threading.Thread(target=hammer, args=(name,)) for name in (*NODES, "all") * 2]
    for thread in threads:
        thread.start()
    time.sleep(1)
    fleet.nodes[0].call("POST", "organizations/revoke_user", fleet.token, {"email": email})
    called = time.monotonic()
    time.sleep(3)
    done.set()
    for thread in threads:
        thread.join()
    allowed = [at for at, status in answers if status == 200]
    assert allowed and max(allowed) < called + 1, max(allowed) - called
    assert {status for at, status in answers if at > called + 1} == {302}


def test_a_policy_test_begun_at_one_node_is_read_at_the_other(fleet: Fleet) -> None:
    first, second = fleet.nodes
    fleet.catalogue.person("tested@staff.example")
    rule = {"name": "t", "decision": "allow", "include": [{"everyone": {}}]}
    made = first.call("POST", "policy-tests", fleet.token, {"policies": [rule]})
    found = second.call("GET", f"policy-tests/{made['id']}", fleet.token)
    assert found["total_users"] == found["users_approved"] > 0


@pytest.mark.timeout(900)  # at full size
def test_X06_a_node_killed_while_it_redeems_a_code_leaves_one_success_at_most(
    fleet: Fleet, direct: httpx.Client
) -> None:
    chance, node = random.Random(6), fleet.nodes[0]
    with httpx.Client(timeout=30) as http, somebody(fleet.demo, "x06@staff.example") as person:
        client = register(http, fleet.demo)
        for _ in range(scaled(50, 2)):
            wish = client.wish()
            code = client.code(wish, person)
            answers: list[int] = []

            def redeem(wish: Wish = wish, code: str = code, answers: list[int] = answers) -> None:
                with suppress(httpx.TransportError):
                    answers.append(at_node(client, direct, fleet, 0).redeem(wish, code).status_code)

            thread = threading.Thread(target=redeem)
            thread.start()
            time.sleep(chance.uniform(0, 0.05))
            node.kill("lychgate.web")
            thread.join()
            answers.append(at_node(client, direct, fleet, 1).redeem(wish, code).status_code)
            assert answers.count(200) <= 1, answers
            node.start("lychgate.web")


@pytest.mark.timeout(900)  # at full size
def test_X06_a_node_killed_while_it_rotates_keys_leaves_whole_ones(fleet: Fleet) -> None:
    chance, (node, other) = random.Random(7), fleet.nodes
    data = fleet.request("x06.keys@staff.example")
    for _ in range(scaled(50, 2)):
        before = len(fleet.catalogue.store.keys.keyring().signing)

        def rotate() -> None:
            with suppress(OSError, HTTPException):
                node.call("POST", "keys/rotate", fleet.token)

        thread = threading.Thread(target=rotate)
        thread.start()
        time.sleep(chance.uniform(0, 0.2))
        node.kill("lychgate.web")
        thread.join()
        assert len(fleet.catalogue.store.keys.keyring().signing) - before in (0, 1)
        assert fleet.statuses(data) == [200, 200]
        other.call("POST", "keys/rotate", fleet.token)
        node.start("lychgate.web")
