"""The life of a service token, without store or proxy."""

import re
import zlib
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any

import pytest

from lychgate import service_tokens as life
from lychgate.api import FOREVER, to_model
from lychgate.core.model import ServiceToken
from lychgate.store.base import Delete, Kind, Object, Put, Source

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
draw = Random(7).randbytes


def model(body: life.Body) -> ServiceToken:
    value = to_model("service_token", "t1", body, NOW)
    assert isinstance(value, ServiceToken)
    return value


def stored(body: life.Body, at: datetime = NOW, source: Source = Source.API) -> Object:
    return Object(Kind.SERVICE_TOKEN, "t1", body, at, at, at, 1, source, 1)


def test_a_new_token_has_the_documented_form_and_keeps_no_secret() -> None:
    issued = life.create("ci", None, draw, NOW)
    assert re.fullmatch(r"[0-9a-f]{32}\.access", issued.client_id)
    assert re.fullmatch(r"cfast_[A-Za-z0-9]{40}[0-9a-f]{8}", issued.secret)
    assert issued.secret[-8:] == f"{zlib.crc32(issued.secret[:-8].encode()):08x}"
    assert issued.secret not in repr(issued) and issued.secret not in str(issued.body)
    token = model(issued.body)
    assert token.secret_hash == sha256(issued.secret.encode()).digest()
    assert token.expires_at == NOW + timedelta(hours=8760)
    assert token.enabled and token.previous_secret_hash is None


def test_secrets_do_not_repeat() -> None:
    assert len({life.new_secret(draw) for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("duration", "ends"),
    [
        ("2h45m", NOW + timedelta(hours=2, minutes=45)),
        ("forever", FOREVER),
        ("99999999h", FOREVER),
    ],
)
def test_it_lasts_as_long_as_said(duration: str, ends: datetime) -> None:
    assert model(life.create("ci", duration, draw, NOW).body).expires_at == ends


@pytest.mark.parametrize("duration", ["", "0s", "-1h", "soon", "1d", "9" * 400 + "h"])
def test_what_is_no_lifetime_is_refused(duration: str) -> None:
    with pytest.raises(life.InvalidDuration):
        life.change_duration(life.create("ci", None, draw, NOW).body, duration or "0", NOW)


def test_rotation_without_grace_ends_the_old_secret() -> None:
    before = life.create("ci", None, draw, NOW)
    after = life.rotate(before.body, None, draw, NOW + DAY)
    token = model(after.body)
    assert after.client_id == before.client_id and after.secret != before.secret
    assert token.secret_hash == sha256(after.secret.encode()).digest()
    assert token.previous_secret_hash is None
    assert after.body["client_secret_version"] == 1
    assert after.body["expires_at"] == before.body["expires_at"]


def test_rotation_with_grace_keeps_one_old_secret_until_then() -> None:
    first = life.create("ci", None, draw, NOW)
    second = life.rotate(first.body, NOW + DAY, draw, NOW)
    token = model(second.body)
    assert token.previous_secret_hash == sha256(first.secret.encode()).digest()
    assert token.previous_expires_at == NOW + DAY
    third = model(life.rotate(second.body, NOW + 2 * DAY, draw, NOW).body)
    assert third.previous_secret_hash == sha256(second.secret.encode()).digest()


@pytest.mark.parametrize(("at", "kept"), [(NOW + DAY, True), (NOW, False), (NOW - DAY, False)])
def test_the_grace_may_be_changed_later_also_into_the_past(at: datetime, kept: bool) -> None:
    body = life.rotate(life.create("ci", None, draw, NOW).body, NOW + 9 * DAY, draw, NOW).body
    token = model(life.end_previous(body, at, NOW))
    assert (token.previous_secret_hash is not None) is kept
    assert token.previous_expires_at == (at if kept else None)


def test_a_token_that_the_file_only_names_gets_its_first_secret() -> None:
    issued = life.rotate({"name": "ci", "client_id": "abcdefgh"}, NOW + DAY, draw, NOW)
    assert issued.body["client_secret_version"] == 1
    assert model(issued.body).previous_secret_hash is None
    assert model(issued.body).expires_at == NOW + timedelta(hours=8760)


def test_refreshing_begins_the_lifetime_again() -> None:
    body = life.create("ci", "48h", draw, NOW).body
    later = life.refresh(body, NOW + 30 * DAY)
    assert model(later).expires_at == NOW + 32 * DAY
    assert later["client_secret_hash"] == body["client_secret_hash"]
    assert model(life.change_duration(body, "24h", NOW + DAY)).expires_at == NOW + 2 * DAY


def test_disabling_is_reversible() -> None:
    body = life.create("ci", None, draw, NOW).body
    assert not model(life.disable(body)).enabled
    assert life.enable(life.disable(body)) == body


def test_the_last_week_is_worth_a_warning() -> None:
    token = stored(life.create("ci", "200h", draw, NOW).body)
    ends = NOW + timedelta(hours=200)

    def warned(at: datetime, one: Object = token) -> bool:
        return bool(list(life.ending_soon([one], at)))

    assert not warned(ends - timedelta(days=7, seconds=1))
    assert warned(ends - timedelta(days=7)) and warned(ends - timedelta(seconds=1))
    assert not warned(ends)
    assert not warned(ends - DAY, stored(life.disable(token.body)))


OFF: dict[str, Any] = {"enabled": True, "action": "disable", "inactivity_threshold_days": 30}


def test_inactivity_is_read_from_the_organization() -> None:
    assert life.inactivity({}) is None
    assert life.inactivity({"service_token_inactivity": OFF | {"enabled": False}}) is None
    found = life.inactivity({"service_token_inactivity": OFF | {"action": "delete"}})
    assert found == life.Inactivity(30 * DAY, delete=True)


@pytest.mark.parametrize(
    ("age", "used", "named", "cleaned"),
    [
        pytest.param(31, None, False, True, id="old and never used"),
        pytest.param(29, None, False, False, id="young"),
        pytest.param(90, 31, False, True, id="not used for long"),
        pytest.param(90, 29, False, False, id="used lately"),
        pytest.param(90, None, True, False, id="a rule names it"),
    ],
)
def test_who_is_cleaned_up(age: int, used: int | None, named: bool, cleaned: bool) -> None:
    body = life.create("ci", None, draw, NOW).body
    token = stored(body, NOW - age * DAY)
    last = {} if used is None else {"t1": NOW - used * DAY}
    names = frozenset({"t1"} if named else ())
    edits = life.clean_up(life.Inactivity(30 * DAY, delete=False), [token], last, names, NOW)
    assert edits == ([Put(Kind.SERVICE_TOKEN, "t1", life.disable(body))] if cleaned else [])


def test_cleaning_up_deletes_on_request_but_never_what_the_file_names() -> None:
    body = life.create("ci", None, draw, NOW).body
    setting = life.Inactivity(30 * DAY, delete=True)

    def edits(source: Source) -> list[Any]:
        token = stored(body, NOW - 40 * DAY, source)
        return life.clean_up(setting, [token], {}, frozenset(), NOW)

    assert edits(Source.API) == [Delete(Kind.SERVICE_TOKEN, "t1")]
    assert edits(Source.FILE) == []


def test_any_token_rules_protect_nobody() -> None:
    bodies: list[dict[str, Any]] = [
        {"include": [{"any_valid_service_token": {}}, {"service_token": {"token_id": "a"}}]},
        {"include": [{"everyone": {}}], "exclude": [{"service_token": {"token_id": "b"}}]},
    ]
    assert life.named_in(bodies) == {"a", "b"}
