"""What the companion app does by itself every few minutes."""

import json
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from lychgate import service_tokens as life
from lychgate.core.model import TokenId
from lychgate.logs import JsonLines
from lychgate.store.base import Actor, AuditEvent, AuditFilter, Delete, Kind, Put
from lychgate.web.housekeeping import House, keep_house
from tests.web.configs import BASE
from tests.web.installation import Installation

ADMIN = Actor("admin", "cli")
INACTIVE = "{enabled: true, action: delete, inactivity_threshold_days: 30}"
CONFIG = BASE.replace(
    "organization: {name: Example}",
    f"organization: {{name: Example, service_token_inactivity: {INACTIVE}}}",
)
DAY = 86_400


def house(installation: Installation) -> House:
    services = installation.services
    return House(installation.store, installation.clock, services.metrics, timedelta(days=90))


def add_token(installation: Installation, name: str, duration: str | None = None) -> str:
    random, now = installation.services.random, installation.clock()
    issued = life.create(name, duration, random, now)
    put = Put(Kind.SERVICE_TOKEN, name, issued.body)
    installation.store.change(ADMIN, lambda _: [put])
    return issued.secret


def names(installation: Installation) -> list[str]:
    return [one.id for one in installation.store.objects(Kind.SERVICE_TOKEN)]


def test_tokens_nobody_uses_go_and_the_audit_log_says_who_did_it(tmp_path: Path) -> None:
    with Installation(tmp_path, CONFIG) as installation:
        add_token(installation, "idle")
        add_token(installation, "busy")
        keeper = house(installation)
        installation.clock.advance(29 * DAY)
        keeper.tidy()
        assert names(installation) == ["idle", "busy"]
        busy = installation.store.object(Kind.SERVICE_TOKEN, "busy")
        assert busy is not None
        installation.store.token_uses.note({TokenId(busy.id): installation.clock()})
        installation.clock.advance(2 * DAY)
        keeper.tidy()
        assert names(installation) == ["busy"]
        (event,) = installation.store.audit.query(AuditFilter(target="service_token/idle", limit=1))
        assert (event.action, event.actor) == ("delete", "inactivity clean-up")
        installation.clock.advance(31 * DAY)
        installation.store.change(ADMIN, lambda _: [Delete(Kind.SERVICE_TOKEN, "busy")])
        keeper.tidy()
        assert installation.store.token_uses.last() == {}


def test_without_the_setting_nobody_goes(installation: Installation) -> None:
    add_token(installation, "idle")
    installation.clock.advance(300 * DAY)
    house(installation).tidy()
    assert names(installation) == ["idle"]


def test_the_last_week_of_a_token_is_a_line_a_day_and_a_metric(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    secret = add_token(installation, "ci", "240h")
    keeper = house(installation)
    keeper.tidy()
    assert b'ends_timestamp_seconds{name="ci"}' not in generate_latest(installation.registry)
    installation.clock.advance(4 * DAY)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            keeper.tidy()
        installation.clock.advance(DAY)
        keeper.tidy()
    lines = [JsonLines().format(record) for record in caplog.records]
    assert len(lines) == 2
    assert json.loads(lines[0])["name"] == "ci" and secret not in "".join(lines)
    assert b'ends_timestamp_seconds{name="ci"}' in generate_latest(installation.registry)
    installation.clock.advance(6 * DAY)
    keeper.tidy()
    assert b'ends_timestamp_seconds{name="ci"}' not in generate_latest(installation.registry)


def test_audit_rows_are_kept_as_long_as_configured(installation: Installation) -> None:
    installation.store.audit.write([AuditEvent(installation.clock(), "login")])
    keeper = house(installation)
    installation.clock.advance(89 * DAY)
    keeper.tidy()
    assert installation.store.audit.query(AuditFilter(actions=("login",)))
    installation.clock.advance(2 * DAY)
    keeper.tidy()
    assert not installation.store.audit.query(AuditFilter(actions=("login",)))


def test_a_store_that_is_gone_ends_no_chore(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    path = installation.folder / "lychgate.db"
    keeper = house(installation)
    installation.store.close()
    path.unlink()
    with caplog.at_level(logging.WARNING):
        keeper.tidy()
    assert len([one for one in caplog.records if "could not be tidied" in one.message]) == 2
    with keep_house(keeper):
        pass
