"""The installation that most web tests use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.configs import BASE
from tests.web.installation import Browser, Installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Two applications behind a one-time PIN."""
    with Installation(tmp_path, BASE) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The same for tests that leave it as it was."""
    with Installation(tmp_path_factory.mktemp("shared"), BASE) as opened:
        yield opened


@pytest.fixture
def browser(installation: Installation) -> Browser:
    """A visitor who was never here."""
    return installation.browser()
