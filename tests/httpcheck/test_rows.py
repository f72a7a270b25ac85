"""The rows of the security catalogue about requests, through each proxy that asks over HTTP."""

from tests.httpcheck.rows import TESTS

globals().update(TESTS)
