"""Revocations, edits and keys: when they are in force at an Envoy that proves by itself."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import grpc
import pytest
from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.ads_pb2_grpc import AggregatedDiscoveryServiceStub
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest

from extauthz.xds.filters import APPLICATIONS, KEYS, RECENT
from extauthz.xds.publisher import Publisher
from extauthz.xds.server import TYPE
from lychgate.clock import clock
from lychgate.core.keys import OVERLAP, Keyring, new_signing_key
from lychgate.core.model import AppId, RevocationKind
from lychgate.core.snapshot import Snapshot
from lychgate.settings import ZeroHop
from tests.support.builders import a_policy, a_snapshot, an_app, sealing_key
from tests.support.scale import scaled
from tests.zerohop.stand import ALICE, BOUND, SESSION, Feed, Stand, revoked, running_stand


def fresh_snapshot() -> Snapshot:
    """One application; keys whose time is now."""
    keys = Keyring((new_signing_key(clock() - timedelta(hours=1)),), (sealing_key(),))
    other = an_app("other", "other.example")
    return a_snapshot(an_app("app", "app.example"), other, a_policy(), keyring=keys)


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """One Envoy that proves the session of one application."""
    hosts = ("app.example", "other.example")
    with running_stand(tmp_path, fresh_snapshot(), hosts) as running:
        token = running.token("app")
        running.eventually(lambda: running.proved(token))
        yield running


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (RevocationKind.USER, ALICE.subject),
        (RevocationKind.SESSION, SESSION),
        (RevocationKind.APP, "app"),
    ],
)
def test_X05_a_revocation_is_in_force_at_once(stand: Stand, kind: RevocationKind, key: str) -> None:
    token, other = stand.token("app"), stand.token("other")
    stand.put((kind, key))
    assert stand.eventually(lambda: stand.refused(token)) < 1
    assert stand.refused(other, "other.example") is (kind is not RevocationKind.APP)


def test_somebody_who_logs_in_again_is_proved_again(stand: Stand) -> None:
    old = stand.token("app")
    stand.put((RevocationKind.USER, ALICE.subject))
    stand.eventually(lambda: stand.refused(old))
    new = stand.eventually_a_token("app")
    # First by the news alone, then by the third filter, which has taken the revocation in.
    stand.eventually(lambda: stand.proved(new))
    stand.put(*((RevocationKind.SESSION, f"more-{n}") for n in range(600)))
    stand.renewed()
    assert stand.proved(new) and stand.refused(old)


def test_a_change_of_policies_outdates_tokens_at_once(stand: Stand) -> None:
    old, other = stand.token("app"), stand.token("other")
    policy = a_policy(rules_changed_at=clock())
    stand.configure(an_app("app", "app.example"), an_app("other", "other.example"), policy)
    assert stand.eventually(lambda: stand.refused(old)) < 1
    assert stand.refused(other, "other.example")
    new = stand.eventually_a_token("app")
    stand.eventually(lambda: stand.proved(new))
    assert stand.refused(old)


def test_a_destination_of_another_is_cut_out_at_once(stand: Stand) -> None:
    token = stand.token("app")
    assert stand.proved(token, target="/admin/x?y=1")
    admin = an_app("admin", "app.example/admin", "other.example")
    stand.configure(an_app("app", "app.example"), admin, a_policy())
    stand.eventually(lambda: not stand.proved(token, target="/admin/x?y=1"), 1)
    stand.eventually(lambda: stand.proved(token))
    stand.renewed()
    for target in ("/admin", "/admin/", "/admin?", "/admin/x", "/admin/../admin"):
        assert stand.ask(token, target=target).status == 302
    for target in ("/", "/adm", "/administrator", "/x/admin", "/x?/admin"):
        assert stand.proved(token, target=target)


@pytest.mark.parametrize("change", [{"zero_hop": False}, {"policies": ("none",)}])
def test_an_application_that_no_longer_qualifies_is_asked_about(
    stand: Stand, change: dict[str, object]
) -> None:
    token = stand.token("app")
    app = replace(an_app("app", "app.example"), **change)  # type: ignore[arg-type]
    stand.configure(app, a_policy(), a_policy("none", exclude=[]))
    stand.eventually(lambda: not stand.proved(token), 1)
    stand.renewed()
    assert not stand.proved(token)
    stand.configure(an_app("app", "app.example"), a_policy())
    stand.eventually(lambda: stand.proved(token))


def test_X04_keys_come_and_go(stand: Stand) -> None:
    old = stand.token("app")
    first = stand.feed.snapshot.keyring
    second = new_signing_key(clock())
    retired = replace(first.signing[0], retired_at=clock() - OVERLAP + timedelta(seconds=2))
    stand.put(keyring=replace(first, signing=(retired, second)))
    new = stand.token("app")
    stand.eventually(lambda: stand.proved(new) and stand.proved(old))
    # Nothing in the store says when the last day of a key is over.
    stand.eventually(lambda: stand.refused(old), 4)
    stand.eventually(lambda: stand.proved(new))


def test_X01_without_news_for_longer_than_the_bound_envoy_asks(stand: Stand) -> None:
    token = stand.token("app")
    stand.stop_telling()
    assert stand.proved(token)
    stand.put((RevocationKind.SESSION, SESSION))
    took = stand.eventually(lambda: stand.refused(token))
    assert took < BOUND + 1
    assert stand.asked
    stand.tell_again()
    other = stand.token("app", session="another-session-0123456789")
    stand.eventually(lambda: stand.proved(other))
    assert stand.refused(token)


def test_X01_a_store_that_is_lost_is_vouched_for_no_longer_than_the_bound(stand: Stand) -> None:
    token = stand.token("app")
    stand.feed.lose()
    assert stand.proved(token)
    assert stand.eventually(lambda: not stand.proved(token)) < BOUND + 1
    assert stand.ask(token).status == 200, "the gate goes on by its own outage grace"
    stand.feed.find()
    stand.eventually(lambda: stand.proved(token))


def test_X05_another_server_that_knows_less_brings_nothing_back(stand: Stand) -> None:
    """What was revoked long ago stays so where Envoy goes over to a server without its store."""
    token = stand.token("app")
    behind = Feed(stand.feed.snapshot)
    behind.lost_at = time.monotonic() - 60
    late = Publisher(behind, ZeroHop(stand.endpoint, timedelta(seconds=BOUND)))
    late.start()
    try:
        # So many that the third filter knows of them, and the second need not any more.
        more = ((RevocationKind.SESSION, f"more-{n}") for n in range(600))
        stand.put((RevocationKind.SESSION, SESSION), *more)
        stand.renewed()
        assert stand.refused(token)
        stand.stop_telling()
        stand.publisher = late
        stand.tell_again()
        until = time.monotonic() + BOUND + 1
        while time.monotonic() < until:
            assert stand.refused(token)
    finally:
        late.stop()


def test_D05_who_asks_and_never_reads_is_not_listened_to_for_ever(stand: Stand) -> None:
    names = (KEYS, RECENT, APPLICATIONS)
    node = Node(id="x" * 100_000)
    node.user_agent_build_version.version.major_number = 2
    ask = DeltaDiscoveryRequest(
        node=node,
        type_url=TYPE,
        resource_names_subscribe=names,
        resource_names_unsubscribe=names,
    )
    taken, over = count(), threading.Event()

    def flood() -> Iterator[DeltaDiscoveryRequest]:
        while not over.is_set() and next(taken) < 2_000:
            yield ask

    with grpc.insecure_channel(stand.endpoint) as channel:
        stream = AggregatedDiscoveryServiceStub(channel).DeltaAggregatedResources(flood())
        stand.rest(2 * BOUND)
        assert next(taken) < 1_000
        assert stand.proved(stand.token("app")), "others are told as ever"
        over.set()
        stream.cancel()


def test_X05_rubbish_proves_nothing(stand: Stand) -> None:
    token = stand.token("app")
    stand.put()
    stand.publish_rubbish()
    stand.eventually(lambda: not stand.proved(token), BOUND + 1)
    assert stand.ask(token).status == 200
    assert 0 < stand.counted("answers_total", answer="refused") < 20, "not again and again"
    stand.put(*((RevocationKind.SESSION, f"more-{n}") for n in range(600)))
    stand.eventually(lambda: stand.proved(token))


@pytest.mark.parametrize("full", [1_000, 10_000])
def test_X05_among_many_revocations_each_counts(stand: Stand, full: int) -> None:
    token, many = stand.token("app"), scaled(full, 500)
    stand.put(revocations=revoked(many))
    stand.renewed()
    stand.eventually(lambda: stand.proved(token))
    stand.put((RevocationKind.SESSION, SESSION))
    assert stand.eventually(lambda: stand.refused(token)) < 1
    stand.put(*((RevocationKind.SESSION, f"more-{n}") for n in range(600)))
    stand.renewed()
    assert stand.refused(token)
    other = stand.token("app", session="another-session-0123456789")
    stand.eventually(lambda: stand.proved(other))
    # Two thousand numbers would be a megabyte; what keeps them in force is a few bytes.
    before = stand.received()
    stand.rest(BOUND)
    assert stand.proved(other)
    assert stand.received() - before < 5_000


def test_X07_many_applications_are_told_apart(tmp_path: Path) -> None:
    many = scaled(10_000, 300)
    apps = [an_app(f"app{n}", f"app{n}.example") for n in range(many)]
    hosts = ("app0.example", f"app{many - 1}.example")
    snapshot = a_snapshot(*apps, a_policy(), keyring=fresh_snapshot().keyring)
    with running_stand(tmp_path, snapshot, hosts) as stand:
        last = f"app{many - 1}"
        token, other = stand.token(last), stand.token("app0")
        stand.eventually(lambda: stand.proved(token, hosts[1]), 30)
        assert stand.proved(other, hosts[0])
        assert stand.refused(token, hosts[0]) and stand.refused(other, hosts[1])
        stand.put((RevocationKind.APP, last))
        assert stand.eventually(lambda: stand.refused(token, hosts[1])) < 1
        assert stand.proved(other, hosts[0])
        assert AppId(last) in stand.feed.snapshot.apps
