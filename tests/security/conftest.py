"""What the tests of this folder share beside the installation itself."""

from collections.abc import Iterator

import pytest

from tests.support.catalogue import Catalogue, running_catalogue


@pytest.fixture(scope="session")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """An installation of its own behind Envoy, whose processes may be killed."""
    with running_catalogue(tmp_path_factory.mktemp("fragile"), ("envoy",)) as catalogue:
        yield catalogue
