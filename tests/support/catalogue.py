"""The installation that the security catalogue speaks of, running behind both proxies.

Real store, companion app and decision server; a real Envoy and a real mitmproxy in front of one
origin that echoes and logs what it gets. Tokens can be minted with the store's keys, so that a test
about a token need not log anybody in.
"""

import json
import re
import secrets
import subprocess
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from extauthz.layout import layout_of
from lychgate.config import load
from lychgate.config.edits import apply
from lychgate.core.identity import Identity
from lychgate.core.model import Action, IdpId
from lychgate.core.session import Grounds, app_claims, org_claims
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.tokens import sign
from lychgate.core.urls import CERTS
from lychgate.core.zerohop import vouched
from lychgate.processes import accepts
from lychgate.runtime import connect, follow
from lychgate.settings import Settings
from lychgate.store.base import AuditFilter, Session
from lychgate.store.feed import Feed
from lychgate.store.sql import SqlStore
from tests.support.envoy import free_port, running_envoy, running_module, wait_until
from tests.support.front import (
    Answer,
    Log,
    Origin,
    Reply,
    Seen,
    echo,
    exchange,
    request_bytes,
)

TEAM = "team.example"
ALICE, BOB, MALLORY = "alice@staff.example", "bob@admins.example", "mallory@elsewhere.example"
ST1_ID, ST1_SECRET = "st1.token.example", "5e1f" * 16
FRONTS = ("envoy", "mitmproxy")
ZERO_HOP = "zero-hop"
"""A second Envoy, which proves by itself what it can."""
_STAFF = {"name": "staff", "decision": "allow", "include": [{"group": {"id": "staff"}}]}
_ADMINS = {"name": "admins", "decision": "allow", "include": [{"group": {"id": "admins"}}]}
_EVERYONE = {"name": "everyone", "decision": "bypass", "include": [{"everyone": {}}]}
_MACHINE = {"service_token": {"token_id": "ST1"}}
_BY_MACHINE = {"name": "machines", "decision": "non_identity", "include": [_MACHINE]}
_BY_ADDRESS = {"name": "inside", "decision": "bypass", "include": [{"ip": {"ip": "10.9.0.0/16"}}]}
_BY_NAME = {
    "name": "named",
    "decision": "non_identity",
    "include": [{"common_name": {"common_name": "svc"}}],
}
_ALLOW_MACHINE = {"name": "machines as people", "decision": "allow", "include": [_MACHINE]}

_CORS = {
    "allowed_origins": ["https://x.example"],
    "allowed_methods": ["GET", "PUT"],
    "allow_all_headers": True,
    "allow_credentials": True,
    "max_age": 60,
}


def _app(name: str, uri: str, *policies: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": "self_hosted",
        "destinations": [{"type": "public", "uri": uri}],
        "policies": list(policies),
    } | more


APPLICATIONS = (
    _app("PUB", "a.example/public/*", _EVERYONE),
    _app("ADM", "a.example/admin", _ADMINS),
    _app("ROOT", "a.example", _STAFF),
    _app("B", "b.example", _STAFF, _BY_MACHINE),
    _app("W", "*.w.example", _STAFF),
    _app("ADDRESS", "address.example", _BY_ADDRESS, _STAFF),
    _app("NAMED", "named.example", _BY_NAME),
    _app("PREFLIGHT", "preflight.example", _STAFF, options_preflight_bypass=True),
    _app("BOUND", "bound.example", _STAFF, enable_binding_cookie=True),
    _app("MACHINE", "machine.example", _ALLOW_MACHINE),
    _app("GONE", "gone.example", _EVERYONE),
    _app("SINGLE", "single.example", _BY_MACHINE, read_service_tokens_from_header="Authorization"),
    _app("OAUTH", "oauth.example", _STAFF, oauth_configuration={"enabled": True}),
    _app("CORS", "cors.example", _STAFF, cors_headers=_CORS),
)
FREE = "free.example"
"""A host without an application, in a zone that is exempted from the refusal of such hosts."""
HOSTS: tuple[str, ...] = (
    *("a.example", "b.example", "address.example", "named.example", "preflight.example"),
    *("bound.example", "machine.example", "single.example", "oauth.example", "cors.example"),
    *("*.w.example", "w.example", "xw.example", FREE),
)


