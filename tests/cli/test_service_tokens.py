"""`lychgate service-token` and `lychgate logs` against a real store."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lychgate.api import to_model
from lychgate.cli.app import app
from lychgate.clock import clock
from lychgate.config import load
from lychgate.config.edits import apply
from lychgate.core.model import ServiceToken
from lychgate.core.snapshot import Snapshot
from lychgate.errors import LychgateError
from lychgate.runtime import connect
from lychgate.store.base import AuditEvent, Kind
from lychgate.store.sql import SqlStore

CONFIG = """
team: {url: "https://team.example.net"}
resources:
  organization:
    service_token_inactivity: {enabled: true, action: disable, inactivity_threshold_days: 30}
  service_tokens: [{name: from the file}]
  applications:
    - name: Api
      type: self_hosted
      domain: api.example.com
      policies:
        - {name: m, decision: non_identity, include: [{service_token: {token_id: from the file}}]}
"""
type Run = Callable[..., Result]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lychgate.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def store(file: Path) -> Iterator[SqlStore[Snapshot]]:
    loaded = load(file, {})
    opened = connect(loaded.settings)
    apply(loaded, opened)
    yield opened
    opened.close()


@pytest.fixture
def run(file: Path, store: SqlStore[Snapshot]) -> Run:
    def run(*words: str, fails: bool = False) -> Result:
        done = CliRunner(env={"COLUMNS": "300"}).invoke(app, [*words, "--config", str(file)])
        assert (done.exit_code != 0) is fails, done.output
        assert not fails or isinstance(done.exception, LychgateError | SystemExit)
        return done

    return run


def made(run: Run, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("service-token", *words, "--json").stdout)
    return found


def token(store: SqlStore[Snapshot], name: str) -> ServiceToken:
    found = next(one for one in store.objects(Kind.SERVICE_TOKEN) if one.body["name"] == name)
    value = to_model(found.kind, found.id, found.body, found.rules_changed_at)
    assert isinstance(value, ServiceToken)
    return value


def good(store: SqlStore[Snapshot], name: str, secret: str) -> bool:
    return token(store, name).secret_hash == sha256(secret.encode()).digest()


def test_a_secret_is_shown_once(run: Run, store: SqlStore[Snapshot]) -> None:
    shown = run("service-token", "create", "ci")
    secret = re.findall(r"CF-Access-Client-Secret: (\S+)", shown.stdout)[0]
    assert good(store, "ci", secret)
    for words in (("list",), ("list", "--json"), ("disable", "ci"), ("refresh", "ci")):
        assert secret[6:20] not in run("service-token", *words).output


def test_it_lives_as_documented(run: Run, store: SqlStore[Snapshot]) -> None:
    first = made(run, "create", "ci", "--duration", "48h")
    client_id = first["client_id"]
    second = made(run, "rotate", "ci", "--grace", "2h")
    assert second["client_id"] == client_id and good(store, "ci", second["client_secret"])
    previous = token(store, "ci").previous_secret_hash
    assert previous == sha256(first["client_secret"].encode()).digest()
    run("service-token", "end-grace", client_id)
    assert token(store, "ci").previous_secret_hash is None
    made(run, "rotate", client_id, "--grace", "1h")
    made(run, "rotate", client_id)
    assert token(store, "ci").previous_secret_hash is None
    run("service-token", "disable", "ci")
    assert not token(store, "ci").enabled
    run("service-token", "enable", "ci")
    run("service-token", "change-duration", "ci", "forever")
    assert token(store, "ci").expires_at.year == 2999
    run("service-token", "change-duration", "ci", "1h")
    assert token(store, "ci").expires_at < clock() + timedelta(hours=1, seconds=1)
    run("service-token", "rename", "ci", "builds")
    run("service-token", "revoke", "builds")
    assert [one.body["name"] for one in store.objects(Kind.SERVICE_TOKEN)] == ["from the file"]


@pytest.mark.parametrize(
    "words",
    [
        ("rotate", "nobody"),
        ("create", "ci", "--duration", "soon"),
        ("create", "from the file"),
        ("create", "a\x1b[31mb"),
        ("create", ""),
        ("rotate", "from the file", "--grace", "-1h"),
        ("rotate", "from the file", "--grace", "tomorrow"),
        ("rename", "from the file", "x"),
        ("change-duration", "from the file", "1h"),
        ("revoke", "from the file"),
        ("disable", "from the file"),
        ("enable", "from the file"),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    run: Run, store: SqlStore[Snapshot], words: tuple[str, ...]
) -> None:
    before = store.revision()
    run("service-token", *words, fails=True)
    assert store.revision() == before


def test_what_the_command_line_made_of_the_files_token_survives_the_file(
    run: Run, store: SqlStore[Snapshot], file: Path
) -> None:
    issued = made(run, "rotate", "from the file")
    apply(load(file, {}), store)
    assert good(store, "from the file", issued["client_secret"])
    file.write_text(CONFIG.replace("name: from the file}", "name: from the file, enabled: false}"))
    apply(load(file, {}), store)
    assert not token(store, "from the file").enabled


def test_a_token_that_a_rule_names_is_not_revoked(run: Run, store: SqlStore[Snapshot]) -> None:
    made(run, "create", "ci")
    made(run, "rotate", "from the file")
    text = run("service-token", "list").stdout
    assert "good" in text and "never" in text


def test_the_log_tells_who_did_what_and_no_secret(run: Run, store: SqlStore[Snapshot]) -> None:
    issued = made(run, "create", "ci")
    now = clock()
    app = next(one.id for one in store.objects(Kind.APPLICATION))
    store.audit.write(
        [
            AuditEvent(now, "login", email="alice@example.com", app=app, allowed=True),
            AuditEvent(now, "refused", email="eve@example.com", app=app, allowed=False),
            AuditEvent(now - timedelta(days=3), "logout", email="alice@example.com"),
            AuditEvent(now, "odd", email="x\x1b[31m[red]@example.com"),
        ]
    )

    def actions(*words: str) -> list[str]:
        lines = run("logs", "--json", *words).stdout.splitlines()
        return [json.loads(line)["action"] for line in lines]

    assert actions("--user", "Alice@example.com") == ["logout", "login"]
    assert actions("--user", "alice@example.com", "--since", "1h") == ["login"]
    assert actions("--app", "Api") == ["refused", "login"]
    assert actions("--app", "Api", "--refused") == ["refused"]
    assert actions("--allowed") == ["login"]
    assert actions("--until", "24h") == ["logout"]
    assert actions("--action", "logout", "--action", "odd", "--limit", "1") == ["odd"]
    shown = run("logs", "--limit", "5000").stdout
    assert "\x1b" not in shown and "[red]" in shown and "service_token/" in shown
    everything = run("logs", "--json", "--limit", "5000").stdout
    assert issued["client_secret"] not in everything
    assert sha256(issued["client_secret"].encode()).hexdigest() not in everything
    run("logs", "--since", "yesterday", fails=True)
