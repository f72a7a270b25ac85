"""Answers `envoy.service.auth.v3.Authorization/Check`: translate, ask the gate, translate."""

import logging
from collections.abc import Iterable
from typing import Protocol

from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse

from extauthz.asking import Judge, Untranslatable, hint_of
from extauthz.at_once import at_once
from extauthz.translate import plain_refusal, to_request, to_response

_LOGGER = logging.getLogger(__name__)
CLIENT_IP = "x-lychgate-client-ip"
"""The gRPC metadata in which Envoy states the client's address."""
TRACEPARENT = "traceparent"
"""And the span that the check is a part of, if Envoy makes traces."""
_BESIDE = (CLIENT_IP, TRACEPARENT)


class Call(Protocol):
    """What we need of a gRPC call beside its message."""

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]]:
        """The call's metadata."""
        ...


class AuthorizationService:
    """The decision server; it always answers, and completely."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    @at_once
    def Check(self, request: CheckRequest, context: Call) -> CheckResponse:
        """Decide one request."""
        try:
            told = _told(context)
            asked = to_request(request, told.get(CLIENT_IP), told.get(TRACEPARENT, ""))
            return to_response(self._judge.check(asked), asked)
        except Untranslatable as error:
            _LOGGER.error("a check was refused: %s", error.message, extra={"event": hint_of(error)})
            return plain_refusal(503)
        except Exception:
            # Whatever goes wrong here, the request must not pass.
            _LOGGER.exception("a check could not be answered")
            return plain_refusal(503)


def _told(context: Call) -> dict[str, str]:
    """What Envoy itself says beside the message; what it says twice counts as not said."""
    told: dict[str, str] = {}
    twice: set[str] = set()
    for name, value in context.invocation_metadata():
        if name in _BESIDE:
            twice.update({name} & told.keys())
            told[name] = str(value)
    return {name: value for name, value in told.items() if name not in twice}
