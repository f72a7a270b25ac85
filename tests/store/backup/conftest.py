"""Databases to save and to restore into, of both kinds, in every pairing."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.backup.saving import fill, save
from tests.store.parts import MASTER_KEY, FixedClock, Place
from tests.support.postgres import PostgresServer

ENVIRONMENT = {"LYCHGATE_MASTER_KEY": MASTER_KEY}

type Another = Callable[[str], Place]
"""A fresh, empty database of a kind."""


@pytest.fixture
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Another:
    """Makes databases; the PostgreSQL server starts only when one is wanted."""
    made = iter(range(100))

    def make(kind: str) -> Place:
        if kind == "sqlite":
            return Place(f"sqlite:///{tmp_path}/{next(made)}.db", ENVIRONMENT)
        server: PostgresServer = request.getfixturevalue("postgres")
        return Place(server.database(), ENVIRONMENT)

    return make


@pytest.fixture(scope="session")
def _filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("filled") / "lychgate.db"
    with closing(Place(f"sqlite:///{file}", ENVIRONMENT).open(FixedClock())) as store:
        fill(store)
    return file


@pytest.fixture
def filled(another: Another, _filled: Path) -> Another:
    """A database of a kind with something in every table."""

    def make(kind: str) -> Place:
        place = another(kind)
        if kind == "sqlite":
            shutil.copyfile(_filled, place.url.removeprefix("sqlite:///"))
            return place
        with closing(place.open(FixedClock())) as store:
            fill(store)
        return place

    return make


@pytest.fixture(scope="session")
def backup(_filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a database with something in every table."""
    file = tmp_path_factory.mktemp("backup") / "good"
    save(Place(f"sqlite:///{_filled}", ENVIRONMENT), file)
    return file
