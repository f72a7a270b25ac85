"""The installation that the tests of managed OAuth use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.installation import Browser, Installation
from tests.web.oauth.flow import CONFIG, Agent, register


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Two applications with managed OAuth and one without."""
    with Installation(tmp_path, CONFIG) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The same for tests that leave it as it was."""
    with Installation(tmp_path_factory.mktemp("oauth"), CONFIG) as opened:
        yield opened


@pytest.fixture
def agent(installation: Installation) -> Agent:
    """A public client."""
    return register(installation)


@pytest.fixture
def browser(installation: Installation) -> Browser:
    """A person's browser, not logged in."""
    return installation.browser()
