"""The command line in a folder of its own, as somebody new meets it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lychgate.cli import main
from tests.support.standing import lychgate as in_process


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The lines on standard error."""
        return self.err.splitlines()


type Lychgate = Callable[..., Said]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that commands run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def lychgate(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Lychgate:
    """Runs the whole command line, errors becoming lines and a status as they do for people."""

    def run(*words: str) -> Said:
        if words[:1] == ("serve",):  # it sets up logging for a process of its own
            done = in_process(*words, folder=folder)
            assert "Traceback" not in done.stdout + done.stderr
            return Said(done.returncode, done.stdout, done.stderr)
        monkeypatch.setattr(sys, "argv", ["lychgate", *words])
        capfd.readouterr()
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        said = capfd.readouterr()
        assert "Traceback" not in said.err + said.out
        return Said(status, said.out, said.err)

    return run
