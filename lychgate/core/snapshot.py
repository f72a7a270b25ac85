"""The immutable compiled configuration that every decision reads, and how it is made.

A change compiles what it touches and what refers to it; the rest of the previous snapshot is used
again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lychgate.core.certificates import Authorities, compile_authorities
from lychgate.core.compiling import MAX_OPENED, Compiled, Compiler
from lychgate.core.formula import Reference
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
from lychgate.core.policy import CompiledPolicy
from lychgate.core.revocations import Revocations
from lychgate.core.routes import Entry, Routes
from lychgate.core.session import seconds
from lychgate.core.urls import companion_hosts, is_owned, normalise
from lychgate.core.values import momentary
from lychgate.errors import InvalidConfiguration, Problem


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

    def policy(self, id: PolicyId | None) -> CompiledPolicy | None:
        """The policy of that id, if the application has it."""
        for policies in (self.person, self.machine):
            for one in policies:
                if one.policy.id == id:
                    return one
        return None

    @property
    def offers_login(self) -> bool:
        """Whether a person could ever be admitted."""
        return any(policy.action is Action.ALLOW for policy in self.person)


@momentary
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


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Snapshot:
    """Everything a decision reads. Never changed; a new one replaces it."""

    revision: int
    loaded_at: datetime
    setting: Setting
    records: Records
    compiled: Compiled
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
        compiled=Compiled(),
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
    compiler = Compiler(records, previous.setting.country_known, previous.compiled)
    renewed = compiler.renew(changed)
    edited = {AppId(id) for kind, id in changed if kind == "application"}
    reached = [app for app in _reached(previous, records, renewed) if app.id not in edited]
    # What a broken store left closed is not what its record says, until it is compiled again.
    edited |= {app.id for app in reached if previous.apps[app.id].app is not app}
    came = [records.applications[id] for id in edited if id in records.applications]
    gone = [previous.apps[id].app for id in edited if id in previous.apps]
    problems = list(compiler.problems)
    for app in came:
        problems.extend(_unusable(app))
    fresh = {app.id: _compile_app(app, compiler, problems) for app in (*came, *reached)}
    routes = previous.routes.replaced(gone, came)
    problems.extend(routes.conflicts(came))
    problems.extend(_hosts_taken(previous.companion_hosts, routes, came))
    problems.extend(_client_ids_taken(records, came))
    authorities = _authorities(previous, records, changed, problems)
    if problems:
        raise InvalidConfiguration(dict.fromkeys(problems))
    apps = {id: app for id, app in previous.apps.items() if id not in edited} | fresh
    audiences = dict(previous.by_audience)
    for app in gone:
        audiences.pop(app.audience, None)
    audiences.update((app.app.audience, app) for app in fresh.values())
    return replace(
        unchanged,
        records=records,
        compiled=compiler.compiled,
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


def _reached(
    previous: Snapshot, records: Records, renewed: frozenset[PolicyId]
) -> Iterator[Application]:
    """Applications whose policies are not as before, or that lost an identity provider."""
    lost = previous.idps.keys() - records.identity_providers.keys()
    for app in records.applications.values() if renewed or lost else ():
        if not (renewed.isdisjoint(app.policies) and lost.isdisjoint(app.allowed_idps)):
            yield app


_MAX_FACTS = 4000
"""A token carries a bit for each rule about people, and must fit into a cookie of 4096 bytes."""


def _compile_app(app: Application, compiler: Compiler, problems: list[Problem]) -> CompiledApp:
    compiled: list[CompiledPolicy] = []
    where = f"applications/{app.id}"
    for index, id in enumerate(app.policies):
        policy = compiler.policy(id)
        if policy is None:
            problems.append(Problem(f"{where}/policies/{index}", f"there is no policy `{id}`"))
        else:
            compiled.append(policy)
    for index, idp in enumerate(app.allowed_idps):
        if idp not in compiler.records.identity_providers:
            message = f"there is no identity provider `{idp}`"
            problems.append(Problem(f"{where}/allowed_idps/{index}", message))
    problems.extend(_too_many(compiled, f"{where}/policies"))
    person = _of(compiled, Action.ALLOW, Action.DENY)
    settled = not any(policy.each_request for policy in person)
    times = [app.rules_changed_at, *(policy.rules_changed_at for policy in compiled)]
    if not settled:
        compiled = _numbered(compiled)
        person = _of(compiled, Action.ALLOW, Action.DENY)
    return CompiledApp(
        app=app,
        machine=_of(compiled, Action.BYPASS, Action.SERVICE_AUTH),
        person=person,
        settled=frozenset(p.id for p in person if settled and p.action is Action.ALLOW),
        rules_changed_at=seconds(max(times)),
    )


def _too_many(policies: Sequence[CompiledPolicy], where: str) -> Iterable[Problem]:
    if sum(policy.formula.bits for policy in policies) > _MAX_FACTS:
        if any(policy.each_request for policy in policies):
            message = f"more than {_MAX_FACTS} rules about people beside rules about requests"
            hint = "put the addresses into an email list: a list is one rule"
            yield Problem(where, message, hint)
    if sum(policy.formula.opened for policy in policies) > MAX_OPENED:
        yield Problem(where, f"more than {MAX_OPENED} rules once every group is opened")


def _numbered(policies: Sequence[CompiledPolicy]) -> list[CompiledPolicy]:
    """The policies with their identity rules numbered through, as the facts of a token are."""
    numbered, first = [], 0
    for policy in policies:
        numbered.append(policy if first == 0 else replace(policy, first=first))
        first += policy.formula.bits
    return numbered


def app_problems(app: Application, compiler: Compiler) -> tuple[Problem, ...]:
    """What is wrong with one application and the policies it uses."""
    problems = list(_unusable(app))
    _compile_app(app, compiler, problems)
    for id in app.policies:
        problems.extend(compiler.problems_of(id))
    return tuple(dict.fromkeys(problems))


def _of(policies: Sequence[CompiledPolicy], *actions: Action) -> tuple[CompiledPolicy, ...]:
    return tuple(policy for policy in policies if policy.action in actions)


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
