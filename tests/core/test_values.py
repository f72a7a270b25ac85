"""Values of one request: nobody may change them, which the type checker sees to."""

import subprocess
import sys
from pathlib import Path

from tests.support.builders import a_request

_CHANGE = """
from lychgate.core.request import Request
def change(request: Request) -> None:
    request.host = "other.example"
"""


def test_the_type_checker_refuses_to_change_one(tmp_path: Path) -> None:
    file = tmp_path / "change.py"
    file.write_text(_CHANGE)
    command = [sys.executable, "-m", "mypy", "--no-incremental", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "read-only" in done.stdout, done.stdout


def test_they_are_equal_by_what_they_hold() -> None:
    assert a_request() == a_request()
    assert a_request() != a_request("https://other.example/")
