"""A real Envoy, xDS server and decision server around a snapshot that a test puts in place."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
from prometheus_client import CollectorRegistry
from xds.core.v3.extension_pb2 import TypedExtensionConfig

from extauthz.layout import Layout
from extauthz.listening import listen
from extauthz.worker import Worker
from extauthz.xds.edition import Base
from extauthz.xds.filters import APPLICATIONS
from extauthz.xds.metrics import Counts
from extauthz.xds.publisher import Publisher
from extauthz.xds.server import Discovery, new_server
from lychgate.clock import clock
from lychgate.core.model import Action, AppId, Records, Revocation, RevocationKind
from lychgate.core.revocations import Revocations
from lychgate.core.session import Grounds, app_claims
from lychgate.core.snapshot import Snapshot, update_snapshot
from lychgate.core.tokens import sign
from lychgate.core.zerohop import vouched
from lychgate.gate import Gate, View
from lychgate.settings import Upstream, ZeroHop
from tests.support.builders import a_user, records
from tests.support.envoy import Envoy, free_port, running_envoy
from tests.support.front import Log, Origin, Reply, exchange, request_bytes

SESSION = "session-0123456789abcdef"
ALICE = a_user()


class Feed:
    """A feed whose snapshot and contact a test decides."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.lost_at: float | None = None
        self._moved = threading.Condition()

    def put(self, snapshot: Snapshot) -> None:
        """Another snapshot, as if the store had changed."""
        with self._moved:
            self.snapshot = replace(snapshot, revision=self.snapshot.revision + 1)
            self._moved.notify_all()

    def lose(self) -> None:
        """From now on the store cannot be reached."""
        self.lost_at = time.monotonic()

    def find(self) -> None:
        """It can again."""
        self.lost_at = None

    def current(self) -> Snapshot:
        """The one in place."""
        return self.snapshot

    def age(self) -> timedelta:
        """None at all, or the time since the store was lost."""
        gone = 0.0 if self.lost_at is None else time.monotonic() - self.lost_at
        return timedelta(seconds=gone)

    def wait_for(self, revision: int, timeout: timedelta = timedelta(seconds=5)) -> bool:
        """Wait for a revision."""
        with self._moved:
            return self._moved.wait_for(
                lambda: self.snapshot.revision >= revision, timeout.total_seconds()
            )


@dataclass(slots=True)
class Stand:
    """What runs; `ask` says whether Envoy proved a request by itself."""

    envoy: Envoy
    feed: Feed
    publisher: Publisher
    counts: Counts
    registry: CollectorRegistry
    endpoint: str
    asked: list[str]
    """The paths that the decision server was asked about."""
    server: grpc.Server | None = None

    def token(self, app: str, session: str = SESSION, **changed: Any) -> str:
        """Alice's token for an application."""
        snapshot = self.feed.snapshot
        compiled = snapshot.apps[AppId(app)]
        policy = next(one for one in compiled.person if one.action is Action.ALLOW)
        grounds = Grounds(session, policy.id, 0)
        hour = timedelta(hours=1)
        claims = app_claims(snapshot.team, compiled.app, ALICE, grounds, clock(), hour)
        claims = vouched(claims | changed, compiled, snapshot.revocations)
        return sign(claims, snapshot.keyring.current(clock()))

    def ask(self, token: str, host: str = "app.example", target: str = "/") -> Reply:
        """A request with a session."""
        cookie = ("Cookie", f"a=1; CF_AppSession=x; CF_Authorization={token}; b=2")
        return self.envoy.send_raw(request_bytes("GET", target, host, (cookie,)))

    def proved(self, token: str, host: str = "app.example", target: str = "/") -> bool:
        """Whether it passed without anybody having been asked."""
        before = len(self.asked)
        status = self.ask(token, host, target).status
        return status == 200 and len(self.asked) == before

    def refused(self, token: str, host: str = "app.example") -> bool:
        """Whether it did not pass."""
        return self.ask(token, host).status != 200

    def put(self, *revoked: tuple[RevocationKind, str], **changed: Any) -> None:
        """Change the snapshot; the revocations are of now and join those there are."""
        snapshot, now = self.feed.snapshot, clock()
        more = [Revocation(kind, key, now, now + timedelta(days=400)) for kind, key in revoked]
        known = changed.pop("revocations", snapshot.revocations)
        self.feed.put(replace(snapshot, revocations=known.adding(more, now), **changed))

    def configure(self, *things: Any) -> None:
        """Another configuration in place of all of it, as an administrator makes it."""
        snapshot = self.feed.snapshot
        fresh = records(*things)
        every = {**_references(snapshot.records), **_references(fresh)}
        self.feed.put(
            update_snapshot(
                snapshot,
                fresh,
                frozenset(every),
                snapshot.keyring,
                snapshot.revocations,
                snapshot.revision + 1,
                clock(),
            )
        )

    def eventually_a_token(self, app: str) -> str:
        """A token of a second in which tokens are good again."""
        time.sleep(1.02 - time.time() % 1)
        return self.token(app)

    def renewed(self) -> None:
        """Wait until every Envoy has a third filter by the newest snapshot."""
        self.eventually(self._is_renewed, 20)

    def _is_renewed(self) -> bool:
        state = self.publisher.state()
        assert state is not None
        base, now = state.base.edition, state.now
        proving = self.counted("envoys", proves="true")
        same = base.pieces is now.pieces and len(now.seconds.since(base.seconds).sessions) < 500
        return now.snapshot is self.feed.snapshot and same and proving == 1

    def counted(self, name: str, **labels: str) -> float:
        """What the xDS server has counted."""
        return self.registry.get_sample_value(f"lychgate_zero_hop_{name}", labels) or 0

    def rest(self, seconds: float) -> None:
        """Let time pass in which nothing changes."""
        time.sleep(seconds)

    def received(self) -> int:
        """Bytes that Envoy has got from the xDS server."""
        host, _, port = self.envoy.admin.partition(":")
        name = "cluster.lychgate_xds.upstream_cx_rx_bytes_total"
        ask = request_bytes("GET", f"/stats?filter=^{name}$", self.envoy.admin)
        return int(exchange((host, int(port)), ask).body.decode().rpartition(" ")[2])

    def publish_rubbish(self) -> None:
        """Send a third filter that no Envoy takes, until the next change."""
        state = self.publisher.state()
        assert state is not None
        broken = TypedExtensionConfig(name=APPLICATIONS)
        broken.typed_config.type_url = "type.googleapis.com/google.protobuf.Empty"
        self.publisher._state = replace(state, base=Base(state.base.edition, broken))

    def eventually(self, what: Callable[[], object], seconds: float = 5.0) -> float:
        """Wait for something to be so; the seconds it took."""
        began = time.monotonic()
        while not what():
            assert time.monotonic() - began < seconds, f"not so after {seconds} s"
            time.sleep(0.005)
        return time.monotonic() - began

    def stop_telling(self) -> None:
        """End the xDS server at once, as if it had been killed."""
        if self.server is not None:
            self.server.stop(0).wait()

    def tell_again(self) -> None:
        """Start it again."""
        self.server = new_server(Discovery(self.publisher, self.bound, self.counts))
        listen(self.server, self.endpoint)
        self.server.start()

    @property
    def bound(self) -> float:
        """The bound in seconds."""
        return BOUND


