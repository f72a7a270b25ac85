"""What the official client makes works at the gate, behind the real Envoy, within a second."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cloudflare import Cloudflare

from tests.support.demo import Demo, logged_in, running_demo

EVERYONE: list[Any] = [{"everyone": {}}]
IN_FORCE = 1.0
"""Seconds after which a change counts in every process; the machine is given twice as long."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo behind Envoy."""
    with running_demo(tmp_path_factory.mktemp("demo"), "envoy") as running:
        yield running


@pytest.fixture
def cf(demo: Demo) -> Iterator[Any]:
    """The official client, with what the demo says of its admin API."""
    api = demo.info["admin_api"]
    with Cloudflare(api_token=api["token"], base_url=api["base_url"], max_retries=0) as client:
        yield client


def soon(what: Callable[[], bool]) -> bool:
    """Whether something is so before a change has to be in force."""
    ends = time.monotonic() + 2 * IN_FORCE
    while not (found := what()) and time.monotonic() < ends:
        time.sleep(0.05)
    return found


def test_a_machine_enters_what_was_made_for_it(demo: Demo, cf: Any) -> None:
    access, account = cf.zero_trust.access, demo.info["admin_api"]["account_id"]
    token = access.service_tokens.create(account_id=account, name="made")
    rule = {"service_token": {"token_id": token.id}}
    policy = access.policies.create(
        account_id=account, name="made for machines", decision="non_identity", include=[rule]
    )
    app = access.applications.create(
        account_id=account,
        type="self_hosted",
        name="made",
        domain="localhost/made",
        policies=[{"id": policy.id, "precedence": 1}],
    )
    url = demo.app("whoami") + "made"
    halves = {
        "cf-access-client-id": token.client_id,
        "cf-access-client-secret": token.client_secret,
    }
    assert soon(lambda: httpx.get(url, headers=halves).status_code == 200)
    assert httpx.get(url, headers={**halves, "cf-access-client-secret": "no"}).status_code == 401
    access.service_tokens.update(token.id, account_id=account, enabled=False)
    assert soon(lambda: httpx.get(url, headers=halves).status_code == 401)
    access.applications.delete(app.id, account_id=account)
    access.policies.delete(policy.id, account_id=account)
    access.service_tokens.delete(token.id, account_id=account)


def test_an_application_calls_another_by_a_rule_that_was_made(demo: Demo, cf: Any) -> None:
    access, account = cf.zero_trust.access, demo.info["admin_api"]["account_id"]
    whoami = next(one for one in access.applications.list(account_id=account, name="whoami"))
    linked = {
        "name": "from whoami",
        "decision": "non_identity",
        "include": [{"linked_app_token": {"app_uid": whoami.id}}],
    }
    app = access.applications.create(
        account_id=account,
        type="self_hosted",
        name="linked",
        domain="localhost/linked",
        policies=[linked],
    )
    with logged_in(demo, demo.info["users"]["allowed"]) as client:
        jar = [one for one in client.cookies.jar if one.name == "CF_Authorization"]
        token = next(one.value for one in jar if "localhost" in one.domain)
    headers, url = {"cf-access-token": str(token)}, demo.app("whoami") + "linked"
    assert soon(lambda: httpx.get(url, headers=headers).status_code == 200)
    assert httpx.get(url).status_code != 200
    access.applications.revoke_tokens(whoami.id, account_id=account)
    assert soon(lambda: httpx.get(url, headers=headers).status_code != 200)
    access.applications.delete(app.id, account_id=account)


def test_the_objects_of_the_demo_may_be_edited(demo: Demo, cf: Any) -> None:
    access, account = cf.zero_trust.access, demo.info["admin_api"]["account_id"]
    public = next(one for one in access.applications.list(account_id=account, name="public"))
    assert httpx.get(demo.app("public")).status_code == 200
    policy = public.policies[0]
    access.policies.update(
        policy.id, account_id=account, name=policy.name, decision="deny", include=EVERYONE
    )
    assert soon(lambda: httpx.get(demo.app("public")).status_code != 200)
    access.policies.update(
        policy.id, account_id=account, name=policy.name, decision="bypass", include=EVERYONE
    )
    assert soon(lambda: httpx.get(demo.app("public")).status_code == 200)


def test_the_access_log_tells_of_logins(demo: Demo, cf: Any) -> None:
    access, account = cf.zero_trust.access, demo.info["admin_api"]["account_id"]
    person = demo.info["users"]["allowed"]
    with logged_in(demo, person):
        pass
    user = next(iter(access.users.list(account_id=account, email=person)))
    sessions = list(access.users.active_sessions.list(user.id, account_id=account))
    assert sessions
    seen = access.users.active_sessions.get(sessions[0].name, user_id=user.id, account_id=account)
    assert seen.email == person
    assert access.users.last_seen_identity.get(user.id, account_id=account).email == person
    log = access.logs.access_requests.list(account_id=account, email=person, email_exact=True)
    assert log and {one.user_email for one in log} == {person} and log[0].allowed
    assert access.logs.access_requests.list(account_id=account, email="nobody@") == []
    cf.zero_trust.organizations.revoke_users(account_id=account, email=person)
    assert list(access.users.active_sessions.list(user.id, account_id=account)) == []


def test_tokens_are_made_and_ended_on_the_command_line(demo: Demo) -> None:
    def lychgate(*words: str) -> str:
        command = [sys.executable, "-m", "lychgate", "api-token", *words]
        command += ["--config", str(Path(demo.info["config"]))]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    made = json.loads(
        lychgate("create", "reader", "--scope", "Access: Service Tokens Read", "--json")
    )
    api = demo.info["admin_api"]
    url = f"{api['base_url']}/accounts/{api['account_id']}/access"
    headers = {"authorization": f"Bearer {made['token']}"}
    assert httpx.get(f"{url}/service_tokens", headers=headers).status_code == 200
    assert httpx.get(f"{url}/apps", headers=headers).status_code == 403
    listed = lychgate("list", "--json")
    assert made["id"] in listed and made["token"] not in listed
    lychgate("revoke", "reader")
    assert httpx.get(f"{url}/service_tokens", headers=headers).status_code == 401
