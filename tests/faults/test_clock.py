"""The clock of one process is hours off: a readable page, and no token counts longer than that."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import libfaketime
import pytest

from lychgate.core.urls import AUTH_COOKIE
from tests.support.browsing import Visitor
from tests.support.catalogue import ALICE, Catalogue
from tests.support.front import request_bytes

HOUR = 3600
OFF = 2
_LIBRARY = Path(libfaketime.__file__).parent / "vendor/libfaketime/src/libfaketime.so.1"


@contextmanager
def clock_off(catalogue: Catalogue, module: str, hours: int) -> Iterator[None]:
    """Run a process with a clock that is hours ahead, or behind; then with the right one."""
    catalogue.kill(module)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(_LIBRARY))
        patch.setenv("FAKETIME", f"{hours:+d}h")
        patch.setenv("DONT_FAKE_MONOTONIC", "1")
        catalogue.start(module)
    try:
        catalogue.served()
        yield
    finally:
        catalogue.start_again(module)


def answer(catalogue: Catalogue, **claims: int) -> int:
    """What Envoy answers to Alice with a token of those times."""
    token = (("Cookie", f"{AUTH_COOKIE}={catalogue.token(ALICE, 'ROOT', **claims)}"),)
    return catalogue.fronts["envoy"].send_raw(request_bytes("GET", "/", "a.example", token)).status


@pytest.mark.parametrize("hours", [OFF, -OFF])
def test_X03_a_decision_server_whose_clock_is_off(catalogue: Catalogue, hours: int) -> None:
    now = int(time.time())
    assert answer(catalogue) == 200
    with clock_off(catalogue, "extauthz", hours):
        assert answer(catalogue) == 302, "over already, or from the future"
        long_over = now - (OFF + 1) * HOUR
        assert answer(catalogue, iat=long_over - HOUR, nbf=long_over - HOUR, exp=long_over) == 302
        page = Visitor(catalogue, catalogue.fronts["envoy"]).open("https://a.example/")
        assert page.reply.status == 400, "not a circle of redirects"
        assert "login link is not valid any more" in page.text and "equest id" in page.text
    assert answer(catalogue) == 200


def test_X03_a_companion_app_whose_clock_is_ahead(catalogue: Catalogue) -> None:
    with clock_off(catalogue, "lychgate.web", OFF):
        assert answer(catalogue) == 200, "sessions go on"
        page = Visitor(catalogue, catalogue.fronts["envoy"]).open("https://a.example/")
        assert page.reply.status == 400
        assert "login link is not valid any more" in page.text
