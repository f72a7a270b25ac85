"""The commands that the documentation tells people to type exist."""

import re
import shlex
from collections.abc import Iterator

import pytest

from tests.docs import pages
from tests.docs.generate import command_names, options

README = (pages.ROOT / "README.md").read_text()
_OWN_HELP = ("envoy-config",)
"""Commands whose options are those of another program."""
_INVOCATION = re.compile(r"(?:^|[\s(;&|`])lychgate((?: +[^\s;&|>()#`]+)+)")


@pytest.mark.parametrize(
    "command", ["pip install uv && uv run lychgate demo", "pip install uv && uv run pytest"]
)
def test_the_two_commands_stand_alone_in_a_shell_block(command: str) -> None:
    assert command + "\n" in [block.text for block in pages.blocks(README)]


def _typed() -> Iterator[str]:
    for page in pages.pages():
        for block in pages.blocks(page.read_text()):
            if block.language in ("sh", "console"):
                for line in block.text.replace("\\\n", " ").splitlines():
                    yield from _INVOCATION.findall(" " + line.removeprefix("$ "))


@pytest.mark.parametrize("typed", sorted({text.strip() for text in _typed()}))
def test_commands_and_options_in_shell_blocks_exist(typed: str) -> None:
    words = shlex.split(typed)
    command = max((name for name in command_names() if tuple(words[: len(name)]) == name), key=len)
    assert command, f"there is no command `lychgate {words[0]}`"
    known = options(command)
    if command == _OWN_HELP:
        # That this page holds the real help is tested beside the other generated parts.
        page = (pages.REFERENCE / "cli.md").read_text()
        known = re.findall(r"--[a-z-]+", pages.section(page, "`lychgate envoy-config`"))
    given = [word.partition("=")[0] for word in words[len(command) :] if word.startswith("-")]
    assert set(given) <= {*known, "-c", "--help"}


def test_targets_of_make_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (pages.ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name
        for page in pages.pages()
        for name in re.findall(r"\bmake ([a-z0-9]+)\b", "\n".join(_code(page.read_text())))
    }
    assert {"setup", "check", "fix", "test", "e2e", "bench", "soak", "demo"} <= named <= targets


def _code(text: str) -> Iterator[str]:
    yield from re.findall(r"`(make [^`]*)`", text)
    yield from (block.text for block in pages.blocks(text) if block.language == "sh")
