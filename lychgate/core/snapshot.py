"""The immutable compiled configuration that every decision reads, and how it is made.

A change compiles what it touches and what refers to it; the rest of the previous snapshot is used
again.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lychgate.core.certificates import Authorities, compile_authorities
from lychgate.core.keys import Keyring
from lychgate.core.model import (
    Action,
    AppId,
    Application,
    IdentityProvider,
    IdpId,
    Organization,
    PolicyId,
    Records,
    ServiceToken,
    Team,
)
from lychgate.core.policy import CompiledPolicy, PolicyCompiler
from lychgate.core.revocations import Revocations
from lychgate.core.routes import Entry, Routes
from lychgate.core.session import seconds
from lychgate.core.urls import companion_hosts, is_owned, normalise
from lychgate.errors import InvalidConfiguration, Problem

type Reference = tuple[str, str]
"""A kind (`policy`, `group`, `list`, …) and an id."""


@dataclass(frozen=True, slots=True)
class CompiledApp:
    """An application with its policies in the two orders they are evaluated in."""

    app: Application
    machine: tuple[CompiledPolicy, ...]
    """Bypass and Service Auth."""
    person: tuple[CompiledPolicy, ...]
    """Allow and Block."""
    settled: frozenset[PolicyId]
    """Allow policies whose outcome at login stands, because no Allow or Block tests requests."""
    rules_changed_at: int
    """Tokens issued in or before this second must be renewed."""
    references: frozenset[Reference]

    def policy(self, id: PolicyId | None) -> CompiledPolicy | None:
        """The policy of that id, if the application has it."""
        return next((one for one in (*self.person, *self.machine) if one.id == id), None)

    @property
    def offers_login(self) -> bool:
        """Whether a person could ever be admitted."""
        return any(policy.action is Action.ALLOW for policy in self.person)


@dataclass(frozen=True, slots=True)
class Route:
    """The application that owns a request, and the destination that matched."""

    app: CompiledApp
    entry: Entry


@dataclass(frozen=True, slots=True)
class Setting:
    """What of the process settings a snapshot depends on."""

    team: Team
    country_known: bool = False
    """Whether a country database is configured."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a decision reads. Never changed; a new one replaces it."""

    revision: int
    loaded_at: datetime
    setting: Setting
    records: Records
    apps: Mapping[AppId, CompiledApp]
    by_audience: Mapping[str, CompiledApp]
    by_client_id: Mapping[str, ServiceToken]
    routes: Routes
    keyring: Keyring
    revocations: Revocations
    companion_hosts: frozenset[str] = frozenset()
    authorities: Authorities = field(default_factory=dict)
    """Whose client certificates count, by host."""

    @property
    def team(self) -> Team:
        """Where the installation is reached."""
        return self.setting.team

    @property
    def organization(self) -> Organization:
        """The settings that hold for every application."""
        return self.records.organization

    @property
    def idps(self) -> Mapping[IdpId, IdentityProvider]:
        """The identity providers."""
        return self.records.identity_providers

    def custom_page(self, type: str, app: Application | None, default: str) -> str:
        """The HTML of the application's own page of that type, else the default's; empty: ours.

        The default is the id of a page, or HTML itself.
        """
        pages = self.records.custom_pages
        for id in app.custom_pages if app else ():
            if id in pages and pages[id].type == type:
                return pages[id].html
        found = pages.get(default)
        return default if found is None else found.html

    def route(self, host: str, path: str) -> Route | None:
        """The application that owns a canonical host and normalised path."""
        entry = self.routes.find(host, path)
        return None if entry is None else Route(self.apps[entry.app], entry)


def compile_snapshot(
    records: Records,
    setting: Setting,
    keyring: Keyring,
    revocations: Revocations,
    revision: int,
    now: datetime,
) -> Snapshot:
    """Compile everything; raises InvalidConfiguration with every problem there is."""
    empty = Snapshot(
        revision=0,
        loaded_at=now,
        setting=setting,
        records=Records(),
        apps={},
        by_audience={},
        by_client_id={},
        routes=Routes(),
        keyring=keyring,
        revocations=revocations,
        companion_hosts=companion_hosts(setting.team),
    )
    changed = _all_references(records)
    return update_snapshot(empty, records, changed, keyring, revocations, revision, now)