def configuration(folder: Path, origin: str, **more: Any) -> dict[str, Any]:
    """The file of the installation, on free ports of loopback; `more` replaces settings."""
    return {
        "team": {"name": "Catalogue", "url": f"https://{TEAM}"},
        "store": f"sqlite:///{folder / 'lychgate.db'}",
        "companion": {"listen": f"127.0.0.1:{free_port()}"},
        "extauthz": {"listen": [f"unix:{folder / 'decision.sock'}"]},
        "zero_hop": {"listen": f"unix:{folder / 'xds.sock'}", "bound": "2s"},
        "health": {"listen": f"127.0.0.1:{free_port()}"},
        "admin": {"listen": f"127.0.0.1:{free_port()}"},
        "mail": {"folder": str(folder / "mail"), "from": "gate@team.example"},
        "limits": {"pins_per_hour": 1000},
        "log": {"format": "json", "level": "info", "allow": True, "bypass": True},
        "upstreams": [
            *({"host": host, "to": f"http://{origin}"} for host in HOSTS),
            {"host": "gone.example", "to": f"http://127.0.0.1:{free_port()}"},  # nobody listens
        ],
        "resources": {
            "organization": {
                "name": "Catalogue",
                "deny_unmatched_requests": True,
                "deny_unmatched_requests_exempted_zone_names": [FREE],
            },
            "identity_providers": [{"name": "PIN", "type": "onetimepin", "config": {}}],
            "groups": [
                {"name": "staff", "include": [{"email_domain": {"domain": "staff.example"}}]},
                {"name": "admins", "include": [{"email": {"email": BOB}}]},
            ],
            "service_tokens": [
                {
                    "name": "ST1",
                    "enabled": True,
                    "client_id": ST1_ID,
                    "client_secret_hash": sha256(ST1_SECRET.encode()).hexdigest(),
                    "expires_at": "2099-01-01T00:00:00Z",
                },
            ],
            "applications": list(APPLICATIONS),
        },
    } | more


@dataclass(frozen=True, slots=True)
class Proxy:
    """One running proxy and the log of what is behind it."""

    url: str
    log: Log
    name: str
    admin: str = ""
    """Address of the proxy's own interface, if it has one."""

    def stats(self, names: str) -> dict[str, int]:
        """Envoy's counters and gauges whose names fit a regular expression."""
        host, _, port = self.admin.partition(":")
        ask = request_bytes("GET", f"/stats?format=json&filter={names}", self.admin)
        found = json.loads(exchange((host, int(port)), ask).body)["stats"]
        return {one["name"]: one["value"] for one in found if "value" in one}

    def checks(self) -> int:
        """How many requests it has asked the decision server about."""
        stats = self.stats("^cluster[.]lychgate_decision[.]upstream_rq_total$")
        return sum(stats.values())

    def send_raw(self, data: bytes, timeout: float = 10.0) -> Reply:
        """Send bytes on a fresh connection and read the first answer."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        return exchange((host, int(port)), data, timeout)

    def origin_log(self) -> tuple[Seen, ...]:
        """Every request that the origin received, oldest first."""
        return self.log.read()

    def clear_log(self) -> None:
        """Forget what the origin received."""
        self.log.clear()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has logged in, with the session their tokens carry."""

    identity: Identity
    session: str

    @property
    def email(self) -> str:
        """Their address."""
        return self.identity.email


