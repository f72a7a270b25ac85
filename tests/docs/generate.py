"""Makes the parts of the documentation that come from the code: command help, error codes."""

import importlib
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

import addon
import extauthz
import lychgate
from lychgate.cli.app import app
from lychgate.errors import LychgateError
from tests.docs.pages import ROOT

WIDTH = 88
_PACKAGES = (lychgate, addon, extauthz)
_QUIET = re.compile(r"\.(__main__|migrations|script)\b")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PROGRAMS = ("addon", "extauthz", "extauthz.http", "lychgate.web")
"""The processes that `serve` and operators start by themselves."""

_ELSEWHERE = (("envoy-config",), ("xds",))
"""Commands that another process carries out."""

type Parts = dict[str, str]


def parts() -> Parts:
    """Every generated part by its name."""
    with ThreadPoolExecutor() as threads:
        programs = threads.submit(_programs)
        made = {"commands": _commands(), "errors": _errors(), "layers": _layers()}
        return {**made, "programs": programs.result()}


def _layers() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = [
        "\n".join((one["containers"][0], *map(_layer, one["layers"])))
        for one in project["tool"]["importlinter"]["contracts"]
        if one["type"] == "layers"
    ]
    return "```text\n" + "\n\n".join(found) + "\n```\n"


def _layer(modules: str) -> str:
    return "  " + "  ".join(re.findall(r"\w+", modules))


def environment() -> dict[str, str]:
    """Surroundings in which the output of a command is always the same."""
    left_out = {"TERMINAL_WIDTH", "FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}


def tidy(output: str) -> str:
    """Output without colours and without blanks at the ends of lines."""
    lines = [line.rstrip() for line in _COLOUR.sub("", output).splitlines()]
    return "\n".join(lines).strip("\n") + "\n"


def command_names() -> list[tuple[str, ...]]:
    """Every command, groups before what they hold."""
    return [words for words, _ in _walk((), get_command(app))]


def options(words: tuple[str, ...]) -> list[str]:
    """The long options of a command."""
    command = dict(_walk((), get_command(app)))[words]
    declared = [name for one in command.params for name in (*one.opts, *one.secondary_opts)]
    return [name for name in declared if name.startswith("--")]


def _walk(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _walk((*words, name), inner)


def _commands() -> str:
    return "".join(
        _help_section("##", " ".join(("lychgate", *words)), help_of(words))
        for words in command_names()
    )


def _programs() -> str:
    with ThreadPoolExecutor() as threads:
        helps = threads.map(lambda module: _output("-m", module, "--help"), _PROGRAMS)
        return "".join(
            _help_section("###", f"python -m {module}", text)
            for module, text in zip(_PROGRAMS, helps, strict=True)
        )


def _help_section(level: str, name: str, text: str) -> str:
    return f"\n{level} `{name}`\n\n```text\n{text}```\n\n"


def help_of(words: tuple[str, ...]) -> str:
    """What `--help` of a command prints."""
    if words in _ELSEWHERE:
        return _output("-m", "lychgate", *words, "--help")
    result = CliRunner(env=environment()).invoke(app, [*words, "--help"], prog_name="lychgate")
    if result.exit_code != 0:
        raise RuntimeError(result.output)
    return tidy(result.output)


def _output(*arguments: str) -> str:
    command = (sys.executable, *arguments)
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=True, timeout=60
    )
    return tidy(done.stdout)


def error_classes() -> list[type[LychgateError]]:
    """Every kind of error, by code."""
    for package in _PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not _QUIET.search(module.name):
                with warnings.catch_warnings():
                    # What libraries say of each other while they are imported is not our subject.
                    warnings.simplefilter("ignore")
                    importlib.import_module(module.name)
    found: set[type[LychgateError]] = {LychgateError, *_below(LychgateError)}
    ours = [
        one for one in found if one.__module__.split(".")[0] in ("lychgate", "addon", "extauthz")
    ]
    return sorted(ours, key=lambda one: (one.code, one.__module__, one.__name__))


def _below(kind: type[LychgateError]) -> Iterator[type[LychgateError]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from _below(inner)


def _errors() -> str:
    lines = ["| Code | Meaning | Raised in |", "|---|---|---|"]
    for kind in error_classes():
        meaning = (kind.__doc__ or "").strip().splitlines()[0]
        lines.append(f"| `{kind.code}` | {meaning} | `{kind.__module__}` |")
    return "\n".join(lines) + "\n"
