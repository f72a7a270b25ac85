"""What is wrong with resources that each are sound by themselves."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from urllib.parse import urlsplit

from lychgate.api import PLURALS, Model, to_model
from lychgate.api.identity_providers import parse_provider, takes_secret
from lychgate.config.items import Finding
from lychgate.config.process import is_loopback_host
from lychgate.config.resources import FileObject, Resources
from lychgate.config.yamlfile import Path
from lychgate.core.keys import Keyring
from lychgate.core.model import (
    EPOCH,
    Application,
    ClientAuthority,
    Group,
    IdentityProvider,
    ItemList,
    Organization,
    Policy,
    Records,
    ServiceToken,
)
from lychgate.core.revocations import Revocations
from lychgate.core.selectors import ALL
from lychgate.core.snapshot import Setting, compile_snapshot
from lychgate.errors import InvalidConfiguration, Problem
from lychgate.settings import Settings

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def missing(unset: Iterable[tuple[Path, str]]) -> tuple[list[Finding], list[Finding]]:
    """A setting without its variable is wrong; a secret may be missing, which is a warning."""
    found: list[Finding] = []
    warnings: list[Finding] = []
    for path, name in unset:
        kind = warnings if path[0] == "resources" else found
        kind.append(Finding(path, f"the environment variable `{name}` is not set"))
    return found, warnings


def across(objects: Iterable[FileObject], settings: Settings) -> Iterable[Finding]:
    """What depends on both the settings and an object."""
    for one in objects:
        match one.kind:
            case "organization":
                yield from _auth_domain(one, settings)
            case "application" if settings.team.public_scheme == "http":
                yield from _plain_http(one)


def _auth_domain(organization: FileObject, settings: Settings) -> Iterable[Finding]:
    given = organization.body.get("auth_domain")
    parts = urlsplit(settings.team.url)
    if given and given.lower() not in {parts.netloc, parts.hostname}:
        message = f"auth_domain must be the host of team.url, `{parts.netloc}`"
        yield Finding((*organization.path, "auth_domain"), message)


def _plain_http(application: FileObject) -> Iterable[Finding]:
    value = to_model("application", application.id, application.body, EPOCH)
    for destination in value.destinations if isinstance(value, Application) else ():
        if not is_loopback_host(destination.host):
            message = f"`{destination.host}` needs https, plain http is for loopback only"
            yield Finding((*application.path, "domain"), message)


def without_secret(objects: Iterable[FileObject], unset: set[Path]) -> Iterable[Finding]:
    """Providers that nobody could log in with, unless the store holds their secret."""
    for one in objects:
        path = (*one.path, "config", "client_secret")
        if one.kind != "identity_provider" or one.secrets or path in unset:
            continue
        if takes_secret(parse_provider(one.body)):
            hint = "put it in an environment variable and write `${ENV:NAME}`"
            message = f"`{one.name}` has no client_secret, unless the store holds one"
            yield Finding(one.path, message, hint)


def compiled(
    resources: Resources,
    settings: Settings,
    found: list[Finding],
    others: Sequence[FileObject] = (),
) -> list[Finding]:
    """What the core says of the whole; places that have a finding already are left out.

    `others` is what there is besides the file.
    """
    everything = [*others, *resources.stand_ins, *resources.objects]
    setting = Setting(settings.team, settings.country_database is not None)
    known = to_records(everything, settings)
    try:
        compile_snapshot(known, setting, Keyring((), ()), Revocations(), 0, EPOCH)
    except InvalidConfiguration as error:
        paths = _paths(everything)
        names = {one.id: one.name for one in everything if one.name}
        said = [_finding(problem, paths, names) for problem in error.problems]
        reported = {finding.path for finding in found}
        fresh = [one for one in said if one is not None and one.path not in reported]
        # What clashes with the file is told of the file, unless only the others are named.
        return [one for one in fresh if one.path[:1] == ("resources",)] or fresh
    return []


def _paths(objects: Iterable[FileObject]) -> dict[str, Path]:
    return {f"{PLURALS.get(one.kind, one.kind)}/{one.id}": one.path for one in objects}


def _finding(
    problem: Problem, paths: Mapping[str, Path], names: Mapping[str, str]
) -> Finding | None:
    """The finding of a problem the core named by id; None when it names nothing of the file."""
    parts = problem.where.split("/")
    base = paths.get("/".join(parts[:2]))
    if base is None:
        return None
    rest = tuple(int(part) if part.isdigit() else part for part in parts[2:])
    message = _UUID.sub(lambda match: names.get(match[0], match[0]), problem.message)
    return Finding((*base, *rest), message, problem.hint or _nearest_selector(message))


def _nearest_selector(message: str) -> str:
    unknown = re.fullmatch(r"unknown selector `(.{1,100})`", message)
    close = get_close_matches(unknown[1], (one.kind for one in ALL), 1, 0.6) if unknown else []
    return f"did you mean `{close[0]}`?" if close else ""


def to_records(objects: Iterable[FileObject], settings: Settings | None) -> Records:
    """The core's values of objects that were validated."""
    values: list[Model] = [to_model(one.kind, one.id, one.body, EPOCH) for one in objects]
    organization = Organization(name=settings.name) if settings else Organization()
    for value in values:
        if isinstance(value, Organization):
            organization = value
    return Records(
        organization=organization,
        applications={one.id: one for one in values if isinstance(one, Application)},
        policies={one.id: one for one in values if isinstance(one, Policy)},
        groups={one.id: one for one in values if isinstance(one, Group)},
        lists={one.id: one for one in values if isinstance(one, ItemList)},
        identity_providers={one.id: one for one in values if isinstance(one, IdentityProvider)},
        service_tokens={one.id: one for one in values if isinstance(one, ServiceToken)},
        certificates={one.id: one for one in values if isinstance(one, ClientAuthority)},
    )
