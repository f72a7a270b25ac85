"""What several folders of tests share while a test run lasts: started when first asked for."""

from collections.abc import Iterator

import pytest

from tests.support.both import Both
from tests.support.catalogue import FRONTS, ZERO_HOP, Catalogue, running_catalogue


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """The installation of the security catalogue behind each proxy, started once.

    Whatever the tests did: no process may have met an exception it did not expect, and nothing
    that was written down may hold a secret.
    """
    fronts = (*FRONTS, ZERO_HOP)
    with running_catalogue(tmp_path_factory.mktemp("catalogue"), fronts) as running:
        yield running
        output = running.output()
        found = running.secrets_in(output + running.kept())
    assert "Traceback" not in output, output[output.index("Traceback") :][:4000]
    assert found == []


@pytest.fixture
def both(catalogue: Catalogue) -> Both:
    """Both proxies of that installation."""
    return Both(catalogue)
