"""One real mitmproxy with a scripted gate for each mode, shared by the tests of this folder."""

import warnings
from collections.abc import Iterator

import pytest

from tests.support.mitm import Mitm, scripted

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import mitmproxy.addons  # noqa: F401  # uses names that pyparsing deprecates while imported


@pytest.fixture
def anyio_backend() -> str:
    """Tests of hooks run on mitmproxy's own loop."""
    return "asyncio"


@pytest.fixture(scope="session")
def _reverse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mitm]:
    with scripted(tmp_path_factory.mktemp("reverse")) as mitm:
        yield mitm


@pytest.fixture(scope="session")
def _regular(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mitm]:
    with scripted(tmp_path_factory.mktemp("regular"), "regular") as mitm:
        yield mitm


@pytest.fixture
def mitm(_reverse: Mitm) -> Mitm:
    """mitmproxy as a reverse proxy; nothing received yet."""
    _reverse.clear_log()
    return _reverse


@pytest.fixture
def regular(_regular: Mitm) -> Mitm:
    """mitmproxy as an explicit proxy; nothing received yet."""
    _regular.clear_log()
    return _regular