def update_snapshot(
    previous: Snapshot,
    records: Records,
    changed: frozenset[Reference],
    keyring: Keyring,
    revocations: Revocations,
    revision: int,
    now: datetime,
) -> Snapshot:
    """The snapshot after some objects changed, came or went; `changed` names them."""
    unchanged = replace(
        previous,
        revision=revision,
        loaded_at=now,
        keyring=keyring,
        revocations=revocations,
    )
    if not changed:
        return unchanged
    touched = _touched(previous, records, changed)
    came = [records.applications[id] for id in touched if id in records.applications]
    gone = [previous.apps[id].app for id in touched if id in previous.apps]
    problems: list[Problem] = list(_orphans(previous, records, changed, came))
    fresh = {app.id: _compile_app(app, records, previous.setting, problems) for app in came}
    routes = previous.routes.replaced(gone, came)
    problems.extend(routes.conflicts(came))
    problems.extend(_hosts_taken(previous.companion_hosts, routes, came))
    problems.extend(_client_ids_taken(records, came))
    authorities = _authorities(previous, records, changed, problems)
    if problems:
        raise InvalidConfiguration(dict.fromkeys(problems))
    apps = {id: app for id, app in previous.apps.items() if id not in touched} | fresh
    audiences = dict(previous.by_audience)
    for app in gone:
        audiences.pop(app.audience, None)
    audiences.update((app.app.audience, app) for app in fresh.values())
    return replace(
        unchanged,
        records=records,
        apps=apps,
        by_audience=audiences,
        by_client_id=_service_tokens(previous, records, changed),
        authorities=authorities,
        routes=routes,
    )


def _all_references(records: Records) -> frozenset[Reference]:
    return frozenset(
        (kind, str(id))
        for kind, table in (
            ("application", records.applications),
            ("policy", records.policies),
            ("group", records.groups),
            ("service_token", records.service_tokens),
            ("certificate", records.certificates),
        )
        for id in table
    )


def _touched(previous: Snapshot, records: Records, changed: frozenset[Reference]) -> set[AppId]:
    touched = {AppId(id) for kind, id in changed if kind == "application"}
    if any(kind != "application" for kind, _ in changed):
        touched |= {
            id for id, app in previous.apps.items() if not changed.isdisjoint(app.references)
        }
    return {id for id in touched if id in previous.apps or id in records.applications}


_MAX_FACTS = 4000
"""A token carries a bit for each rule about people, and must fit into a cookie of 4096 bytes."""


def _compile_app(
    app: Application, records: Records, setting: Setting, problems: list[Problem]
) -> CompiledApp:
    compiler = PolicyCompiler(records, setting.country_known)
    compiled: list[CompiledPolicy] = []
    problems.extend(_unusable(app))
    where = f"applications/{app.id}"
    for index, id in enumerate(app.policies):
        policy = records.policies.get(id)
        if policy is None:
            problems.append(Problem(f"{where}/policies/{index}", f"there is no policy `{id}`"))
        else:
            compiled.append(compiler.compile(policy))
    for index, idp in enumerate(app.allowed_idps):
        if idp not in records.identity_providers:
            message = f"there is no identity provider `{idp}`"
            problems.append(Problem(f"{where}/allowed_idps/{index}", message))
    problems.extend(compiler.problems)
    if compiler.identity_rules > _MAX_FACTS and any(policy.each_request for policy in compiled):
        message = f"more than {_MAX_FACTS} rules about people beside rules about requests"
        hint = "put the addresses into an email list: a list is one rule"
        problems.append(Problem(f"{where}/policies", message, hint))
    person = _of(compiled, Action.ALLOW, Action.DENY)
    settled = not any(policy.each_request for policy in person)
    times = [app.rules_changed_at, *(policy.rules_changed_at for policy in compiled)]
    references: set[Reference] = {("policy", id) for id in app.policies}
    references |= {("identity_provider", str(id)) for id in app.allowed_idps}
    return CompiledApp(
        app=app,
        machine=_of(compiled, Action.BYPASS, Action.SERVICE_AUTH),
        person=person,
        settled=frozenset(p.id for p in person if settled and p.action is Action.ALLOW),
        rules_changed_at=max(map(seconds, times)),
        references=frozenset(references | compiler.references),
    )


