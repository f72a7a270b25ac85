"""What a decision with an OAuth access token costs, beside one with a session cookie."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from bench.samples import NOW, browser_request, claims, session, snapshot
from bench.timing import ratio
from lychgate.core.keys import seal
from lychgate.core.request import Request
from lychgate.core.session import MANAGED_PURPOSE, OAUTH_PREFIX, TokenType
from lychgate.core.snapshot import Snapshot
from lychgate.gate import Forward, Gate, View

_INDEX = 3


def measure() -> Mapping[str, float]:
    """Both were seen before, and both times the whole gate is asked."""
    configuration = snapshot(10, 10, managed=True)
    cookie = browser_request(_INDEX, session(configuration, _INDEX))
    bearer = _with_bearer(browser_request(_INDEX, ""), _access_token(configuration))
    return {
        "bearer_over_cookie": ratio(_check(configuration, bearer), _check(configuration, cookie))
    }


def _access_token(configuration: Snapshot) -> str:
    granted = {
        **claims(configuration, _INDEX, timedelta(minutes=15)),
        "type": TokenType.OAUTH.value,
        "grant_id": secrets.token_hex(16),
        "client_id": secrets.token_hex(16),
    }
    key = configuration.keyring.sealing_key()
    return OAUTH_PREFIX + seal(key, MANAGED_PURPOSE, granted, secrets.token_bytes(12))


def _with_bearer(request: Request, token: str) -> Request:
    """The same request with the token in place of the session cookie."""
    (cookies,) = request.headers["cookie"]
    kept = "; ".join(one for one in cookies.split("; ") if not one.startswith("CF_Authorization="))
    headers = {**request.headers, "cookie": (kept,), "authorization": (f"Bearer {token}",)}
    return replace(request, headers=headers)


def _check(configuration: Snapshot, request: Request) -> Callable[[], object]:
    gate = Gate(
        view=lambda: View(configuration, timedelta(0)),
        clock=lambda: NOW,
        observe=lambda event: None,
        grace=timedelta(minutes=1),
    )
    outcome = gate.check(request)
    if not isinstance(outcome, Forward):
        raise SystemExit(f"the sample request was not allowed: {outcome.because}")
    return lambda: gate.check(request)
