"""Spans of every process under those of the real Envoy, in one trace, with nothing secret."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
import yaml

from extauthz.layout import layout_of
from lychgate.admin.scopes import SCOPES
from lychgate.config import load
from lychgate.config.naming import ACCOUNT
from lychgate.processes import accepts
from lychgate.runtime import connect
from tests.admin.running import make_token
from tests.support.catalogue import wait_for
from tests.support.collector import Collector, Received, collecting
from tests.support.envoy import Envoy, free_port, running_envoy, running_module, wait_until
from tests.support.front import Log, Origin, request_bytes
from tests.support.installation import Installation, install

APPLICATIONS = [
    {
        "name": "public",
        "type": "self_hosted",
        "domain": "localhost/public",
        "policies": [{"name": "all", "decision": "bypass", "include": [{"everyone": {}}]}],
    },
    {
        "name": "staff",
        "type": "self_hosted",
        "domain": "localhost",
        "policies": [{"name": "staff", "decision": "allow", "include": [{"everyone": {}}]}],
    },
]
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
DECISIONS, COMPANION = "lychgate extauthz", "lychgate companion"
SECRETS = (
    ("cookie", "CF_Authorization=cookie-s3cret"),
    ("authorization", "Bearer bearer-s3cret"),
    ("cf-access-client-secret", "client-s3cret"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """An installation behind a tracing Envoy, and where the spans arrive."""

    installation: Installation
    envoy: Envoy
    collector: Collector

    def ask(self, target: str, host: str = "localhost", *headers: tuple[str, str]) -> int:
        """The status of one request."""
        return self.envoy.send_raw(request_bytes("GET", target, host, headers)).status

    def newest(self, service: str, name: str) -> Received:
        """The last span of that name, once it has arrived."""
        wait_for(lambda: any(one.name == name for one in self.collector.spans(service)))
        return [one for one in self.collector.spans(service) if one.name == name][-1]

    def above(self, span: Received) -> list[Received]:
        """The spans over one, from the nearest to the root."""
        found: list[Received] = []
        while span.parent:
            span = self._of_id(span.parent)
            found.append(span)
        return found

    def _of_id(self, id: str) -> Received:
        wait_for(lambda: any(one.id == id for one in self.collector.spans()))
        return next(one for one in self.collector.spans() if one.id == id)


def traced(folder: Path, endpoint: str, upstream: str, sample: float = 1.0) -> Installation:
    """An installation whose processes send spans."""
    upstreams = [{"host": "localhost", "to": upstream}]
    file = install(folder, APPLICATIONS, upstreams).file
    content = yaml.safe_load(file.read_text())
    content["tracing"] = {"endpoint": endpoint, "sample": sample}
    content["health"] = {"listen": f"127.0.0.1:{free_port()}"}
    content["admin"] = {"listen": f"127.0.0.1:{free_port()}"}
    file.write_text(yaml.safe_dump(content))
    return Installation(file, load(file, {}).settings)


@contextmanager
def running(folder: Path, collector: Collector) -> Iterator[Place]:
    with ExitStack() as stack:
        origin = stack.enter_context(Origin("origin", Log()))
        installation = traced(folder, collector.http, f"http://{origin.address}")
        settings = installation.settings
        port = settings.team.url.rpartition(":")[2]
        web = ("lychgate.web", "--config", str(installation.file))
        companion = stack.enter_context(running_module(web, folder))
        layout = replace(
            layout_of(settings, f"127.0.0.1:{port}"), collector=collector.grpc, sample=1.0
        )
        server = stack.enter_context(installation.deciding())
        envoy = stack.enter_context(running_envoy(layout, folder, Log()))
        place = Place(installation, envoy, collector)
        wait_until(lambda: accepts(settings.companion.listen), companion, 30)
        wait_until(lambda: accepts(settings.admin.listen), companion, 30)
        wait_until(lambda: place.ask("/public/warm") == 200, server, 30)
        yield place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Started once."""
    with collecting() as collector, running(tmp_path_factory.mktemp("tracing"), collector) as place:
        yield place


def test_a_check_is_part_of_the_proxys_trace(place: Place) -> None:
    assert place.ask("/public/x") == 200
    check = place.newest(DECISIONS, "check")
    above = place.above(check)
    assert [one.service for one in above] == ["envoy", "envoy"]
    assert "lychgate_decision" in above[0].raw, "the call of the check"
    assert {one.trace for one in above} == {check.trace}
    assert check.attributes["lychgate.reason"] == "bypassed"
    assert 0 < check.nanoseconds < above[0].nanoseconds


def test_a_trace_that_began_before_the_proxy_goes_on(place: Place) -> None:
    traceparent = ("traceparent", f"00-{TRACE}-{SPAN}-01")
    assert place.ask("/private", "localhost", traceparent) == 302
    wait_for(lambda: any(one.trace == TRACE for one in place.collector.spans(DECISIONS)))
    check = next(one for one in place.collector.spans(DECISIONS) if one.trace == TRACE)
    assert check.attributes["lychgate.decision"] == "login"
    assert check.parent != SPAN, "under the proxy's span, not beside it"


def test_what_the_proxy_does_not_trace_is_not_traced(place: Place) -> None:
    other = "1" * 32
    assert place.ask("/public/x", "localhost", ("traceparent", f"00-{other}-{SPAN}-00")) == 200
    assert place.ask("/public/x") == 200
    place.newest(DECISIONS, "check")
    time.sleep(1.5)
    assert other not in {one.trace for one in place.collector.spans()}


def test_the_login_is_part_of_the_proxys_trace(place: Place) -> None:
    team = place.installation.settings.team.url.removeprefix("http://")
    assert place.ask("/cdn-cgi/access/login/localhost?kid=x", team) == 302
    login = place.newest(COMPANION, "/cdn-cgi/access/login/{host}")
    assert [one.service for one in place.above(login)] == ["envoy", "envoy"]
    assert login.attributes["lychgate.status"] == "302"


def test_a_change_of_the_store_is_part_of_the_call_that_makes_it(place: Place) -> None:
    settings = place.installation.settings
    store = connect(settings)
    try:
        token, _ = make_token(store, tuple(SCOPES), "", None)
    finally:
        store.close()
    url = f"http://{settings.admin.listen}/client/v4/accounts/{ACCOUNT}/access/tags"
    answer = httpx.post(url, json={"name": "t"}, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code in (200, 201), answer.text
    change = place.newest(COMPANION, "store change")
    assert [one.name for one in place.above(change)] == ["admin POST /access/tags"]
    assert change.attributes["lychgate.actor_kind"] == "api"


def test_a05_no_span_of_ours_holds_what_a_visitor_sent(place: Place) -> None:
    team = place.installation.settings.team.url.removeprefix("http://")
    word = "word-s3cret"
    place.ask(f"/{word}?q={word}", "localhost", *SECRETS)
    place.ask(f"/cdn-cgi/access/{word}?q={word}", team, *SECRETS)
    place.ask(f"/cdn-cgi/access/callback?code={word}&state={word}", team, *SECRETS)
    place.newest(COMPANION, "/cdn-cgi/access/callback")
    place.newest(DECISIONS, "check")
    time.sleep(1.5)
    for one in place.collector.spans():
        if one.service != "envoy":
            assert "s3cret" not in one.raw, one
