"""An installation in a folder of its own, whose commands are run as people run them."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lychgate.cli import main
from lychgate.config import load
from lychgate.config.edits import apply
from lychgate.core.snapshot import Snapshot
from lychgate.runtime import connect
from lychgate.store.base import Kind, Object
from lychgate.store.sql import SqlStore

TEAM = "https://team.example.com"


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Installation:
    """A folder with a configuration file, and its store."""

    folder: Path
    store: SqlStore[Snapshot]
    run: Callable[..., Said]

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "lychgate.yaml"

    def lychgate(self, *words: str) -> Said:
        """Run a command on this installation."""
        return self.run(*words, "--config", str(self.config))

    def write(self, resources: Mapping[str, Any] | str, name: str = "resources.yaml") -> Path:
        """A file of resources, from values or from the text that stands below `resources:`."""
        file = self.folder / name
        text = resources if isinstance(resources, str) else yaml.safe_dump(dict(resources))
        lines = [f"  {line}".rstrip() for line in text.splitlines()]
        file.write_text("\n".join(["resources:", *lines]) + "\n")
        return file

    def apply(self, resources: Mapping[str, Any] | str, *options: str) -> Said:
        """Apply a file of resources."""
        return self.lychgate("apply", str(self.write(resources)), *options)

    def one(self, kind: Kind, name: str) -> Object:
        """The stored object of that name."""
        (found,) = [one for one in self.store.objects(kind) if one.body.get("name") == name]
        return found

    def names(self, kind: Kind) -> list[str]:
        """What the stored objects of a kind are called, in order of creation."""
        return [str(one.body.get("name")) for one in self.store.objects(kind)]


type Install = Callable[..., Installation]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs the whole command line in this process."""

    def command(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["lychgate", *words])
        capfd.readouterr()
        status: int | str | None = 0
        try:
            main()
        except SystemExit as ended:
            status = ended.code
        said = capfd.readouterr()
        assert "Traceback" not in said.err + said.out
        return Said(status if isinstance(status, int) else int(status is not None), *said)

    return command


@pytest.fixture
def install(tmp_path: Path, run: Callable[..., Said]) -> Iterator[Install]:
    """Makes installations whose configuration file holds some resources."""
    made: list[Installation] = []

    def installation(resources: Mapping[str, Any] | None = None, **more: Any) -> Installation:
        folder = tmp_path / f"installation-{len(made)}"
        folder.mkdir()
        file = folder / "lychgate.yaml"
        content = {"team": {"name": "Acme", "url": TEAM}, "resources": dict(resources or {})}
        file.write_text(yaml.safe_dump({**content, **more}))
        loaded = load(file, os.environ)
        store = connect(loaded.settings)
        apply(loaded, store)
        made.append(Installation(folder, store, run))
        return made[-1]

    yield installation
    for one in made:
        one.store.close()
