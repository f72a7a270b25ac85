"""Loads the one YAML file: settings and resources, or every problem with its line."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path as FilePath
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from lychgate.api import Model, to_model
from lychgate.api.identity_providers import parse_provider, takes_secret
from lychgate.api.problems import problems_of
from lychgate.config.advice import advice
from lychgate.config.environment import expand
from lychgate.config.included import include
from lychgate.config.naming import WORDS
from lychgate.config.process import FileBody, is_loopback_host, process_problems, settings_of
from lychgate.config.resources import FileObject, Finding, Resources, read_resources
from lychgate.config.yamlfile import MOST_BYTES, Path, Place, read_yaml
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
    Team,
)
from lychgate.core.revocations import Revocations
from lychgate.core.selectors import ALL
from lychgate.core.snapshot import Setting, compile_snapshot
from lychgate.errors import InvalidConfiguration, Problem, UnreadableFile
from lychgate.settings import Settings

_STAND_IN = Settings(Team("https://stand-in.invalid"), country_database=FilePath("-"))
"""In place of settings that are not valid, so that the resources are judged all the same."""
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file without problems."""

    path: FilePath
    settings: Settings
    resources: tuple[FileObject, ...]
    warnings: tuple[Problem, ...]
    included: tuple[FilePath, ...] = ()
    """Other files whose content it holds."""
    says_resources: bool = True
    """Whether it has the key `resources`; without it, it says nothing of them."""


@dataclass(frozen=True, slots=True)
class Report:
    """What `validate` found."""

    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()


def load(path: FilePath, environ: Mapping[str, str] | None = None) -> Loaded:
    """Load the file; raises UnreadableFile, or InvalidConfiguration with every problem."""
    content = _content(path)
    return load_text(content, path, os.environ if environ is None else environ)


def load_text(content: bytes, path: FilePath, environ: Mapping[str, str]) -> Loaded:
    """Load the content of the file at `path`; raises InvalidConfiguration."""
    reading = _read(content, path, environ)
    if reading.problems or reading.settings is None:
        raise InvalidConfiguration(reading.problems)
    return Loaded(
        path,
        reading.settings,
        tuple(reading.objects),
        tuple(reading.warnings),
        tuple(reading.included),
        reading.says_resources,
    )


def validate(path: FilePath, environ: Mapping[str, str] | None = None) -> Report:
    """Every problem and warning of the file, each with file and line; raises nothing."""
    try:
        content = _content(path)
    except UnreadableFile as error:
        return Report((Problem(str(path), error.message, error.hint),))
    reading = _read(content, path, os.environ if environ is None else environ)
    return Report(tuple(reading.problems), tuple(reading.warnings))


def records(loaded: Loaded) -> Records:
    """The core's values of everything in the file, for judging requests without a store."""
    return _records(loaded.resources, loaded.settings)


def _content(path: FilePath) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UnreadableFile(f"`{path}` is too large")
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise UnreadableFile(f"cannot read `{path}`: {reason}") from None
    except ValueError:
        raise UnreadableFile("that is not a path of a file") from None


@dataclass(slots=True)
class _Reading:
    problems: list[Problem]
    warnings: list[Problem]
    settings: Settings | None
    objects: list[FileObject]
    included: list[FilePath] = field(default_factory=list)
    says_resources: bool = True


def _read(content: bytes, path: FilePath, environ: Mapping[str, str]) -> _Reading:
    document = read_yaml(content, str(path))
    if document.value is None and document.problems:
        return _Reading(list(document.problems), [], None, [])
    lines = _Lines(str(path), document.place)
    root = document.value if document.value is not None else {}
    if not isinstance(root, dict):
        return _Reading([lines.problem((), "the file must hold an object")], [], None, [])
    unset = expand(root, environ)
    found, warnings = _missing(unset)
    included = include(root.get("resources"), path.absolute().parent, found)
    resources = read_resources(root.get("resources"))
    body = _process(root, path.absolute().parent, found)
    settings = settings_of(body, path.absolute().parent) if body is not None else None
    found.extend(resources.findings)
    if settings is not None:
        resources.objects = [_named(one, settings) for one in resources.objects]
        found.extend(_across(resources.objects, settings))
        warnings.extend(advice(resources.objects, settings))
    found.extend(_compiled(resources, settings or _STAND_IN, found))
    warnings.extend(_without_secret(resources.objects, {path for path, _ in unset}))
    problems = [*document.problems, *(lines.at(one) for one in found)]
    said = dict.fromkeys(lines.at(one) for one in warnings)
    ordered = lines.ordered(problems), lines.ordered(said)
    return _Reading(*ordered, settings, resources.objects, included, "resources" in root)


