"""The page of conformance: every test it names exists, and every line has one or a reason."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "conformance-oauth.md").read_text()
LINES = re.findall(r"^\| (?!Requirement|-)(.+?) \| (.+) \|$", PAGE, re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_REASONS = ("Not offered: ", "Not needed: ", "Settings: ")


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests in a file."""
    tree = ast.parse((ROOT / file).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("requirement", "shown"), LINES, ids=[line[0][:60] for line in LINES])
def test_a_line_has_a_test_or_a_reason(requirement: str, shown: str) -> None:
    named = _TEST.findall(shown)
    assert named or shown.startswith(_REASONS), requirement
    for file, name in named:
        assert name in names_in(file), f"{file}::{name}"


def test_the_page_was_read() -> None:
    assert len(LINES) > 50
