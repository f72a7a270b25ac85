"""The command line beside a running installation: what it changes counts there within a second."""

import re
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
import yaml

from tests.support.catalogue import wait_for
from tests.support.envoy import free_port
from tests.support.oidc_npm import oidc_provider
from tests.support.oidc_objects import application, policy, resources
from tests.support.oidc_running import Running
from tests.support.oidc_visitor import Visitor
from tests.support.standing import Standing, callback_url, standing

SOON = 1.0
"""Seconds in which a revocation is in force; counted from the end of the command."""


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def provider(port: int) -> Iterator[Running]:
    with oidc_provider(callback=callback_url(port)) as running:
        yield running


@pytest.fixture(scope="module")
def site(
    port: int, provider: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standing]:
    objects = resources(provider, claims=["department"])
    with standing(tmp_path_factory.mktemp("running"), objects, port) as running:
        yield running
    assert "Traceback" not in running.output()


@pytest.fixture
def alice(site: Standing, provider: Running) -> Iterator[Visitor]:
    with Visitor() as visitor:
        visitor.log_in(site.app(), provider, "alice")
        assert inside(visitor, site)
        yield visitor


def inside(visitor: Visitor, site: Standing, path: str = "/") -> bool:
    """Whether an application lets the visitor in, without leading them anywhere."""
    return visitor.http.get(site.app(path), follow_redirects=False).status_code == 200


def listed(site: Standing, *words: str) -> str:
    said = site.lychgate(*words)
    assert (said.returncode, said.stderr) == (0, ""), said.stderr
    return said.stdout


def session_of(site: Standing, email: str) -> str:
    """The newest session of somebody, copied from the table."""
    table = listed(site, "sessions", "list", "--email", email)
    return str(re.findall(r"│ (\S+) +│ " + re.escape(email), table)[0])


def test_sessions_are_listed_and_end_within_a_second(
    site: Standing, provider: Running, alice: Visitor
) -> None:
    with Visitor() as elsewhere:
        elsewhere.log_in(site.app(), provider, "alice")
        newest = session_of(site, "alice@example.com")
        assert listed(site, "sessions", "revoke", "--session", newest) == "revoked\n"
        wait_for(lambda: not inside(elsewhere, site), SOON)
        assert inside(alice, site), "one login was ended, not the other"
    again = site.lychgate("sessions", "revoke", "--session", newest)
    assert (again.returncode, again.stdout) == (1, "")
    assert "there is no login" in again.stderr


def test_everything_of_a_person_ends_within_a_second(
    site: Standing, provider: Running, alice: Visitor
) -> None:
    with Visitor() as bob:
        bob.log_in(site.app(), provider, "bob")
        assert listed(site, "sessions", "revoke", "--user", "Alice@example.com") == "revoked\n"
        wait_for(lambda: not inside(alice, site), SOON)
        page = alice.open(site.app())
        assert "Continue with" in page.text, "the team session is over too"
        assert inside(bob, site)
    assert "alice@example.com" not in listed(site, "sessions", "list")


def test_an_applications_tokens_end_within_a_second(site: Standing, alice: Visitor) -> None:
    alice.open(site.app("/second"))
    assert inside(alice, site, "/second")
    time.sleep(1.1)  # a token of the same second counts as older
    assert listed(site, "sessions", "revoke", "--app", "second") == "revoked\n"
    wait_for(lambda: not inside(alice, site, "/second"), SOON)
    assert inside(alice, site)
    assert alice.open(site.app("/second")).status_code == 200, "the person may come back"


def test_a_person_who_is_removed_comes_back_as_somebody_new(
    site: Standing, provider: Running, alice: Visitor
) -> None:
    def id_of_alice() -> str:
        table = listed(site, "users", "list", "--search", "alice")
        return str(re.findall(r"│ ([0-9a-f-]{36}) │ alice@example.com", table)[0])

    before = id_of_alice()
    assert listed(site, "users", "remove", "alice@example.com") == "removed\n"
    wait_for(lambda: not inside(alice, site), SOON)
    assert "alice" not in listed(site, "users", "list")
    alice.log_in(site.app(), provider, "alice")
    assert id_of_alice() != before


