"""One demo for each proxy, whose MCP server the clients are tried on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.changes import Changes
from tests.support.demo import Demo, running_demo


@pytest.fixture(scope="session", params=["envoy", "mitmproxy"])
def demo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    """The demo, behind each proxy in turn; none of its processes may have stumbled."""
    with running_demo(tmp_path_factory.mktemp("demo"), request.param) as running:
        yield running
        logs = Path(running.info["state_dir"], "logs").glob("*.log")
        output = "".join(file.read_text() for file in logs)
    assert "Traceback" not in output, output[output.index("Traceback") :][:4000]


@pytest.fixture
def changes(demo: Demo) -> Iterator[Changes]:
    """What an administrator may change about the demo while a test lasts."""
    with Changes(demo) as changes:
        yield changes
