"""`lychgate oauth` against a real store."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lychgate.cli.app import app
from lychgate.clock import clock
from lychgate.config import load
from lychgate.config.edits import apply
from lychgate.core.model import AppId
from lychgate.core.snapshot import Snapshot
from lychgate.errors import LychgateError
from lychgate.runtime import connect
from lychgate.store.base import AuditFilter, Kind
from lychgate.store.oauthbase import Client, Code, Grant, GrantKind
from lychgate.store.sql import SqlStore

CONFIG = """
team: {url: "https://team.example.net"}
resources:
  applications:
    - name: Tools
      type: self_hosted
      domain: tools.example.com
      policies: [{name: all, decision: allow, include: [{everyone: {}}]}]
      oauth_configuration: {enabled: true}
"""
CLIENT = "c" * 32
GRANT = "a" * 32
type Run = Callable[..., Result]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The configuration file."""
    path = tmp_path / "lychgate.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def store(file: Path) -> Iterator[SqlStore[Snapshot]]:
    """A store with one client and one grant."""
    loaded = load(file)
    opened = connect(loaded.settings)
    apply(loaded, opened)
    now = clock()
    metadata = {"client_name": "Tester", "redirect_uris": ["http://localhost/cb"]}
    opened.oauth.clients.register(Client(CLIENT, None, metadata, now, now + timedelta(days=1)))
    grant = Grant(
        id=GRANT,
        kind=GrantKind.MANAGED,
        client=CLIENT,
        app=AppId(opened.objects(Kind.APPLICATION)[0].id),
        subject="s",
        email="alice@example.com",
        session="n",
        resource="https://tools.example.com",
        scope="",
        created_at=now,
        expires_at=now + timedelta(days=1),
    )
    opened.oauth.codes.issue(b"d", Code(grant, "", "", now + timedelta(minutes=1)))
    assert opened.oauth.codes.redeem(b"d", replace(grant), now)
    yield opened
    opened.close()


@pytest.fixture
def run(file: Path, store: SqlStore[Snapshot]) -> Run:
    """Runs a command on the store."""

    def run(*words: str) -> Result:
        command = ["oauth", *words, "--config", str(file)]
        return CliRunner(env={"COLUMNS": "80"}).invoke(app, command)

    return run


def test_ids_are_shown_whole(run: Run) -> None:
    listed = run("clients", "list").output
    assert CLIENT in listed
    assert GRANT in run("grants", "list").output


def test_grants_are_listed_by_person(run: Run) -> None:
    assert GRANT in run("grants", "list", "--email", "Alice@example.com").output
    assert GRANT not in run("grants", "list", "--email", "bob@example.com").output
    assert GRANT not in run("grants", "list", "--client", "other").output


def test_a_grant_is_ended(run: Run, store: SqlStore[Snapshot]) -> None:
    assert run("grants", "revoke", GRANT).output == "revoked\n"
    assert store.oauth.grants.list(clock()) == ()
    events = store.audit.query(AuditFilter(actions=("grant_revoked",)))
    assert [one.details for one in events] == [{"grant": GRANT}]
    assert isinstance(run("grants", "revoke", GRANT).exception, LychgateError)


def test_a_client_is_ended_with_its_grants(run: Run, store: SqlStore[Snapshot]) -> None:
    assert run("clients", "revoke", CLIENT).output == "revoked\n"
    assert store.oauth.grants.list(clock()) == ()
    assert store.oauth.clients.list(clock()) == ()
    assert isinstance(run("clients", "revoke", CLIENT).exception, LychgateError)
