"""What the processes of an installation tell monitoring, also when strangers do their worst."""

import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from extauthz.xds.metrics import Counts
from lychgate.admin.api import NO_ROUTE
from lychgate.admin.routes import ROUTES as CALLS
from lychgate.config import load
from lychgate.core.decision import Reason
from lychgate.processes import accepts
from lychgate.web.app import ROUTES
from tests.docs import pages
from tests.extauthz.monitoring import FOLDER, alerts, prometheus, queries
from tests.support.envoy import free_port, running_module, wait_until
from tests.support.front import Log, exchange, request_bytes
from tests.support.installation import Installation, behind_envoy, install
from tests.support.scraping import Scraped, scrape, series, value

PUBLIC = {
    "name": "public",
    "type": "self_hosted",
    "domain": "localhost/public",
    "policies": [{"name": "all", "decision": "bypass", "include": [{"everyone": {}}]}],
}
STAFF = {
    "name": "staff",
    "type": "self_hosted",
    "domain": "localhost",
    "policies": [{"name": "staff", "decision": "allow", "include": [{"everyone": {}}]}],
}
REFERENCE = pages.REFERENCE / "metrics.md"
ROUNDS = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Every process of an installation, each with the address where it tells what it counted."""

    fronts: tuple[tuple[str, int], ...]
    """Envoy, mitmproxy, the companion app and the admin API: whoever reads what strangers send."""
    workers: tuple[str, str]
    mitmproxy: str
    companion: str

    def scraped(self) -> dict[str, Scraped]:
        """What each process tells."""
        return {one: scrape(one) for one in (*self.workers, self.mitmproxy, self.companion)}


def two_ports() -> int:
    """A port that is free, and so is the next one."""
    while accepts(f"127.0.0.1:{(port := free_port()) + 1}"):
        pass
    return port


def with_metrics(folder: Path) -> Installation:
    """An installation of two workers that tell what they count."""
    upstreams = [{"host": "localhost", "to": f"http://127.0.0.1:{free_port()}"}]
    file = install(folder, [PUBLIC, STAFF], upstreams, workers=2).file
    content = yaml.safe_load(file.read_text())
    content["extauthz"]["metrics"] = f"127.0.0.1:{two_ports()}"
    content["health"] = {"listen": f"127.0.0.1:{free_port()}"}
    content["admin"] = {"listen": f"127.0.0.1:{free_port()}"}
    file.write_text(yaml.safe_dump(content))
    return Installation(file, load(file, {}).settings)


@contextmanager
def everything(folder: Path) -> Iterator[Place]:
    """Envoy with two workers, mitmproxy, the companion app."""
    installation = with_metrics(folder)
    settings, config = installation.settings, ("--config", str(installation.file))
    mitmproxy, listen = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    addon = ("addon", *config, "--listen", listen, "--metrics", mitmproxy)
    with ExitStack() as stack:
        web = stack.enter_context(running_module(("lychgate.web", *config), folder))
        proxy = stack.enter_context(running_module((*addon, "--confdir", str(folder)), folder))
        envoy = stack.enter_context(behind_envoy(installation, Log()))
        wait_until(lambda: accepts(settings.companion.listen), web, 30)
        wait_until(lambda: accepts(settings.admin.listen), web, 30)
        wait_until(lambda: accepts(listen), proxy, 30)
        fronts = (listen, settings.companion.listen, settings.admin.listen)
        host, _, port = settings.extauthz.metrics.rpartition(":")
        yield Place(
            (envoy.address, *map(address, fronts)),
            (f"{host}:{port}", f"{host}:{int(port) + 1}"),
            mitmproxy,
            settings.health.listen,
        )


def address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Started once."""
    with everything(tmp_path_factory.mktemp("metrics")) as place:
        yield place


def hostile(front: tuple[str, int], word: str) -> None:
    """One of everything that a stranger can choose."""
    headers = (
        ("x-request-id", word),
        ("user-agent", word),
        ("cookie", f"CF_Authorization={word}"),
        ("authorization", f"Bearer {word}"),
        ("cf-access-client-id", word),
        ("origin", f"https://{word}.example"),
    )
    for method, target, host in (
        ("GET", f"/{word}", "localhost"),
        ("GET", f"/public/{word}?{word}", "localhost"),
        ("GET", f"/cdn-cgi/access/{word}", f"{word}.example"),
        ("GET", f"/cdn-cgi/access/login/{word}.example", "127.0.0.1"),
        ("GET", f"/client/v4/accounts/{word}/access/apps", "127.0.0.1"),
        ("GET", f"/client/v4/accounts/{'0' * 32}/access/apps/{word}", "127.0.0.1"),
        (word[:8].upper(), "/", "localhost"),
    ):
        exchange(front, request_bytes(method, target, host, headers), 10)
    form = f"grant_type={word}&client_id={word}&email={word}&code={word}".encode()
    kind = ("content-type", "application/x-www-form-urlencoded")
    for path in ("/cdn-cgi/access/oauth/token", "/cdn-cgi/access/pin"):
        exchange(front, request_bytes("POST", path, "127.0.0.1", (*headers, kind), form), 10)


