"""What is applied counts in processes that run already."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.admin.running import Running, running
from tests.files.conftest import Said
from tests.files.test_apply import SMALL, STAFF


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A companion process that follows its store."""
    with running(tmp_path_factory.mktemp("in-force"), {"tags": [{"name": "of the file"}]}) as one:
        yield one


def test_it_is_in_force_within_a_second(
    server: Running, tmp_path: Path, run: Callable[..., Said]
) -> None:
    def apply(resources: dict[str, Any]) -> None:
        file = tmp_path / "resources.yaml"
        file.write_text(yaml.safe_dump({"resources": resources}))
        assert run("apply", str(file), "--config", str(server.config)).status == 0

    def uses_in_force(name: str) -> int:
        # How many applications use a policy is told from the snapshot that decides.
        listed = http.get(server.account("/access/policies")).json()["result"]
        return int(next(one["app_count"] for one in listed if one["name"] == name))

    with server.http() as http:
        apply({"policies": [STAFF]})
        assert uses_in_force("staff") == 0
        apply(SMALL)
        began = time.monotonic()
        while uses_in_force("staff") == 0:
            assert time.monotonic() - began < 5
        assert time.monotonic() - began < 1
