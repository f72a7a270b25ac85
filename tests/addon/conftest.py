"""One real mitmproxy with a scripted gate for each mode, shared by the tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.support.mitm import Mitm, scripted


@pytest.fixture(scope="session")
def _reverse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mitm]:
    with scripted(tmp_path_factory.mktemp("reverse")) as mitm:
        yield mitm


@pytest.fixture(scope="session")
def _regular(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mitm]:
    with scripted(
        tmp_path_factory.mktemp("regular"), "regular", ("ssl_verify_upstream_trusted_ca=",)
    ) as mitm:
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
