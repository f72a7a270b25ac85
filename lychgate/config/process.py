"""The shape of the file's process settings, and how they become `Settings`."""

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from lychgate.api.base import LOOPBACK, Duration, Endpoint, Flag, Json, Lower, Name, Wire, duration
from lychgate.api.destinations import parse_uri
from lychgate.core.model import Team
from lychgate.core.urls import canonical_host
from lychgate.settings import (
    Admin,
    Companion,
    ExtAuthz,
    Health,
    HttpCheck,
    Limits,
    Log,
    LogFormat,
    LogLevel,
    Mail,
    Metrics,
    Settings,
    Tracing,
    Upstream,
    ZeroHop,
)


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("must be an origin: scheme, host and perhaps port, nothing after it")
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}"


def _upstream(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError("must be `http://HOST:PORT` or `https://HOST:PORT`")
    return _origin(text)


def _port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65_535


def _tcp(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not host or not colon or not _port(port) or "/" in host:
        raise ValueError(f"`{text[:80]}` is not `HOST:PORT`")
    return text


def _tcp_or_unix(text: str) -> str:
    if text.startswith("unix:"):
        if not text.startswith("unix:/"):
            raise ValueError(f"`{text[:80]}` must be `unix:` and an absolute path")
        return text
    return _tcp(text)


def _network(text: str) -> str:
    ip_network(text, strict=False)
    return text


def _store(text: str) -> str:
    if not text.startswith(("sqlite:///", "postgresql://")) or text == "sqlite:///":
        raise ValueError("must begin with `sqlite:///` and a path, or with `postgresql://`")
    return text


def _smtp(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError("must be `smtp://HOST:PORT` or `smtps://HOST:PORT`")
    return text


def _collector(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError("must be `http://HOST:PORT` or `https://HOST:PORT`, and perhaps a path")
    return text if parts.path.strip("/") else f"{text.rstrip('/')}/v1/traces"


def _quiet(check: Callable[[str], str], message: str) -> Callable[[str], str]:
    """The check with a message of ours, which never repeats a value that may hold a secret."""

    def checked(text: str) -> str:
        try:
            return check(text)
        except ValueError as error:
            if str(error).startswith(("must ", "`")):
                raise
            raise ValueError(message) from None

    return checked


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _host(text: str) -> str:
    if canonical_host(text) != text.lower():
        raise ValueError("must be a host name, without scheme, port or path")
    return text.lower()


def _host_pattern(text: str) -> str:
    if "/" in text:
        raise ValueError("must be a host name, the path is a member of its own")
    return parse_uri(text).host


Origin = Annotated[Endpoint, AfterValidator(_quiet(_origin, "is not a URL"))]
Host = Annotated[Name, AfterValidator(_host)]
Listen = Annotated[Name, AfterValidator(_tcp)]
AnyListen = Annotated[Name, AfterValidator(_tcp_or_unix)]
Network = Annotated[Name, AfterValidator(_quiet(_network, "must be an address or a network"))]
Endpoints = Annotated[list[AnyListen], BeforeValidator(_listed), Field(max_length=256)]


class TeamBody(Wire):
    """Where the installation is reached, and what it is called."""

    url: Origin
    name: Name | None = None


class CompanionBody(Wire):
    """The companion app."""

    listen: Listen = "127.0.0.1:8800"
    trusted_proxies: list[Network] | None = None


class ExtAuthzBody(Wire):
    """The decision server."""

    listen: Annotated[Endpoints, Field(min_length=1)] = Field(default=["127.0.0.1:9001"])
    workers: Annotated[int, Field(ge=1, le=256)] | None = None
    metrics: Listen | None = None


class HttpCheckBody(Wire):
    """The check for proxies that ask over HTTP."""

    listen: Endpoints = Field(default_factory=list)
    workers: Annotated[int, Field(ge=1, le=256)] | None = None
    trusted_peers: list[Network] | None = None
    metrics: Listen | None = None


class ZeroHopBody(Wire):
    """Proofs by Envoy itself."""

    listen: AnyListen | None = None
    bound: Duration = "5s"
    tokens: Annotated[int, Field(ge=1, le=1_000_000)] = 4000
    metrics: Listen | None = None


class HealthBody(Wire):
    """Health and metrics."""

    listen: Listen = "127.0.0.1:8801"


class AdminBody(Wire):
    """The admin API."""

    listen: Listen = "127.0.0.1:8802"
    calls_per_minute: Annotated[int, Field(ge=1, le=10_000_000)] = 6000


class MailBody(Wire):
    """Outgoing mail."""

    smtp_url: Annotated[str, AfterValidator(_quiet(_smtp, "must be `smtp://HOST:PORT`"))] | None = (
        None
    )
    folder: Name | None = None
    sender: Annotated[Name, Field(alias="from")] = "lychgate@localhost"


class LogBody(Wire):
    """Logs."""

    format: Annotated[LogFormat, Lower] = LogFormat.AUTO
    level: Annotated[LogLevel, Lower] = LogLevel.INFO
    allow: Flag = False
    bypass: Flag = False


class MetricsBody(Wire):
    """What is counted."""

    by_application: Flag = False


class TracingBody(Wire):
    """Traces."""

    endpoint: Annotated[str, AfterValidator(_quiet(_collector, "is not a URL"))] | None = None
    sample: Annotated[float, Field(ge=0, le=1)] = 0.01


class LimitsBody(Wire):
    """Limits for visitors."""

    pins_per_hour: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    registrations_per_hour: Annotated[int, Field(ge=1, le=1_000_000)] = 600


class UpstreamBody(Wire):
    """Where one host's requests go."""

    host: Annotated[Name, AfterValidator(_host_pattern)]
    to: Annotated[Name, AfterValidator(_quiet(_upstream, "must be `http://HOST:PORT`"))]
    path: Annotated[str, Field(pattern="^/[!-~]*$")] = "/"


class FileBody(Wire):
    """The configuration file. `resources` is read by itself."""

    team: TeamBody
    team_alias: Host | None = None
    transfer_host: Host | None = None
    public_scheme: Annotated[Literal["http", "https"], Lower] | None = None
    public_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    store: Annotated[str, AfterValidator(_quiet(_store, "must be `sqlite:///PATH`"))] | None = None
    store_connections: Annotated[int, Field(ge=4, le=1000)] = 32
    master_key_file: Name | None = None
    companion: CompanionBody = CompanionBody()
    extauthz: ExtAuthzBody = ExtAuthzBody()
    http_check: HttpCheckBody = HttpCheckBody()
    zero_hop: ZeroHopBody = ZeroHopBody()
    health: HealthBody = HealthBody()
    admin: AdminBody = AdminBody()
    mail: MailBody = MailBody()
    limits: LimitsBody = LimitsBody()
    country_database: Name | None = None
    store_outage_grace: Duration | None = None
    outbound_allow: Annotated[list[Name], Field(max_length=1000)] = Field(default_factory=list)
    log: LogBody = LogBody()
    metrics: MetricsBody = MetricsBody()
    tracing: TracingBody = TracingBody()
    audit_retention: Duration = "2160h"
    audit_bypass: Flag = False
    upstreams: Annotated[list[UpstreamBody], Field(max_length=10_000)] = Field(default_factory=list)
    resources: Json = None


def settings_of(body: FileBody, folder: Path) -> Settings:
    """The settings of a valid file; relative paths count from its folder."""
    grace = body.store_outage_grace
    return Settings(
        team=_team(body),
        name=body.team.name or "Lychgate",
        store=_store_url(body.store or "sqlite:///lychgate.db", folder),
        store_connections=body.store_connections,
        master_key_file=_path(body.master_key_file, folder),
        companion=_companion(body.companion),
        extauthz=_extauthz(body.extauthz),
        http_check=_http_check(body.http_check),
        zero_hop=_zero_hop(body.zero_hop),
        health=Health(body.health.listen),
        admin=Admin(body.admin.listen, body.admin.calls_per_minute),
        mail=Mail(body.mail.smtp_url or "", _path(body.mail.folder, folder), body.mail.sender),
        limits=Limits(body.limits.pins_per_hour, body.limits.registrations_per_hour),
        country_database=_path(body.country_database, folder),
        store_outage_grace=duration(grace) if grace is not None else None,
        outbound_allow=tuple(body.outbound_allow),
        log=Log(body.log.format, body.log.level, body.log.allow, body.log.bypass),
        metrics=Metrics(body.metrics.by_application),
        tracing=Tracing(body.tracing.endpoint or "", body.tracing.sample),
        audit_retention=duration(body.audit_retention),
        audit_bypass=body.audit_bypass,
        upstreams=tuple(Upstream(one.host, one.to, one.path) for one in body.upstreams),
    )


def _team(body: FileBody) -> Team:
    scheme = body.public_scheme or body.team.url.partition(":")[0]
    alias, transfer = body.team_alias or "", body.transfer_host or ""
    return Team(body.team.url, scheme, body.public_port, alias, transfer)


def _companion(body: CompanionBody) -> Companion:
    if body.trusted_proxies is None:
        return Companion(body.listen)
    return Companion(body.listen, tuple(body.trusted_proxies))


def _extauthz(body: ExtAuthzBody) -> ExtAuthz:
    workers = body.workers if body.workers is not None else len(body.listen)
    return ExtAuthz(tuple(body.listen), max(workers, len(body.listen)), body.metrics or "")


def _http_check(body: HttpCheckBody) -> HttpCheck:
    if not body.listen:
        return HttpCheck()
    workers = max(body.workers or 1, len(body.listen))
    peers = HttpCheck().trusted_peers if body.trusted_peers is None else tuple(body.trusted_peers)
    return HttpCheck(tuple(body.listen), workers, peers, body.metrics or "")


def _zero_hop(body: ZeroHopBody) -> ZeroHop:
    return ZeroHop(body.listen or "", duration(body.bound), body.tokens, body.metrics or "")


def _path(text: str | None, folder: Path) -> Path | None:
    return folder / text if text is not None else None


def _store_url(url: str, folder: Path) -> str:
    path = url.removeprefix("sqlite:///")
    return url if path == url else f"sqlite:///{folder / path}"


def process_problems(body: FileBody, folder: Path) -> list[tuple[str, str]]:
    """What is wrong across several settings, as pairs of key and message."""
    found: list[tuple[str, str]] = []
    scheme = body.team.url.partition(":")[0]
    if (body.public_scheme or scheme) == "http" and not _is_loopback(body.team.url):
        found.append(("public_scheme", "plain http is for loopback only"))
    if body.public_scheme is not None and body.public_scheme != scheme:
        found.append(("public_scheme", "public_scheme must be the scheme of team.url"))
    hosts = [one for one in (body.team_alias, body.transfer_host) if one]
    if len({*hosts, urlsplit(body.team.url).hostname}) <= len(hosts):
        found.append(("team_alias", "team.url, team_alias and transfer_host must differ"))
    if body.mail.smtp_url and body.mail.folder:
        found.append(("mail", "smtp_url and folder exclude each other"))
    grace = body.store_outage_grace
    if grace is not None and duration(grace) > timedelta(hours=24):
        found.append(("store_outage_grace", "store_outage_grace must be from `0s` to `24h`"))
    if body.zero_hop.listen and not _bounded(body, folder):
        message = "zero_hop.bound must be from `1s` to the store outage grace"
        found.append(("zero_hop", message))
    if duration(body.audit_retention) < timedelta(hours=1):
        found.append(("audit_retention", "audit_retention must be `1h` or more"))
    database = _path(body.country_database, folder)
    if database is not None and not database.is_file():
        found.append(("country_database", "country_database names no file"))
    return found


def _bounded(body: FileBody, folder: Path) -> bool:
    grace = settings_of(body, folder).outage_grace
    return timedelta(seconds=1) <= duration(body.zero_hop.bound) <= grace


def _is_loopback(url: str) -> bool:
    return is_loopback_host(urlsplit(url).hostname or "")


def is_loopback_host(host: str) -> bool:
    """Whether a host can only be this machine."""
    return host.strip("[]") in LOOPBACK or host.endswith(".localhost")