def _named(one: FileObject, settings: Settings) -> FileObject:
    """An organization is called and reached as the team is, unless it says otherwise."""
    if one.kind != "organization":
        return one
    team = {"name": settings.name, "auth_domain": urlsplit(settings.team.url).netloc}
    return replace(one, body={**team, **one.body})


@dataclass(frozen=True, slots=True)
class _Lines:
    name: str
    place: Place

    def problem(self, path: Path, message: str, hint: str = "") -> Problem:
        return Problem(f"{self.name}:{self.place.line_of(path)}", message, hint)

    def at(self, finding: Finding) -> Problem:
        return self.problem(finding.path, finding.message, finding.hint)

    @staticmethod
    def ordered(problems: Iterable[Problem]) -> list[Problem]:
        def line(problem: Problem) -> int:
            return int(problem.where.rpartition(":")[2])

        return sorted(dict.fromkeys(problems), key=line)


def _missing(unset: list[tuple[Path, str]]) -> tuple[list[Finding], list[Finding]]:
    """A setting without its variable is wrong; a client secret may be missing where none runs."""
    found: list[Finding] = []
    warnings: list[Finding] = []
    for path, name in unset:
        kind = warnings if path[0] == "resources" else found
        kind.append(Finding(path, f"the environment variable `{name}` is not set"))
    return found, warnings


def _process(root: dict[str, Any], folder: FilePath, found: list[Finding]) -> FileBody | None:
    """The process settings, unknown keys reported and left out; None when they are not valid."""
    settings = {key: value for key, value in root.items() if key != "resources"}
    try:
        body = FileBody.model_validate(settings, extra="forbid")
    except ValidationError as error:
        _report(problems_of(error, FileBody), found)
        try:
            body = FileBody.model_validate(settings)
        except ValidationError as again:
            _report(problems_of(again, FileBody), found)
            return None
    across = process_problems(body, folder)
    found.extend(Finding((key,), message) for key, message in across)
    return body


def _report(problems: Iterable[Problem], found: list[Finding]) -> None:
    for problem in problems:
        path = tuple(int(p) if p.isdigit() else p for p in problem.where.split("/"))
        found.append(Finding(path, problem.message, problem.hint))


def _across(objects: Iterable[FileObject], settings: Settings) -> Iterable[Finding]:
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


def _without_secret(objects: Iterable[FileObject], unset: set[Path]) -> Iterable[Finding]:
    for one in objects:
        path = (*one.path, "config", "client_secret")
        if one.kind != "identity_provider" or one.secrets or path in unset:
            continue
        if takes_secret(parse_provider(one.body)):
            hint = "put it in an environment variable and write `${ENV:NAME}`"
            message = f"`{one.name}` has no client_secret, unless the store holds one"
            yield Finding(one.path, message, hint)


def _compiled(resources: Resources, settings: Settings, found: list[Finding]) -> list[Finding]:
    """What the core says of the whole; places that have a finding already are left out."""
    everything = [*resources.stand_ins, *resources.objects]
    setting = Setting(settings.team, settings.country_database is not None)
    known = _records(everything, settings)
    try:
        compile_snapshot(known, setting, Keyring((), ()), Revocations(), 0, EPOCH)
    except InvalidConfiguration as error:
        paths = _paths(everything)
        names = {one.id: one.name for one in everything if one.name}
        said = [_finding(problem, paths, names) for problem in error.problems]
        reported = {finding.path for finding in found}
        return [one for one in said if one is not None and one.path not in reported]
    return []


def _paths(objects: Iterable[FileObject]) -> dict[str, Path]:
    plural = {kind: word.replace(" ", "_") + "s" for kind, word in WORDS.items()}
    plural["policy"] = "policies"
    return {f"{plural.get(one.kind, one.kind)}/{one.id}": one.path for one in objects}


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


def _records(objects: Iterable[FileObject], settings: Settings | None) -> Records:
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
