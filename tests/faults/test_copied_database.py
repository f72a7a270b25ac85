"""A database file is copied over the live one, without what was written beside it."""

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from lychgate.config import load
from lychgate.config.edits import apply
from lychgate.runtime import connect
from tests.support.oidc_objects import application, policy
from tests.support.standing import lychgate


@pytest.fixture
def damaged(tmp_path: Path) -> Iterator[Path]:
    """The folder of an installation: an old file over a newer one, and the newer one's `-wal`."""
    database, old = tmp_path / "lychgate.db", tmp_path / "old.db"
    _write(tmp_path, 150)
    store = connect(load(tmp_path / "lychgate.yaml", {}).settings)
    with closing(store), closing(sqlite3.connect(database)) as beside:
        for number in (150, 400, 380):
            beside.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if number == 400:
                _copy(database, old)
                kept = lychgate("backup", "kept.backup", folder=tmp_path)
                assert kept.returncode == 0, kept.stderr
            _write(tmp_path, number)
            apply(load(tmp_path / "lychgate.yaml", {}), store)
        _copy(Path(f"{database}-wal"), tmp_path / "wal")
    _copy(old, database)
    _copy(tmp_path / "wal", Path(f"{database}-wal"))
    yield tmp_path


def _copy(source: Path, target: Path) -> None:
    # In another process: closing the file in this one would take SQLite's locks from it.
    subprocess.run(["cp", str(source), str(target)], check=True)


def _write(folder: Path, applications: int) -> None:
    content: dict[str, Any] = {
        "team": {"name": "Copied", "url": "https://login.example.com"},
        "resources": {
            "policies": [policy("staff", {"everyone": {}})],
            "applications": [
                application(f"a{number}", f"a{number}.example.com", "staff")
                for number in range(applications)
            ],
        },
    }
    (folder / "lychgate.yaml").write_text(yaml.safe_dump(content))


def test_x08_a_file_copied_over_the_live_one_is_refused_at_start(damaged: Path) -> None:
    done = lychgate("serve", folder=damaged)
    assert done.returncode == 1
    assert "is damaged" in done.stderr and "lychgate restore" in done.stderr
    assert "Traceback" not in done.stderr


def test_x08_a_damaged_file_is_mended_from_a_backup(damaged: Path) -> None:
    away = damaged / "away"
    away.mkdir()
    for file in damaged.glob("lychgate.db*"):
        file.rename(away / file.name)
    done = lychgate("restore", "kept.backup", folder=damaged)
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(damaged / "lychgate.db")) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
