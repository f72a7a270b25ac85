"""What the documentation shows of the program's output is its output."""

from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.console import with_outputs
from tests.docs.generate import Parts, parts

_ADVICE = "`python -m tests.docs.update` brings the page up to date"


@pytest.fixture(scope="module")
def fresh() -> Parts:
    """Every generated part, made once."""
    return parts()


def _with(mark: str) -> list[Path]:
    return [page for page in pages.pages() if mark in page.read_text()]


@pytest.mark.parametrize("page", _with("<!-- generated: "), ids=lambda page: page.name)
def test_generated_parts_are_those_of_the_code(page: Path, fresh: Parts) -> None:
    found = pages.generated(page.read_text())
    assert found
    for name, content in found.items():
        assert content == fresh[name], _ADVICE


def test_every_part_has_its_place(fresh: Parts) -> None:
    placed = [name for page in pages.pages() for name in pages.generated(page.read_text())]
    assert sorted(placed) == sorted(fresh)


@pytest.mark.parametrize("page", _with("```console"), ids=lambda page: page.name)
def test_commands_print_what_the_page_says(page: Path) -> None:
    text = page.read_text()
    assert with_outputs(text) == text, _ADVICE


def test_a_changed_output_would_be_noticed() -> None:
    text = "```console\n$ lychgate explain nonsense\nsomething else\n```\n"
    assert with_outputs(text) != text
