"""Runs the `console` blocks of a page: each command after `$`, in a folder with its files.

A block `yaml title=NAME` (or any other language) before it is a file of that folder. Only
`lychgate explain` and `lychgate validate` are run, because what they print is always the same.
"""

import json
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typer.testing import CliRunner

from lychgate.cli.app import app
from tests.docs.generate import environment, tidy
from tests.docs.pages import blocks

_CONSOLE = re.compile(r"(^```console\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL)
_WITHOUT_TRACE = " | jq -c 'del(.trace)'"
_RUN = ("lychgate explain", "lychgate validate")


def with_outputs(text: str) -> str:
    """The page with the output of every command it shows renewed."""
    if "```console" not in text:
        return text
    with tempfile.TemporaryDirectory() as folder:
        for block in blocks(text):
            if block.title:
                (Path(folder) / block.title).write_text(block.text)
        with _inside(Path(folder)):
            return _CONSOLE.sub(lambda found: found[1] + _rerun(found[2]) + found[3], text)


def _rerun(block: str) -> str:
    commands = re.findall(r"^\$ (.+)\n", block, re.MULTILINE)
    return "\n".join(f"$ {command}\n{_run(command)}" for command in commands)


def _run(command: str) -> str:
    if not command.startswith(_RUN):
        raise ValueError(f"`{command}` is not run in documentation")
    plain, pipe, _ = command.partition(_WITHOUT_TRACE)
    output = CliRunner(env=environment()).invoke(app, shlex.split(plain)[1:]).output
    return _without_traces(output) if pipe else tidy(output)


def _without_traces(output: str) -> str:
    """What `jq -c 'del(.trace)'` makes of JSON lines."""
    lines = [json.loads(line) for line in output.splitlines()]
    kept = [{name: line[name] for name in line if name != "trace"} for line in lines]
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in kept)


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
