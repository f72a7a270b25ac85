"""A running companion process with its admin API, and clients for it."""

from collections.abc import Iterator

import pytest
from cloudflare import Cloudflare

from lychgate.config.naming import ACCOUNT
from tests.admin.running import Running, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One process for all tests of a worker; each test makes objects of its own."""
    with running(tmp_path_factory.mktemp("admin")) as started:
        yield started


@pytest.fixture
def cf(server: Running) -> Iterator[Cloudflare]:
    """The official client, unmodified."""
    with server.client() as client:
        yield client


@pytest.fixture
def account() -> str:
    """The account id of an installation."""
    return ACCOUNT
