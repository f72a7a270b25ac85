"""Saves and restores stores of the tests, and compares what is in them."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from lychgate.core.model import AppId, IdpId, TokenId
from lychgate.store.backup.archive import Header
from lychgate.store.backup.dump import back_up, reflected
from lychgate.store.backup.ending import Kept
from lychgate.store.backup.restore import Restored, Target, restore
from lychgate.store.base import (
    ApiToken,
    AuditEvent,
    Clock,
    Kind,
    Put,
    Source,
    Transfer,
)
from lychgate.store.database import Database
from lychgate.store.oauthbase import Consent
from lychgate.store.sealing import KeyPlace
from lychgate.store.sql import open_store
from tests.store.contract.test_approvals import ask
from tests.store.contract.test_oauth import APP, CLIENT, WAITING, granted
from tests.store.contract.test_people import a_session
from tests.store.parts import START, Opened, Place, delete, policy, put, small_compile, small_model

ODD = 'ä\u2028"\\ 日本 \U0001f600'
SECRET = "the secret of a client"
DAY = timedelta(days=1)


def fill(store: Opened) -> None:
    """Put something into every table."""
    put(store, policy("p1", ODD), Put(Kind.IDP, "i1", {"name": "x"}, {"client_secret": SECRET}))
    put(store, token("t1"), token("t2", Source.FILE), policy("p2"))
    put(store, delete(Kind.POLICY, "p2"))
    _fill_people(store)
    _fill_programs(store)
    store.audit.write([AuditEvent(START, "login", email=ODD, allowed=True, details={"a": [1]})])
    store.keys.rotate(START)


def _fill_people(store: Opened) -> None:
    user = store.users.find_or_create("alice@example.com", ODD, START)
    store.sessions.create(a_session("n1", subject=user.id))
    store.sessions.create(a_session("n2", subject="somebody else"))
    store.revocations.revoke_session("n2", START)
    store.one_time.consume("state", "x", START + DAY)
    store.pins.issue("t", "alice@example.com", b"\x01\x02", START + DAY, START)
    store.purposes.record("n1", AppId("a1"), ODD)
    store.approvals.request(ask("r1"), START)


def _fill_programs(store: Opened) -> None:
    granted(store)
    store.oauth.clients.register(CLIENT)
    store.oauth.consents.record(Consent("s1", "c1", APP, "localhost"), START, START + DAY)
    store.oauth.devices.begin(b"device", b"user", WAITING)
    store.api_tokens.create(ApiToken("k1", "ci", "", ("a", "b"), START), b"\0\xff digest")
    store.transfers.put("receiver", Transfer("sender", "content", START + DAY))
    store.token_uses.note({TokenId("t1"): START})
    store.visits.count("pin/192.0.2.1", 10, DAY, START)
    store.issuers.note(IdpId("i1"), "settings", "https://issuer.example")
    store.results.keep("r1", [{"status": "approved"}], START)


def token(id: str, source: Source = Source.API) -> Put:
    """A service token with two good secrets."""
    body = {
        "name": id,
        "enabled": True,
        "client_id": f"{id}.access",
        "client_secret_hash": "a" * 64,
        "previous_client_secret_hash": "b" * 64,
        "previous_client_secret_expires_at": "2030-01-01T00:00:00Z",
    }
    return Put(Kind.SERVICE_TOKEN, id, body, source=source)


@contextmanager
def opened(place: Place) -> Iterator[Database]:
    """The database of a place."""
    with closing(Database(place.url)) as database:
        yield database


def save(place: Place, file: Path, clock: Clock = lambda: START, **more: Any) -> Header:
    """Back a store up."""
    with opened(place) as database:
        return back_up(database, keys_of(place), file, clock(), lambda total, done: None, **more)


def put_back(
    file: Path,
    place: Place,
    *keep: Kept,
    replace: bool = False,
    clock: Clock = lambda: START + DAY / 2,
    keys: KeyPlace | None = None,
) -> Restored:
    """Restore a backup into a place."""
    with opened(place) as database:
        target = Target(database, keys or keys_of(place), replace)
        return restore(file, target, keep, prove, clock, lambda total, done: None)


def keys_of(place: Place) -> KeyPlace:
    """Where a place has its master key."""
    return KeyPlace(place.environment, None)


def prove(url: str, environment: Mapping[str, str]) -> None:
    """Open a store as the tests do."""
    store = open_store(url, small_model, small_compile, lambda: START, environment=environment)
    with closing(store):
        store.mirror.refresh(store)


type Everything = Mapping[str, Collection[tuple[Any, ...]]]


def everything(place: Place) -> Everything:
    """Every row of every table, as the driver gives it."""
    with opened(place) as database, database.read() as connection:
        return {
            name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for name, table in reflected(connection).items()
        }
