"""Loads the one YAML file: settings and resources, or every problem with its line."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from lychgate.api.problems import problems_of
from lychgate.config.advice import advice
from lychgate.config.environment import expand
from lychgate.config.included import include
from lychgate.config.items import Finding
from lychgate.config.judging import across, compiled, missing, to_records, without_secret
from lychgate.config.lines import Lines
from lychgate.config.process import FileBody, process_problems, settings_of
from lychgate.config.resources import FileObject, read_resources
from lychgate.config.yamlfile import MOST_BYTES, read_yaml
from lychgate.core.model import Records, Team
from lychgate.errors import InvalidConfiguration, Problem, UnreadableFile
from lychgate.settings import Settings

_STAND_IN = Settings(Team("https://stand-in.invalid"), country_database=FilePath("-"))
"""In place of settings that are not valid, so that the resources are judged all the same."""


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
    content = content_of(path)
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
        content = content_of(path)
    except UnreadableFile as error:
        return Report((Problem(str(path), error.message, error.hint),))
    reading = _read(content, path, os.environ if environ is None else environ)
    return Report(tuple(reading.problems), tuple(reading.warnings))


def records(loaded: Loaded) -> Records:
    """The core's values of everything in the file, for judging requests without a store."""
    return to_records(loaded.resources, loaded.settings)


def content_of(path: FilePath) -> bytes:
    """The content of a file; raises UnreadableFile."""
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
    lines = Lines(str(path), document.place)
    root = document.value if document.value is not None else {}
    if not isinstance(root, dict):
        return _Reading([lines.problem((), "the file must hold an object")], [], None, [])
    unset = expand(root, environ)
    found, warnings = missing(unset)
    included = include(root.get("resources"), path.absolute().parent, found)
    resources = read_resources(root.get("resources"))
    body = _process(root, path.absolute().parent, found)
    settings = settings_of(body, path.absolute().parent) if body is not None else None
    found.extend(resources.findings)
    if settings is not None:
        resources.objects = [_named(one, settings) for one in resources.objects]
        found.extend(across(resources.objects, settings))
        warnings.extend(advice(resources.objects, settings))
    found.extend(compiled(resources, settings or _STAND_IN, found))
    warnings.extend(without_secret(resources.objects, {path for path, _ in unset}))
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
