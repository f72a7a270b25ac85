"""The compose example is closed where it says so, and its files and commands work as they stand."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lychgate.core.urls import AUTH_COOKIE
from tests.deploy.compose import COMPOSE, FOLDER, OURS, SERVICES, Stack, environment, running_stack
from tests.docs import pages
from tests.support.catalogue import wait_for
from tests.support.envoy import envoy_binary
from tests.support.front import exchange, request_bytes
from tests.support.postgres import PostgresServer

CONTAINERFILE = (pages.ROOT / "examples" / "container" / "Containerfile").read_text()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Every service of the example."""
    server = PostgresServer()
    server.start()
    try:
        with running_stack(tmp_path_factory.mktemp("compose"), server) as running:
            yield running
    finally:
        server.close()


def test_a_visitor_is_sent_to_the_login_of_the_example(stack: Stack) -> None:
    login = f"http://127.0.0.1:{stack.edge}"
    data = request_bytes("GET", "/", f"localhost:{stack.edge}")
    wait_for(lambda: exchange(("127.0.0.1", stack.edge), data).status == 302, 30)
    answer = exchange(("127.0.0.1", stack.edge), data)
    assert (answer.header("location") or "").startswith(login + "/cdn-cgi/access/login/")
    page = (answer.header("location") or "").removeprefix(login)
    shown = exchange(
        ("127.0.0.1", stack.edge), request_bytes("GET", page, login.removeprefix("http://"))
    )
    assert (shown.status, b'name="email"' in shown.body) == (200, True)


def test_a_forged_session_does_not_pass(stack: Stack) -> None:
    forged = ("Cookie", f"{AUTH_COOKIE}=eyJhbGciOiJub25lIn0.e30.")
    data = request_bytes("GET", "/", f"localhost:{stack.edge}", (forged,))
    assert {exchange(("127.0.0.1", stack.edge), data).status for _ in range(4)} == {302}


def test_nothing_is_written_beside_the_configuration(stack: Stack) -> None:
    for service in OURS:
        written = {one.name for one in (stack.folder / service).iterdir()}
        assert written <= {"lychgate.yaml", "output.log", "state"}, service


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_closed(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert ("ports" in service) == (name == "envoy")
    assert "environment" not in service or name == "database"


def test_only_envoy_reaches_the_application_and_never_the_database() -> None:
    def members(network: str) -> set[str]:
        return {name for name, one in SERVICES.items() if network in one["networks"]}

    assert members("application") == {"envoy", "application"}
    assert members("data") == {"database", *OURS}
    assert members("front") == {"envoy"}
    assert all(COMPOSE["networks"][one]["internal"] for one in ("application", "data"))


def test_only_envoy_is_believed_about_addresses() -> None:
    settings = yaml.safe_load((FOLDER / "lychgate.yaml").read_text())
    address = SERVICES["envoy"]["networks"]["gate"]["ipv4_address"]
    assert settings["companion"]["trusted_proxies"] == [address]


def test_the_files_are_valid() -> None:
    command = [sys.executable, "-m", "lychgate", "validate", "--config", "lychgate.yaml"]
    secret = environment() | {"LYCHGATE_DB_PASSWORD": "x"}
    subprocess.run(command, cwd=FOLDER, env=secret, check=True)
    validate = [envoy_binary(), "--mode", "validate", "-c", str(FOLDER / "envoy.yaml")]
    subprocess.run(validate, check=True)


def test_envoys_file_is_what_the_command_of_the_readme_prints() -> None:
    (block,) = (
        one.text
        for one in pages.blocks((FOLDER / "README.md").read_text())
        if "envoy-config" in one.text
    )
    command = block.replace("\\\n", " ").partition(" > ")[0]
    done = subprocess.run(
        command, shell=True, cwd=FOLDER, env=environment(), stdout=subprocess.PIPE, check=True
    )
    assert done.stdout == (FOLDER / "envoy.yaml").read_bytes()


def test_the_image_copies_what_the_package_is_built_from() -> None:
    build = tomllib.loads((pages.ROOT / "pyproject.toml").read_text())
    wheel = build["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {Path(one).parts[0] for one in [*wheel["packages"], *wheel["force-include"]]}
    needed |= {"pyproject.toml", build["project"]["readme"]}
    copied = {
        word
        for words in re.findall(r"^COPY (?!--)(.+) \S+$", CONTAINERFILE, re.M)
        for word in words.split()
    }
    assert needed <= copied
    kept = re.findall(
        r"^!(\S+)$",
        (pages.ROOT / "examples/container/Containerfile.dockerignore").read_text(),
        re.M,
    )
    assert copied == set(kept) and all((pages.ROOT / one).exists() for one in kept)


def test_the_image_does_not_run_as_root() -> None:
    assert re.findall(r"^USER (.+)$", CONTAINERFILE, re.M) == ["10001:10001"]
