"""How one installation runs: the process settings, read from the file and handed to every part."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from lychgate.core.model import Team
from lychgate.core.snapshot import Setting


class LogFormat(StrEnum):
    """How log lines look; `auto` is `human` on a terminal and `json` elsewhere."""

    AUTO = "auto"
    JSON = "json"
    HUMAN = "human"


class LogLevel(StrEnum):
    """The least serious line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Companion:
    """The companion app: login, callback, logout and every other page of our own."""

    listen: str = "127.0.0.1:8800"
    """`HOST:PORT` it accepts the proxy's connections on."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses or networks whose client-address headers are believed; nobody else's are."""


@dataclass(frozen=True, slots=True)
class ExtAuthz:
    """The decision server that Envoy asks, one process for each endpoint."""

    listen: tuple[str, ...] = ("127.0.0.1:9001",)
    """`HOST:PORT` or `unix:/path`: one for each worker, or one from which the others follow."""
    workers: int = 1
    """Number of processes."""
    metrics: str = ""
    """`HOST:PORT` of `/healthz`, `/readyz` and `/metrics` of the first worker; empty: none.

    The next workers count the port on.
    """

    @property
    def endpoints(self) -> tuple[str, ...]:
        """One endpoint for each worker: those listed, then the last port (or path) counted on."""
        return _endpoints(self.listen, self.workers)


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """The check for proxies that ask over HTTP, one process for each endpoint."""

    listen: tuple[str, ...] = ()
    """`HOST:PORT` or `unix:/path`, as for Envoy's decision server; none: nothing is started."""
    workers: int = 0
    """Number of processes."""
    trusted_peers: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses or networks that may ask over TCP; nobody else is answered."""
    metrics: str = ""
    """As for Envoy's decision server."""

    @property
    def endpoints(self) -> tuple[str, ...]:
        """One endpoint for each worker: those listed, then the last port (or path) counted on."""
        return _endpoints(self.listen, self.workers)


@dataclass(frozen=True, slots=True)
class ZeroHop:
    """What lets Envoy prove the common request by itself (`lychgate xds`)."""

    listen: str = ""
    """`HOST:PORT` or `unix:/path` that Envoy gets its proofs from; empty: every request is asked
    about."""
    bound: timedelta = timedelta(seconds=5)
    """How old what Envoy goes by may become, from `1s` to the store outage grace; then it asks."""
    tokens: int = 4000
    """So many verified tokens each thread of Envoy remembers, at about 15 kB each."""
    metrics: str = ""
    """`HOST:PORT` of `/healthz`, `/readyz` and `/metrics`; empty: none."""


@dataclass(frozen=True, slots=True)
class Health:
    """The listener of `/healthz`, `/readyz` and `/metrics`."""

    listen: str = "127.0.0.1:8801"


@dataclass(frozen=True, slots=True)
class Admin:
    """The admin API."""

    listen: str = "127.0.0.1:8802"
    """`HOST:PORT`; an administrator's credentials travel there, so keep it off the internet."""
    calls_per_minute: int = 6000
    """Calls that one API token may make in a minute."""


@dataclass(frozen=True, slots=True)
class Mail:
    """Where mails go: to a server, or as `.eml` files into a folder. Neither: none is sent."""

    smtp_url: str = field(default="", repr=False)
    """`smtp://USER:PASSWORD@HOST:PORT` (STARTTLS when offered) or `smtps://…`."""
    folder: Path | None = None
    """Folder that receives one file for each mail; each appears complete, by rename."""
    sender: str = "lychgate@localhost"
    """The From address (key in the file: `from`)."""


@dataclass(frozen=True, slots=True)
class Log:
    """What is logged and how."""

    format: LogFormat = LogFormat.AUTO
    level: LogLevel = LogLevel.INFO
    allow: bool = False
    """Whether each plain allow is a line."""
    bypass: bool = False
    """Whether each bypass is a line."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """What is counted."""

    by_application: bool = False
    """Whether decisions are also counted for each application, named by its id."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """Traces (OpenTelemetry)."""

    endpoint: str = ""
    """The URL of a collector that takes OTLP over HTTP; empty: no traces."""
    sample: float = 0.01
    """Share of requests that are traced where no proxy has decided, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one visitor may ask for."""

    pins_per_hour: int = 10
    """One-time PINs sent to one address, and asked for from one client address, in an hour."""
    registrations_per_hour: int = 600
    """OAuth clients that register, and device requests, from one client address in an hour."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a proxy sends allowed requests for one host (and path)."""

    host: str
    """Host name, `*.` in front for all names below."""
    to: str
    """Origin, as `http://HOST:PORT` or `https://HOST:PORT`."""
    path: str = "/"
    """Path prefix; the longest that fits wins."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a process needs to know before it opens the store."""

    team: Team
    """Where the installation is reached.

    Keys: `team.url`, `team_alias`, `transfer_host`, `public_scheme`, `public_port`.
    """
    name: str = "Lychgate"
    """What the installation is called on its pages (key: `team.name`)."""
    store: str = field(default="sqlite:///lychgate.db", repr=False)
    """`sqlite:///PATH` or `postgresql://…`; default: `lychgate.db` next to the file."""
    store_connections: int = 32
    """Most connections that one process opens to it, beside the one that listens for changes."""
    master_key_file: Path | None = None
    """Key that seals secrets at rest; default: next to the SQLite file, made at first start.

    The environment variable `LYCHGATE_MASTER_KEY` goes first.
    """
    companion: Companion = Companion()
    extauthz: ExtAuthz = ExtAuthz()
    http_check: HttpCheck = HttpCheck()
    zero_hop: ZeroHop = ZeroHop()
    health: Health = Health()
    admin: Admin = Admin()
    mail: Mail = Mail()
    limits: Limits = Limits()
    country_database: Path | None = None
    """MaxMind-format file for country rules; none: every country is unknown."""
    store_outage_grace: timedelta | None = None
    """How long decisions go on without the store, 0 to 24 hours; see `outage_grace`."""
    outbound_allow: tuple[str, ...] = ()
    """Hosts (`NAME`, `NAME:PORT`, address or network) that the outbound guard lets through."""
    log: Log = Log()
    metrics: Metrics = Metrics()
    tracing: Tracing = Tracing()
    audit_retention: timedelta = timedelta(days=90)
    """How long a row of the audit log is kept."""
    audit_bypass: bool = False
    """Whether each bypass is a row of the audit log."""
    upstreams: tuple[Upstream, ...] = ()

    @property
    def setting(self) -> Setting:
        """What of the settings a snapshot depends on."""
        return Setting(self.team, country_known=self.country_database is not None)

    @property
    def outage_grace(self) -> timedelta:
        """`store_outage_grace`, or its default: 10 minutes with SQLite, 60 s with PostgreSQL."""
        if self.store_outage_grace is not None:
            return self.store_outage_grace
        return timedelta(seconds=60) if self.many_nodes else timedelta(minutes=10)

    @property
    def many_nodes(self) -> bool:
        """Whether other machines may work on the same store: not on a SQLite file."""
        return not self.store.startswith("sqlite")


def _endpoints(listen: tuple[str, ...], workers: int) -> tuple[str, ...]:
    missing = range(1, workers - len(listen) + 1)
    return listen + tuple(_following(listen[-1], step) for step in missing)


def _following(endpoint: str, step: int) -> str:
    if endpoint.startswith("unix:"):
        return f"{endpoint}-{step}"
    host, _, port = endpoint.rpartition(":")
    return f"{host}:{int(port) + step}"
