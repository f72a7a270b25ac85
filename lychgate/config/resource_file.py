"""Reads a file that holds resources and nothing else, for an installation that exists already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from lychgate.config.advice import advice
from lychgate.config.environment import expand
from lychgate.config.included import include
from lychgate.config.items import Finding
from lychgate.config.judging import across, compiled, missing
from lychgate.config.lines import Lines
from lychgate.config.resources import FileObject, Resources
from lychgate.config.yamlfile import Path, read_yaml
from lychgate.errors import InvalidConfiguration, Problem
from lychgate.settings import Settings


@dataclass(frozen=True, slots=True)
class ResourceFile:
    """The content of such a file; what it means is still to be seen."""

    lines: Lines
    raw: Any
    """What stands below `resources`."""
    problems: tuple[Problem, ...]
    findings: tuple[Finding, ...]
    """What is wrong already."""
    unset: frozenset[Path]
    """Secrets whose variables are not set."""
    warnings: tuple[Finding, ...]


def read_resource_file(content: bytes, path: FilePath, environ: Mapping[str, str]) -> ResourceFile:
    """Read the content of the file at `path`; raises InvalidConfiguration when it has no form."""
    document = read_yaml(content, str(path))
    root = document.value if document.value is not None else {}
    lines = Lines(str(path), document.place)
    if document.value is None and document.problems:
        raise InvalidConfiguration(document.problems)
    if not isinstance(root, dict):
        raise InvalidConfiguration([lines.problem((), "the file must hold an object")])
    only = {name: value for name, value in root.items() if name == "resources"}
    unset = expand(only, environ)
    findings, warnings = missing(unset)
    findings.extend(_settings(root))
    include(only.get("resources"), path.absolute().parent, findings)
    return ResourceFile(
        lines,
        only.get("resources"),
        document.problems,
        tuple(findings),
        frozenset(place for place, _ in unset),
        tuple(warnings),
    )


def _settings(root: Mapping[str, Any]) -> list[Finding]:
    hint = "settings belong into the file of `--config`"
    others = [name for name in root if name != "resources"]
    return [Finding((name,), "only `resources` may stand here", hint) for name in others]


def judge(
    file: ResourceFile,
    resources: Resources,
    settings: Settings,
    others: Sequence[FileObject],
    more: Sequence[Finding] = (),
) -> tuple[Problem, ...]:
    """The warnings; raises InvalidConfiguration with every problem.

    `others` are the objects that stay besides those of the file, `more` what else was found.
    """
    found = [*file.findings, *resources.findings, *more, *across(resources.objects, settings)]
    found.extend(compiled(resources, settings, found, others))
    problems = [*file.problems, *(file.lines.at(one) for one in found)]
    if problems:
        raise InvalidConfiguration(file.lines.ordered(problems))
    said = [*file.warnings, *advice(resources.objects, settings)]
    return tuple(file.lines.ordered(file.lines.at(one) for one in said))