def without_status(told: Scraped) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Every series; strangers who ask too much get another status, of the few there are."""
    return {
        (name, tuple(one for one in labels if one[0] != "status")) for name, labels in series(told)
    }


def test_a05_labels_stay_bounded_whatever_strangers_send(place: Place) -> None:
    for _ in range(3):
        for front in place.fronts:
            hostile(front, "x" + secrets.token_hex(8))
    before = {one: without_status(told) for one, told in place.scraped().items()}
    for _ in range(ROUNDS):
        for front in place.fronts:
            hostile(front, "hostile" + secrets.token_hex(8))
    for one, told in place.scraped().items():
        assert without_status(told) == before[one]
        assert len(series(told)) < 500
        labels = {label for _, labels in series(told) for _, label in labels}
        assert not [label for label in labels if "hostile" in label]


KNOWN: dict[str, frozenset[str]] = {
    "decision": frozenset({"allow", "login", "challenge", "deny", "respond", "serve"}),
    "reason": frozenset(Reason),
    "access": frozenset({"read", "write"}),
    "why": frozenset({"full", "flood"}),
    "what": frozenset({"revocation", "object"}),
    "kind": frozenset(
        {"application", "policy", "identity_provider", "service_token", "revocation"}
    ),
    "endpoint": frozenset(
        {*(one.path for one in ROUTES), *(one.path for one in CALLS), NO_ROUTE, "elsewhere"}
    ),
    "method": frozenset({*(one.method for one in CALLS), NO_ROUTE}),
}
_STATUS = re.compile(r"[1-5]\d\d")


def test_every_metric_and_label_is_in_the_reference_and_known(place: Place) -> None:
    text = REFERENCE.read_text()
    for told in place.scraped().values():
        for name, family in told.items():
            if not name.startswith("lychgate_"):
                continue
            _, kind, labels, _ = pages.row(text, name)
            used = {label for sample in family.samples for label in sample.labels} - {"le"}
            assert used <= set(re.findall(r"`(\w+)`", labels)), name
            # The version's label stands in a gauge here; the library writes its text format so.
            assert kind == family.type or (kind, family.type) == ("info", "gauge"), name
            for sample in family.samples:
                for label, found in sample.labels.items():
                    assert found in KNOWN.get(label, {found}), (name, label)
                    assert label != "status" or _STATUS.fullmatch(found)


def test_each_worker_counts_for_itself_and_all_of_it_is_there(place: Place) -> None:
    def decided() -> float:
        return sum(value(scrape(one), "lychgate_decisions_total") for one in place.workers)

    before = decided()
    for _ in range(20):
        exchange(place.fronts[0], request_bytes("GET", "/public/x", "localhost"), 10)
    assert decided() == before + 20
    for one in (*place.workers, place.mitmproxy):
        told = scrape(one)
        timed = value(told, "lychgate_decision_seconds", "_count")
        assert timed == value(told, "lychgate_decisions_total") > 0
    revisions = {value(told, "lychgate_snapshot_revision") for told in place.scraped().values()}
    assert len(revisions) == 1 and revisions != {0}
    for told in place.scraped().values():
        assert value(told, "lychgate_store_up") == 1
        assert value(told, "lychgate_snapshot_age_seconds") < 10
        assert value(told, "lychgate_snapshot_objects", kind="application") == 2
        assert value(told, "lychgate_signing_key_active_timestamp_seconds") > 0


_NAME = re.compile(r"\b(?:lychgate|process)_\w+")
_SUFFIX = re.compile(r"_(?:bucket|count|sum)$")


def of_xds() -> set[str]:
    """What an xDS server counts; the installation has none."""
    registry = CollectorRegistry()
    Counts(registry, dict)
    return {family.name + end for family in registry.collect() for end in ("", "_total")}


def test_every_query_of_dashboard_and_alerts_is_about_what_is_counted(place: Place) -> None:
    told = {name for scraped in place.scraped().values() for name in scraped} | of_xds()
    for query in queries():
        for name in _NAME.findall(query):
            assert {name, _SUFFIX.sub("", name)} & told, (name, query)


def test_every_metric_that_is_counted_is_on_the_dashboard() -> None:
    shown = {_SUFFIX.sub("", name) for query in queries() for name in _NAME.findall(query)}
    listed = {name for name in pages.rows(REFERENCE.read_text()) if name.startswith("lychgate_")}
    by_name = {"lychgate_service_token_ends_timestamp_seconds"}
    assert listed - shown == by_name


def test_a_real_prometheus_answers_every_query(place: Place, tmp_path: Path) -> None:
    with prometheus(tmp_path, place.companion, place.workers) as server:
        for query in queries():
            server.ask(query)
        assert len(server.ask("lychgate_store_up == 1")) == 3
        assert server.ask("max(lychgate_snapshot_revision) - min(lychgate_snapshot_revision)")
        assert server.ask("sum by (decision) (rate(lychgate_decisions_total[1m]))")
        for rule in alerts():
            assert server.ask(rule["expr"]) == [], f"{rule['alert']} fires and nothing is wrong"


@pytest.mark.parametrize(
    "words",
    [
        ("check", "rules", "alerts.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
    ids="-".join,
)
def test_promtool_takes_the_files(words: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
