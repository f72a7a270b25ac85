"""The databases of the store's tests: each contract test runs on both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.parts import MASTER_KEY, FixedClock, Opened, Place
from tests.support.postgres import PostgresServer

ENVIRONMENT = {"LYCHGATE_MASTER_KEY": MASTER_KEY}


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server that lives as long as the tests."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return Place(f"sqlite:///{tmp_path}/lychgate.db", ENVIRONMENT)
    server: PostgresServer = request.getfixturevalue("postgres")
    return Place(server.database(), ENVIRONMENT)


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands until it is moved."""
    return FixedClock()


@pytest.fixture
def store(place: Place, clock: FixedClock) -> Iterator[Opened]:
    """A store over an empty database."""
    opened = place.open(clock)
    yield opened
    opened.close()
