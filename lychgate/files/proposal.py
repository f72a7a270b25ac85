"""What applying a file would change, decided without changing anything."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from lychgate import service_tokens as life
from lychgate.config.completing import SECRET_OF_TOKENS, completed
from lychgate.config.edits import ORDER, Secrets, fresh_secrets
from lychgate.config.items import Finding
from lychgate.config.resource_file import ResourceFile, judge
from lychgate.config.resources import FileObject, read_resources
from lychgate.errors import Problem
from lychgate.files.change import Change
from lychgate.files.checks import check
from lychgate.files.stock import Body, Stock, as_file_object, from_configuration, own_policies
from lychgate.settings import Settings
from lychgate.store.base import Edit, Kind, Object, ObjectKey

_NEVER_PRUNED = (Kind.ORGANIZATION, Kind.SETTINGS)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Every change, and what should be known before it is made."""

    changes: tuple[Change, ...]
    warnings: tuple[Problem, ...]

    @property
    def edits(self) -> list[Edit]:
        """What carries it out."""
        return [change.edit for change in self.changes]


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one application of a file, however often it is thought through."""

    settings: Settings
    secrets: Secrets
    now: datetime
    prune: bool = False
    """Whether objects that the file does not name go."""


def propose(file: ResourceFile, stock: Stock, terms: Terms) -> Proposal:
    """The changes that bring a stock in line with a file.

    Raises InvalidConfiguration with every problem, each with its line.
    """
    stays, where = _referable(terms.prune)
    resources = read_resources(file.raw, stock.existing(stays, where))
    written = [*resources.objects, *resources.stand_ins]
    keys = {(Kind(one.kind), one.id) for one in written}
    going = list(_going(written, keys, stock, terms.prune))
    gone = {change.key for change in going}
    others = [one for key, one in stock.objects.items() if key not in keys | gone]
    pairs = [(one, _change(one, stock, terms)) for one in resources.objects]
    findings = [*check(pairs, stock, others, terms.secrets)]
    warnings = judge(file, resources, terms.settings, list(map(as_file_object, others)), findings)
    ignored = [file.lines.at(one) for one in _ignored(pairs)]
    coming = [change for _, change in pairs if change.is_one]
    coming.sort(key=lambda change: ORDER.index(change.kind))
    return Proposal((*coming, *going), (*warnings, *ignored))


def _referable(prune: bool) -> tuple[Callable[[Object], bool], str]:
    """Which stored objects the file's may refer to, and where that is."""
    if prune:
        return from_configuration, "in this file, and with `--prune` nothing else stays"
    return _everything, "in this file or the installation"


def _everything(_stored: Object) -> bool:
    return True


def _change(one: FileObject, stock: Stock, terms: Terms) -> Change:
    kind = Kind(one.kind)
    before = stock.objects.get((kind, one.id))
    body: Body = completed(one, before.body if before is not None else {})
    if kind is Kind.ORGANIZATION:
        body = {**_team(before, terms.settings), **body}
    if kind is Kind.SERVICE_TOKEN and before is not None:
        body = _living_on(body, before.body, terms.now)
    secrets = fresh_secrets(one, terms.secrets) if one.secrets else None
    return Change(kind, one.id, before, body, secrets)


def _team(before: Object | None, settings: Settings) -> Body:
    """What an organization is called and where it is, when the file does not say so."""
    if before is None:
        return {"name": settings.name, "auth_domain": urlsplit(settings.team.url).netloc}
    return {name: before.body[name] for name in ("name", "auth_domain") if name in before.body}


def _living_on(body: Body, before: Body, now: datetime) -> Body:
    """A token in use keeps what was made of it; another duration counts from now."""
    body = {**body, **{name: before[name] for name in SECRET_OF_TOKENS if name in before}}
    old, new = (one.get("duration", life.DEFAULT_DURATION) for one in (before, body))
    return (
        body
        if old == new
        else {**body, "expires_at": life.change_duration(body, new, now)["expires_at"]}
    )


def _ignored(pairs: Sequence[tuple[FileObject, Change]]) -> Iterator[Finding]:
    for one, change in pairs:
        given = one.body.get("client_secret_hash")
        if change.kind is Kind.SERVICE_TOKEN and given and change.after is not None:
            if given != change.after.get("client_secret_hash"):
                message = f"`{one.name}` has a secret already, which stays"
                yield Finding(one.path, message, "lychgate service-token rotate makes a new one")


def _going(
    written: Sequence[FileObject], keys: Collection[ObjectKey], stock: Stock, prune: bool
) -> Iterator[Change]:
    """Policies that an application had to itself and has no more, and what is pruned."""
    dropped = {
        (Kind.POLICY, id)
        for one in written
        if one.kind == Kind.APPLICATION
        for id in own_policies(stock.body(Kind.APPLICATION, one.id), stock.body)
    }
    for key, stored in reversed(list(stock.objects.items())):
        pruned = prune and stored.kind not in _NEVER_PRUNED and not from_configuration(stored)
        if key not in keys and (pruned or key in dropped):
            yield Change(stored.kind, stored.id, stored, None)
