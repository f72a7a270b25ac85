"""A finished file gets its name, and takes it from nobody."""

import os
from pathlib import Path

import pytest

from lychgate.placing import place


def _without_links(*_: object) -> None:
    raise PermissionError


@pytest.mark.parametrize("links", [True, False])
def test_a_name_is_given_once(links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not links:
        monkeypatch.setattr(os, "link", _without_links)
    for text in ("first", "second"):
        (tmp_path / text).write_text(text)
    place(tmp_path / "first", tmp_path / "file")
    with pytest.raises(FileExistsError):
        place(tmp_path / "second", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "first"
