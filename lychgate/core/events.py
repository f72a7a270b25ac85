"""What is remembered of a decision: who asked for what, what came of it, and why."""

from datetime import datetime
from typing import assert_never

from lychgate.core.decision import (
    Allow,
    Because,
    Challenge,
    Decision,
    Deny,
    Reason,
    Redirect,
    Respond,
    Serve,
)
from lychgate.core.identity import Anonymous, Service, User
from lychgate.core.request import Request
from lychgate.core.values import momentary


@momentary
class AccessEvent:
    """One decision, without anything secret: no token, cookie, query or body."""

    at: datetime
    request_id: str
    decision: str
    """`allow`, `login`, `challenge`, `deny`, `respond` or `serve`."""
    because: Because
    method: str
    host: str
    path: str
    ip: str
    country: str
    status: int
    certificate: str = ""
    """Serial number of the client certificate, whether or not it was valid."""
    seconds: float = 0.0
    """How long it took to decide and to make the answer."""
    traceparent: str = ""
    """The span it belongs to, as the proxy names it (W3C Trace Context); empty: none."""

    @property
    def plain_allow(self) -> bool:
        """Whether somebody with a session passed, as nearly every request does."""
        return self.because.reason in (Reason.ALLOWED, Reason.SERVICE_AUTH)

    @property
    def bypass(self) -> bool:
        """Whether it passed without any check of a person or machine."""
        return self.because.reason in (Reason.BYPASSED, Reason.UNMATCHED_PASSED)

    def principal(self) -> dict[str, str]:
        """Who asked, as fields of a log line."""
        match self.because.principal:
            case User() as user:
                return {"user": user.email, "session": user.session}
            case Service() as service:
                fields = {"service_token": service.token_id or "", "common_name": service.name}
                return {name: value for name, value in fields.items() if value}
            case Anonymous():
                return {}
            case unknown:
                assert_never(unknown)


def access_event(
    request: Request, decision: Decision, now: datetime, seconds: float = 0.0
) -> AccessEvent:
    """The event of one decision that took so many seconds."""
    name, status = _outcome(decision)
    return AccessEvent(
        at=now,
        request_id=request.id,
        decision=name,
        because=decision.because,
        method=request.method,
        host=request.host,
        path=request.path,
        ip=str(request.client_ip or ""),
        country=request.country or "",
        status=status,
        certificate=request.certificate.serial if request.certificate else "",
        seconds=seconds,
        traceparent=_traceparent(request),
    )


def _traceparent(request: Request) -> str:
    if request.traceparent is not None:
        return request.traceparent
    return request.header("traceparent") or ""


def _outcome(decision: Decision) -> tuple[str, int]:
    match decision:
        case Allow():
            return "allow", 0
        case Redirect():
            return "login" if decision.meta is not None else "deny", 302
        case Challenge():
            return "challenge", 401
        case Deny():
            return "deny", decision.status
        case Respond():
            return "respond", decision.status
        case Serve():
            return "serve", 0
        case unknown:
            assert_never(unknown)
