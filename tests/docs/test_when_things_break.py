"""Each row of what happens when things break names tests, and those exist."""

import ast
import re

import pytest

from tests.docs.pages import DOCS, ROOT

PAGE = (DOCS / "when-things-break.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "| Tests |" not in line]
_NAMED = re.compile(r"`(tests/[^`]+\.py)::(test_[^`]+)`")


def test_the_table_has_rows() -> None:
    assert len(ROWS) >= 15
    assert {row.count("|") for row in ROWS} == {8}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_a_row_names_tests_that_exist(row: str) -> None:
    named = _NAMED.findall(row.split("|")[7])
    assert named
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in found, f"{file} has no {name}"


def test_a_row_says_what_is_never_allowed_and_how_to_mend_it() -> None:
    for row in ROWS:
        cells = [cell.strip() for cell in row.split("|")]
        assert cells[2] and cells[3] and cells[4] and cells[6], row
