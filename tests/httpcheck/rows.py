"""Which rows of the security catalogue are tried through each proxy that asks over HTTP."""

from collections.abc import Mapping
from typing import Any

from tests.security import (
    test_cookies,
    test_exhaustion,
    test_front,
    test_headers,
    test_paths,
    test_service_tokens,
)

_MODULES = (test_paths, test_front, test_headers, test_cookies, test_service_tokens)
_A_MATTER_OF_TIME = {"test_S03_expired_disabled_rotated_and_deleted"}


def _tests() -> Mapping[str, Any]:
    found = {name: one for module in _MODULES for name, one in vars(module).items()}
    found |= {name: one for name, one in vars(test_exhaustion).items() if "_D01_" in name}
    tests = {name: one for name, one in found.items() if name.startswith("test_")}
    return {name: one for name, one in tests.items() if name not in _A_MATTER_OF_TIME}


TESTS = _tests()
"""The test functions by name."""
