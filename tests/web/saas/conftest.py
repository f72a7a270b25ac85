"""An installation with one SaaS application, and its client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.installation import Browser, Installation
from tests.web.saas.installation import Client, code_of, config, sign_in


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """For tests that change it."""
    with Installation(tmp_path, config()) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """For tests that leave it as it was."""
    with Installation(tmp_path_factory.mktemp("saas"), config()) as opened:
        yield opened


@pytest.fixture(scope="module")
def alice(shared: Installation) -> Browser:
    """Somebody who is logged in."""
    browser = shared.browser()
    sign_in(browser)
    return browser


@pytest.fixture
def code(alice: Browser) -> str:
    """A fresh code."""
    return code_of(alice)


@pytest.fixture(scope="module")
def client(shared: Installation) -> Client:
    """The server of the application."""
    return Client(shared)
