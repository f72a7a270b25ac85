"""A start with something broken in the store (X02): refused there, decided elsewhere."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from lychgate.answer import Answer
from lychgate.core.model import Team
from lychgate.core.request import Request, address
from lychgate.gate import Forward, Outcome
from lychgate.runtime import connect, open_runtime
from lychgate.settings import Settings
from lychgate.store.base import Actor, Catalogue, Edit, Kind, Put

OPEN = {"name": "open", "decision": "bypass", "include": [{"everyone": {}}]}


def policy(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def edits(_: Catalogue) -> Sequence[Edit]:
    puts: list[Edit] = []
    for number, domain in enumerate(("a.example", "a.example/below", "b.example")):
        puts.append(Put(Kind.POLICY, policy(number), OPEN))
        body = {
            "name": domain,
            "type": "self_hosted",
            "domain": domain,
            "destinations": [{"type": "public", "uri": domain}],
            "policies": [{"id": policy(number), "precedence": 1}],
        }
        puts.append(Put(Kind.APPLICATION, f"00000000-0000-4000-a000-{number:012x}", body))
    return puts


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(Team("https://team.example"), store=f"sqlite:///{tmp_path / 'lychgate.db'}")
    store = connect(found)
    store.change(Actor("test", "system"), edits)
    store.close()
    return found


def spoil(settings: Settings, kind: str, id: str, body: str) -> None:
    path = settings.store.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database, database:
        done = database.execute(
            "UPDATE objects SET body = ? WHERE kind = ? AND id = ?", (body, kind, id)
        )
        assert done.rowcount == 1


def ask(settings: Settings, *targets: tuple[str, str]) -> list[Outcome]:
    with open_runtime(settings) as runtime:
        return [
            runtime.gate.check(
                Request("1", "GET", "https", host, path, None, {}, address("192.0.2.1"))
            )
            for host, path in targets
        ]


@pytest.mark.parametrize(
    "body",
    [
        '{"name": "open", "decision": "bypass", "include": [{"no_such_rule": {}}]}',
        '{"decision": 7}',
    ],
)
def test_X02_a_broken_policy_closes_its_application_alone(settings: Settings, body: str) -> None:
    spoil(settings, "policy", policy(1), body)
    above, broken, other = ask(
        settings, ("a.example", "/"), ("a.example", "/below/x"), ("b.example", "/")
    )
    assert isinstance(above, Forward)
    assert isinstance(other, Forward)
    assert isinstance(broken, Answer), "the application above took the place of a broken one"
    assert broken.status == 403


def test_X02_an_unreadable_application_stops_every_decision(settings: Settings) -> None:
    spoil(settings, "application", f"00000000-0000-4000-a000-{1:012x}", '{"name": 7}')
    for answer in ask(settings, ("a.example", "/below"), ("b.example", "/")):
        assert isinstance(answer, Answer)
        assert answer.status == 503
