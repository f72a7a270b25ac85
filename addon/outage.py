"""What visitors see when an upstream does not answer: our page in place of mitmproxy's own.

Its own page shows the upstream's address and names no request. mitmproxy has no setting for it, so
the two functions that make it are replaced; an upstream that fails while nobody noted whose request
it was still gets the original.
"""

from contextvars import ContextVar

from mitmproxy import ctx, http
from mitmproxy.net.http import http1
from mitmproxy.proxy.layers.http import _base, _http1, _http2

from addon import translate

_failed: ContextVar[http.HTTPFlow | None] = ContextVar("failed", default=None)
"""The flow whose error hook ran in this task, which goes on to make the page."""
_their_answer = _http1.make_error_response
_their_body = _base.format_error


def note(flow: http.HTTPFlow) -> None:
    """Remember whose request failed, until its page is made."""
    _failed.set(flow)


def hang_up(flow: http.HTTPFlow) -> None:
    """Close the connection to the upstream that a flow waits for; its visitor gets the page."""
    for client in ctx.master.addons.get("proxyserver").connections.values():
        waiting = client.transports.get(flow.server_conn)
        if waiting is not None and waiting.handler is not None:
            waiting.handler.cancel("the upstream is stuck")


def install() -> None:
    """Let this process make the pages."""
    _http1.make_error_response = _answer
    _http2.format_error = _body  # type: ignore[attr-defined]  # it uses a name of another module


def _answer(status_code: int, message: str = "") -> bytes:
    flow = _failed.get()
    if flow is None:
        return _their_answer(status_code, message)
    response = translate.outage(flow, status_code)
    response.headers["connection"] = "close"
    return bytes(http1.assemble_response(response))


def _body(status_code: int, message: str) -> bytes:
    flow = _failed.get()
    if flow is None:
        return _their_body(status_code, message)
    return translate.outage(flow, status_code).raw_content or b""