@dataclass(slots=True)
class Catalogue:
    """The running installation."""

    folder: Path
    file: Path
    settings: Settings
    store: SqlStore[Snapshot]
    feed: Feed[Snapshot]
    log: Log
    stack: ExitStack
    sink: int | None = None
    """The file descriptor that gets the output of the processes in place of files."""
    fronts: dict[str, Proxy] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _people: dict[str, Person] = field(default_factory=dict)
    _minted: set[str] = field(default_factory=set, repr=False)
    """The signatures of tokens made here."""
    _handed_out: set[str] = field(default_factory=set, repr=False)
    """Cookies, links and secrets that somebody got."""

    def app(self, name: str) -> CompiledApp:
        """An application by its name."""
        snapshot = self.feed.current()
        assert snapshot is not None
        return next(one for one in snapshot.apps.values() if one.app.name == name)

    def aud(self, name: str) -> str:
        """The audience of an application."""
        return self.app(name).app.audience

    def person(self, email: str) -> Person:
        """Somebody who has logged in; the same login each time."""
        if email not in self._people:
            self._people[email] = self.log_in(email)
        return self._people[email]

    def log_in(self, email: str) -> Person:
        """A new login, written where the companion app writes it."""
        now = real_now()
        user = self.store.users.find_or_create(email, "", now)
        snapshot = self.feed.current()
        assert snapshot is not None
        idp = IdpId(str(next(iter(snapshot.idps))))
        identity = Identity(user.id, email, "", idp, "onetimepin", email, now)
        nonce, ends = secrets.token_urlsafe(24), now + timedelta(days=1)
        self.store.sessions.create(
            Session(nonce, user.id, email, identity, "127.0.0.1", "", now, ends)
        )
        return Person(identity, nonce)

    def claims(self, email: str, name: str, life: float = 3600) -> dict[str, Any]:
        """The claims of somebody's token for an application."""
        person, app = self.person(email), self.app(name)
        first = next(one for one in app.person if one.action is Action.ALLOW)
        grounds = Grounds(person.session, first.id, 0)
        team, span = self.settings.team, timedelta(seconds=life)
        claims = app_claims(team, app.app, person.identity, grounds, real_now(), span)
        return self.issued(claims, name)

    def issued(self, claims: Mapping[str, Any], name: str) -> dict[str, Any]:
        """Claims with the two that our issuer adds if they deserve it, and with no others of them.

        A token of ours that is not like the others is made like this, or it would claim to be.
        """
        snapshot = self.feed.current()
        assert snapshot is not None
        return vouched(claims, self.app(name), snapshot.revocations)

    def org_claims(self, email: str) -> dict[str, Any]:
        """The claims of somebody's team session."""
        snapshot, person = self.feed.current(), self.person(email)
        assert snapshot is not None
        team, now = self.settings.team, real_now()
        return org_claims(team, snapshot.organization, person.identity, person.session, now)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token of these claims, signed with the installation's key."""
        token = sign(claims, self.store.keys.keyring().current(real_now()))
        self._minted.add(token.rpartition(".")[2])
        return token

    def token(self, email: str, name: str, **changed: Any) -> str:
        """Somebody's token for an application, some claims changed."""
        return self.sign(self.issued(self.claims(email, name) | changed, name))

    def mails(self, to: str) -> list[str]:
        """The text of every mail to an address, oldest first."""
        found = []
        for file in sorted(self.folder.glob("mail/*.eml"), key=lambda one: one.stat().st_mtime_ns):
            message = message_from_bytes(file.read_bytes(), policy=policy.default)
            body = message.get_body(("plain",))
            if to in str(message["To"]) and body is not None:
                found.append(str(body.get_content()))
        return found

    def code(self, to: str, mails: int = 1) -> str:
        """The code in somebody's newest mail, once there are that many."""
        wait_for(lambda: len(self.mails(to)) >= mails)
        found = re.findall(r"\b[0-9]{6}\b", self.mails(to)[-1])
        assert len(found) == 1, found
        return str(found[0])

    def start(self, *modules: str) -> None:
        """Start processes of the installation, again if need be, and wait until they accept."""
        for module in modules:
            running = running_module(self._arguments(module), self.folder, self.sink)
            self.processes[module] = self.stack.enter_context(running)
        for module in modules:
            self._wait_for(module)

    def _arguments(self, module: str) -> tuple[str, ...]:
        arguments = (module, "--config", str(self.file))
        if module != "addon":
            return arguments
        listen = self.fronts["mitmproxy"].url.removeprefix("http://")
        confdir = str(self.folder / "mitmproxy")
        return (*arguments, "--listen", listen, "--confdir", confdir)

    def _wait_for(self, module: str) -> None:
        settings = self.settings
        listening: dict[str, tuple[str, ...]] = {
            "extauthz": settings.extauthz.endpoints,
            "extauthz.http": settings.http_check.endpoints,
            "extauthz.xds": (settings.zero_hop.listen,),
            "lychgate.web": (settings.companion.listen,),
        }
        asked = listening.get(module) or (self.fronts["mitmproxy"].url.removeprefix("http://"),)
        wait_until(lambda: all(map(accepts, asked)), self.processes[module], 60)

    def start_again(self, *modules: str) -> None:
        """Whatever became of processes: kill what is left of them, and start them."""
        self.kill(*modules)
        self.start(*modules)
        self.served()

    def served(self) -> None:
        """Wait until each proxy reaches everything: it asks nobody who fails its health check."""
        asked = (("/public/", "a.example"), (CERTS, TEAM))
        for data in (request_bytes("GET", target, host) for target, host in asked):
            for front in self.fronts.values():
                wait_for(partial(says, front, data, 200), 30)

    def kill(self, *modules: str) -> None:
        """Kill processes of the installation, without a word of warning."""
        for module in modules:
            self.processes[module].kill()
            self.processes[module].wait()

    def output(self, process: str = "*") -> str:
        """What every process, or one of them, has written so far."""
        files = self.folder.rglob(f"{process}.log")
        return "".join(file.read_text(errors="replace") for file in files)

    def kept(self) -> str:
        """What anybody may read later: the audit log, and the companion app's metrics."""
        rows = self.store.audit.query(AuditFilter(limit=10_000))
        host, _, port = self.settings.health.listen.rpartition(":")
        ask = request_bytes("GET", "/metrics", self.settings.health.listen)
        metrics = exchange((host, int(port)), ask).body.decode()
        assert "lychgate_web_answers_total" in metrics
        return metrics + json.dumps([asdict(one) for one in rows], default=str)

    def hand_out(self, *values: str) -> None:
        """Note what only the one who got it may know."""
        self._handed_out.update(value for value in values if len(value) >= 20)

    def own_secrets(self) -> dict[str, list[str]]:
        """What nobody ever gets: the keys, in every form they could be written down in."""
        keyring = self.store.keys.keyring()
        raw = [key.secret for key in keyring.sealing]
        raw += [
            key.private.private_numbers().d.to_bytes(256)  # RSA of 2048 bits
            for key in keyring.signing
        ]
        return {
            "a key": [form for one in raw for form in _spellings(one)],
            "the master key": [(self.folder / "lychgate.key").read_text().strip()],
        }

    def secrets_in(self, text: str) -> list[str]:
        """The kinds of secret that a text holds: minted tokens, service secrets, mailed codes."""
        codes = re.findall(r"\b[0-9]{6}\b", "".join(self.mails("")))
        kinds = {
            "a token": any(token in text for token in self._minted),
            "a service token's secret": ST1_SECRET in text,
            "a code": any(re.search(rf"\b{code}\b", text) for code in codes),
            "a cookie, link or secret": any(value in text for value in self._handed_out),
        }
        for kind, values in self.own_secrets().items():
            kinds[kind] = any(value in text for value in values)
        return [kind for kind, found in kinds.items() if found]

    def configure(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Edit the file and apply it; returns in a second in which tokens are good again."""
        content = yaml.safe_load(self.file.read_text())
        change(content["resources"])
        self.restore(yaml.safe_dump(content))

    def restore(self, text: str) -> None:
        """Put a whole file in place and apply it."""
        self.file.write_text(text)
        apply(load(self.file, {}), self.store)
        assert self.feed.wait_for(self.store.revision())
        time.sleep(1)  # within which every other process hears of it
        next_second()


def _spellings(secret: bytes) -> list[str]:
    """A binary secret as hex and as both kinds of base64, from any of its bytes on."""
    parts = [secret[start : start + 24] for start in range(3)]
    encoded = [encode(part).decode() for part in parts for encode in (b64encode, urlsafe_b64encode)]
    return [secret.hex()[:48], *encoded]


def real_now() -> datetime:
    """The time of this machine."""
    return datetime.fromtimestamp(time.time(), UTC)


def next_second() -> None:
    """Wait for the next second to begin."""
    time.sleep(1.02 - time.time() % 1)


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.02)


def says(front: Proxy, data: bytes, status: int, seconds: float = 20.0) -> bool:
    """Whether a proxy answers a request with a status within a time."""
    try:
        return front.send_raw(data, seconds).status == status
    except TimeoutError:
        return False


@contextmanager
def running_catalogue(
    folder: Path,
    fronts: tuple[str, ...] = FRONTS,
    answer: Answer = echo,
    sink: int | None = None,
    **more: Any,
) -> Iterator[Catalogue]:
    """Start everything, and stop it afterwards."""
    log = Log()
    with ExitStack() as stack:
        origin = stack.enter_context(Origin("origin", log, answer))
        file = folder / "lychgate.yaml"
        file.write_text(yaml.safe_dump(configuration(folder, origin.address, **more)))
        loaded = load(file, {})
        settings = loaded.settings
        store = connect(settings)
        stack.callback(store.close)
        apply(loaded, store)
        feed = follow(store)
        stack.callback(feed.stop)
        catalogue = Catalogue(folder, file, settings, store, feed, log, stack, sink)
        if "mitmproxy" in fronts:
            url = f"http://127.0.0.1:{free_port()}"
            catalogue.fronts["mitmproxy"] = Proxy(url, log, "mitmproxy")
        catalogue.start(*_modules(fronts))
        for front in ("envoy", ZERO_HOP):
            if front in fronts:
                catalogue.fronts[front] = stack.enter_context(_envoy(catalogue, front))
        catalogue.served()
        yield catalogue


def _modules(fronts: tuple[str, ...]) -> tuple[str, ...]:
    of = {"envoy": "extauthz", "mitmproxy": "addon", ZERO_HOP: "extauthz.xds"}
    return ("lychgate.web", *(of[front] for front in fronts))


@contextmanager
def _envoy(catalogue: Catalogue, name: str) -> Iterator[Proxy]:
    layout = layout_of(catalogue.settings, f"127.0.0.1:{free_port()}")
    layout = replace(layout, admin=f"127.0.0.1:{free_port()}")
    if name != ZERO_HOP:
        layout = replace(layout, xds="")
    folder = catalogue.folder / name
    folder.mkdir()
    with running_envoy(layout, folder, catalogue.log) as envoy:
        front = Proxy(envoy.url, catalogue.log, name, envoy.admin)
        if name == ZERO_HOP:
            loaded = "lychgate[.]recent[.]config_reload$"
            wait_for(lambda: sum(front.stats(loaded).values()) > 0)
        yield front
