"""The units are what systemd understands, and leave little open."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs import pages

FOLDER = pages.ROOT / "examples" / "systemd"
UNITS = sorted(one.name for one in FOLDER.iterdir() if one.suffix in (".service", ".timer"))
SERVICES = [name for name in UNITS if name.endswith(".service")]
_COMMAND = re.compile(r"^Exec\w+=(\S+)", re.MULTILINE)
EXPOSURE = "15"
"""Tenths, as `--threshold` counts; 9.6 is a unit that closes nothing."""


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    units = tmp_path / "etc/systemd/system"
    shutil.copytree(FOLDER, units)
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    for name in SERVICES:
        for command in {*_COMMAND.findall((FOLDER / name).read_text()), "/bin/sh"}:
            program = tmp_path / command.lstrip("/")
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text("#!/bin/sh\n")
            program.chmod(0o755)
    command = ["systemd-analyze", f"--root={tmp_path}", "verify", *UNITS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_leaves_little_open(name: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}"]
    done = subprocess.run([*command, str(FOLDER / name)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-300:]
