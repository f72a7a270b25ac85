"""A backup and a restore while everything runs: Envoy, decision server, companion, a database."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.catalogue import wait_for
from tests.support.envoy import free_port
from tests.support.postgres import PostgresServer
from tests.support.standing import Standing, lychgate, standing
from tests.support.visitor import Visitor

RESOURCES = {
    "identity_providers": [{"name": "PIN", "type": "onetimepin", "config": {}}],
    "applications": [
        {
            "name": "App",
            "type": "self_hosted",
            "domain": "localhost",
            "policies": [
                {
                    "name": "staff",
                    "decision": "allow",
                    "include": [{"email_domain": {"domain": "example.com"}}],
                }
            ],
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Place:
    """A running installation, and another database that it could move to."""

    site: Standing
    elsewhere: str

    @contextmanager
    def person(self, name: str) -> Iterator[Visitor]:
        """Somebody who has logged in."""
        visitor = Visitor(self.site.folder / "mail", f"{name}@example.com")
        with visitor.http:
            visitor.visit(self.site.app())
            assert self.admits(visitor)
            yield visitor

    def admits(self, visitor: Visitor) -> bool:
        """Whether the application lets the visitor in as they are."""
        return visitor.http.get(self.site.app(), follow_redirects=False).status_code == 200

    def run(self, *words: str) -> str:
        """A command that must succeed; what it printed."""
        done = self.site.lychgate(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """An installation on each kind of database, with an empty one of the other kind."""
    folder = tmp_path_factory.mktemp("backup")
    with ExitStack() as stack:
        server = PostgresServer()
        stack.callback(server.close)
        server.start()
        urls = [f"sqlite:///{folder}/lychgate.db", server.database()]
        store, other = urls if request.param == "sqlite" else reversed(urls)
        more = {"store": store, "master_key_file": str(folder / "master.key")}
        site = stack.enter_context(standing(folder, RESOURCES, free_port(), **more))
        yield Place(site, other)
        assert "Traceback" not in site.output()


@pytest.mark.parametrize("place", ["sqlite", "postgresql"], indirect=True)
def test_what_ended_after_the_backup_stays_ended_and_life_goes_on(
    place: Place, tmp_path: Path
) -> None:
    file = str(tmp_path / "b")
    with place.person("alice") as alice, place.person("bob") as bob:
        place.run("backup", file)
        place.run("sessions", "revoke", "--user", "alice@example.com")
        wait_for(lambda: not place.admits(alice))
        assert place.admits(bob)
        place.run("service-token", "create", "of later")
        assert "logins ended: 2" in place.run("restore", file, "--replace")
        wait_for(lambda: not place.admits(bob))
        assert not place.admits(alice)
    log = place.run("logs", "--json")
    assert '"restore"' in log and '"of later"' in log
    with place.person("alice"):
        pass


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_stopped_installation_moves_to_another_database_with_everybody_in_it(
    place: Place, tmp_path: Path
) -> None:
    file, moved = str(tmp_path / "b"), tmp_path / "lychgate.yaml"
    with place.person("carol"):
        place.run("backup", file)
    text = place.site.file.read_text()
    store = next(line for line in text.splitlines() if line.startswith("store:"))
    moved.write_text(text.replace(store, f"store: {place.elsewhere}"))
    kept = ("--keep", "logins", "--keep", "service-tokens", "--keep", "api-tokens")
    config = ("--config", str(moved))
    done = lychgate("restore", file, *kept, *config, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ended" not in done.stdout
    assert "carol@example.com" in lychgate("sessions", "list", *config, folder=tmp_path).stdout