def app_problems(app: Application, records: Records, setting: Setting) -> tuple[Problem, ...]:
    """What is wrong with one application and the policies it uses."""
    problems: list[Problem] = []
    _compile_app(app, records, setting, problems)
    return tuple(problems)


def _of(policies: Sequence[CompiledPolicy], *actions: Action) -> tuple[CompiledPolicy, ...]:
    return tuple(policy for policy in policies if policy.action in actions)


def _orphans(
    previous: Snapshot,
    records: Records,
    changed: frozenset[Reference],
    compiled: Iterable[Application],
) -> Iterable[Problem]:
    """Policies and groups that no application uses must compile as well."""
    compiler = PolicyCompiler(records, previous.setting.country_known)
    used = {id for app in compiled for id in app.policies}
    candidates = {PolicyId(id) for kind, id in changed if kind == "policy"}
    if _reaches_orphans(records, changed):
        used |= {id for app in records.applications.values() for id in app.policies}
        candidates |= set(records.policies)
        for group in records.groups:
            compiler.check_group(group)
    for policy in sorted(candidates - used):
        if policy in records.policies:
            compiler.compile(records.policies[policy])
    return compiler.problems


def _reaches_orphans(records: Records, changed: frozenset[Reference]) -> bool:
    """Whether a rule that no application uses could have lost what it names."""
    tables: Mapping[str, Container[str]] = {
        "application": records.applications,
        "identity_provider": records.identity_providers,
        "service_token": records.service_tokens,
    }
    return any(
        kind in ("group", "list") or (kind in tables and id not in tables[kind])
        for kind, id in changed
    )


def _unusable(app: Application) -> Iterable[Problem]:
    """Settings of an application that no request could ever be judged by."""
    where = f"applications/{app.id}"
    header = app.service_token_header
    if header is not None and (header in _TAKEN_HEADERS or is_owned(header)):
        yield Problem(
            f"{where}/read_service_tokens_from_header", f"`{header}` cannot hold a service token"
        )
    for destination in app.destinations:
        for path in (destination.path or "/", *destination.public):
            if normalise(path, encoded_slash=True) is None:
                yield Problem(f"{where}/destinations", f"no request can have the path `{path}`")


_TAKEN_HEADERS = frozenset({"cookie", "host", "connection", "content-length", "transfer-encoding"})


def _hosts_taken(
    ours: frozenset[str], routes: Routes, apps: Iterable[Application]
) -> Iterable[Problem]:
    mine = {app.id for app in apps}
    for host in sorted(ours):
        for entry in routes.exact.get(host, ()):
            if entry.app in mine:
                yield Problem(
                    f"applications/{entry.app}/destinations",
                    f"`{host}` is the host of the team domain and cannot be an application",
                )


def _client_ids_taken(records: Records, apps: Iterable[Application]) -> Iterable[Problem]:
    """The client id names one SaaS application: it is in every address of its provider."""
    mine = {app.id: app.saas.client_id for app in apps if app.saas is not None}
    if not mine:
        return
    holders: dict[str, list[AppId]] = {}
    for app in records.applications.values():
        if app.saas is not None:
            holders.setdefault(app.saas.client_id, []).append(app.id)
    for id, client_id in mine.items():
        if len(holders.get(client_id, ())) > 1:
            yield Problem(
                f"applications/{id}/saas_app/client_id",
                f"another application has the client id `{client_id}` already",
            )


def _service_tokens(
    previous: Snapshot, records: Records, changed: frozenset[Reference]
) -> Mapping[str, ServiceToken]:
    if not any(kind == "service_token" for kind, _ in changed):
        return previous.by_client_id
    return {token.client_id: token for token in records.service_tokens.values()}


def _authorities(
    previous: Snapshot, records: Records, changed: frozenset[Reference], problems: list[Problem]
) -> Authorities:
    if not any(kind == "certificate" for kind, _ in changed):
        return previous.authorities
    return compile_authorities(records.certificates.values(), problems)