BOUND = 1.5


@contextmanager
def running_stand(
    folder: Path, snapshot: Snapshot, hosts: tuple[str, ...] = ("app.example",)
) -> Iterator[Stand]:
    """Start everything, and stop it afterwards."""
    feed, asked, log = Feed(snapshot), [], Log()
    gate = Gate(
        view=lambda: View(feed.snapshot, feed.age()),
        clock=clock,
        observe=lambda event: asked.append(event.path),
        grace=timedelta(hours=1),
    )
    decision, endpoint = f"unix:{folder}/decision.sock", f"unix:{folder}/xds.sock"
    settings = ZeroHop(endpoint, timedelta(seconds=BOUND))
    with ExitStack() as stack:
        worker = Worker(decision, gate, ready=lambda: True)
        worker.start()
        thread = threading.Thread(target=worker.run)
        thread.start()
        stack.callback(thread.join)
        stack.callback(worker.stop)
        publisher, registry = Publisher(feed, settings), CollectorRegistry()
        publisher.start()
        stack.callback(publisher.stop)
        counts = Counts(registry, publisher.reasons)
        origin = stack.enter_context(Origin("origin", log))
        layout = Layout(
            listen=f"127.0.0.1:{free_port()}",
            team=("team.example",),
            decision=(decision,),
            companions=(origin.address,),
            upstreams=tuple(Upstream(host, f"http://{origin.address}") for host in hosts),
            admin=f"127.0.0.1:{free_port()}",
            xds=endpoint,
        )
        envoy = stack.enter_context(running_envoy(layout, folder, log))
        stand = Stand(envoy, feed, publisher, counts, registry, endpoint, asked)
        stand.tell_again()
        stack.callback(stand.stop_telling)
        yield stand


def _references(records: Records) -> dict[tuple[str, str], None]:
    found = {("application", str(id)): None for id in records.applications}
    return found | {("policy", str(id)): None for id in records.policies}


def revoked(many: int) -> Revocations:
    """So many people and sessions that were revoked an hour ago, half of each."""
    then = clock() - timedelta(hours=1)
    ends = then + timedelta(days=400)
    kinds = (RevocationKind.USER, RevocationKind.SESSION)
    rows = [Revocation(kinds[n % 2], f"{n:036}", then, ends) for n in range(many)]
    return Revocations().adding(rows, clock())
