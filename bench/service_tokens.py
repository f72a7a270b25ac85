"""What a service token's check costs, and whether it matters how many tokens there are."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from bench.samples import NOW, TEAM, browser_request, host, records
from bench.timing import microseconds, ratio
from lychgate.core.decide import decide
from lychgate.core.decision import Allow, Decision, Deny
from lychgate.core.keys import Keyring, new_sealing_key, new_signing_key
from lychgate.core.model import Action, AppId, Policy, PolicyId, Records, Rule, TokenId
from lychgate.core.request import Request
from lychgate.core.revocations import Revocations
from lychgate.core.session import open_token
from lychgate.core.snapshot import Setting, Snapshot, compile_snapshot
from lychgate.core.urls import CLIENT_ID, CLIENT_SECRET

_SECRET = "cfast_" + "s" * 48
_APP = AppId("app-3")


def measure() -> Mapping[str, float]:
    """A good token and a wrong one, among ten tokens and among ten thousand."""
    small, large = _snapshot(10), _snapshot(10_000)
    good, wrong = _SECRET, "x" * 54
    return {
        "service_token_us": microseconds(_check(small, 3, good)),
        "service_token_10k_over_10": ratio(_check(large, 7_000, good), _check(small, 3, good)),
        "service_token_wrong_10k_over_10": ratio(
            _check(large, 7_000, wrong), _check(small, 3, wrong)
        ),
        "service_token_unknown_over_wrong": ratio(
            _check(large, 99_999, wrong), _check(large, 7_000, wrong)
        ),
    }


def _snapshot(tokens: int) -> Snapshot:
    """Ten applications, one of which any of so many service tokens may enter."""
    keyring = Keyring((new_signing_key(NOW),), (new_sealing_key(),))
    return compile_snapshot(_records(tokens), Setting(TEAM), keyring, Revocations(), 1, NOW)


def _records(tokens: int) -> Records:
    known = records(10, tokens)
    digest = hashlib.sha256(_SECRET.encode()).digest()
    held = {id: replace(token, secret_hash=digest) for id, token in known.service_tokens.items()}
    # A rule that names a token, as most do, and one for all the others.
    rules = (
        Rule("service_token", {"token_id": TokenId("0")}),
        Rule("any_valid_service_token", {}),
    )
    policy = Policy(PolicyId("machines"), "machines", Action.SERVICE_AUTH, rules)
    app = known.applications[_APP]
    return replace(
        known,
        applications={**known.applications, _APP: replace(app, policies=(policy.id,))},
        policies={**known.policies, policy.id: policy},
        service_tokens=held,
    )


def _check(configuration: Snapshot, number: int, secret: str) -> Callable[[], object]:
    request = _request(number, secret)

    def check() -> Decision:
        return decide(
            request, configuration, lambda text: open_token(text, configuration.keyring, NOW), NOW
        )

    expected = Allow if secret == _SECRET else Deny
    if not isinstance(check(), expected):
        raise SystemExit(f"the sample request was not decided as expected: {check()}")
    return check


def _request(number: int, secret: str) -> Request:
    plain = browser_request(3, "-")
    headers = {name: value for name, value in plain.headers.items() if name != "cookie"}
    pair = {CLIENT_ID: (f"{number:032x}.access",), CLIENT_SECRET: (secret,)}
    return replace(plain, host=host(3), headers={**headers, **pair})
