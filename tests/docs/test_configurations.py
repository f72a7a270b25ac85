"""Every YAML block of the documentation is a configuration that loads."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from lychgate.api import PLURALS
from lychgate.config import load_text
from lychgate.errors import InvalidConfiguration
from tests.docs import pages

_SECTIONS = frozenset(PLURALS.values())
_VARIABLE = re.compile(r"\$\{ENV:(\w+)\}")


def _blocks() -> Iterator[Any]:
    for page in pages.pages():
        found = [one for one in pages.blocks(page.read_text()) if one.language == "yaml"]
        earlier: list[Mapping[str, Any]] = []
        for number, block in enumerate(found, start=1):
            content = yaml.safe_load(block.text)
            name = page.relative_to(pages.ROOT)
            yield pytest.param(content, tuple(earlier), id=f"{name}-{number}")
            earlier.append(content)


@pytest.mark.parametrize(("content", "earlier"), list(_blocks()))
def test_it_loads(
    content: dict[str, Any], earlier: tuple[Mapping[str, Any], ...], tmp_path: Path
) -> None:
    text = yaml.safe_dump(_whole(content, earlier))
    environ = dict.fromkeys(_VARIABLE.findall(text), "a secret")
    load_text(text.encode(), tmp_path / "lychgate.yaml", environ)


def _whole(content: dict[str, Any], earlier: tuple[Mapping[str, Any], ...]) -> dict[str, Any]:
    """A file around a part of one; sections of resources may name objects of earlier blocks."""
    whole: dict[str, Any] = {"team": {"url": "https://login.example.com"}}
    if not _SECTIONS.issuperset(content):
        return {**whole, **content}
    before = [one["resources"] for one in earlier if "resources" in one]
    known: Mapping[str, Any] = before[0] if before else {}
    return {**whole, "resources": {**known, **content}}


def test_an_unknown_key_would_be_noticed(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration):
        test_it_loads({"upstream": []}, (), tmp_path)