def test_a_new_key_is_published_at_once_and_sessions_go_on(site: Standing, alice: Visitor) -> None:
    def published() -> set[str]:
        keys = httpx.get(f"{site.team}/cdn-cgi/access/certs").json()["keys"]
        return {key["kid"] for key in keys}

    before = published()
    table = listed(site, "keys", "rotate")
    wait_for(lambda: len(published()) == len(before) + 1, 2)
    (fresh,) = published() - before
    assert fresh in table, "a key id in a pipe is never cut"
    assert listed(site, "keys", "list").count("signs from") == 1
    assert inside(alice, site)


def test_a_changed_file_counts_without_restart(site: Standing, alice: Visitor) -> None:
    page = alice.open(site.app("/new/"))
    assert page.json()["target"] == "/new/", "still part of the application at /"

    def add(objects: dict[str, list[object]]) -> None:
        objects["policies"].append(policy("nobody", {"email": {"email": "nobody@example.com"}}))
        objects["applications"].append(application("new", "localhost/new", "nobody"))

    site.configure(add)
    wait_for(lambda: alice.open(site.app("/new/")).status_code == 403, 2)
    assert inside(alice, site)


@pytest.mark.parametrize(
    "breaking",
    [
        lambda text: text.replace("policies:", "polices:", 1),
        lambda text: text + "\n  - [",
        lambda text: "",
        lambda text: text.replace("- staff", "- stuff"),
    ],
    ids=["key", "yaml", "empty", "name"],
)
def test_a_broken_file_changes_nothing_and_says_so(
    site: Standing, alice: Visitor, breaking: Callable[[str], str]
) -> None:
    good = site.file.read_text()
    broken = breaking(good)
    assert broken != good
    try:
        site.write(broken, "configuration_refused")
        assert inside(alice, site)
        assert site.serve.poll() is None
        refused = [line for line in site.output().splitlines() if "configuration_refused" in line]
        assert "lychgate.yaml:" in refused[-1], "it names the line"
        assert site.lychgate("validate").returncode == 1
    finally:
        site.write(good, "configuration_reloaded")


def test_a_file_that_is_gone_changes_nothing(site: Standing, alice: Visitor) -> None:
    away = site.file.rename(site.file.with_suffix(".away"))
    wait_for(lambda: "configuration_not_applied" in site.output())
    assert inside(alice, site)
    text = away.read_text()
    away.unlink()
    site.write(text, "configuration_reloaded")


def test_a_process_setting_is_said_to_need_a_restart(site: Standing) -> None:
    good = site.file.read_text()
    changed = yaml.safe_load(good) | {"health": {"listen": f"127.0.0.1:{free_port()}"}}
    site.write(yaml.safe_dump(changed), "configuration_restart_needed")
    site.write(good, "configuration_reloaded")


def test_a_second_one_on_the_same_addresses_is_a_line(site: Standing) -> None:
    said = site.lychgate("serve")
    assert said.returncode == 1
    assert re.match(r"error `.*` is in use\n", said.stderr), said.stderr
    assert site.serve.poll() is None
    assert httpx.get(site.app()).status_code == 302, "the first one goes on"


def test_providers_are_listed_and_tried_out(site: Standing) -> None:
    assert re.search(r"│ Work +│ oidc +│ [0-9a-f-]{36} │", listed(site, "idp", "list"))
    url = listed(site, "idp", "test", "Work").split()[-1]
    assert httpx.get(url).status_code == 302
    for forged in (url[:-2], url.split("?")[0], url.replace("token=", "token=x")):
        assert httpx.get(forged).status_code == 400
