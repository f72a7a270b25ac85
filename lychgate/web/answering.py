"""From a request as it arrived to the answer: whose host it is, which endpoint, what went wrong."""

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network
from urllib.parse import unquote

from lychgate import tracing
from lychgate.core.certificates import judged, read_certificate
from lychgate.core.request import Address, ClientCertificate, address
from lychgate.core.urls import CLIENT_CERT_HEADER, CLIENT_IP_HEADER, canonical_host, team_host
from lychgate.errors import LychgateError
from lychgate.oauth.errors import OAuthError
from lychgate.pages import ErrorPage, InvalidSessionPage, problem_answer
from lychgate.store.base import StoreFull, StoreUnavailable
from lychgate.tracing.base import Note
from lychgate.web.errors import (
    BadRequest,
    InvalidSession,
    NotFound,
    PageError,
    TooMany,
    Unavailable,
)
from lychgate.web.html import html
from lychgate.web.oauth.documents import error_document, refusal_document
from lychgate.web.reply import Reply, page_reply, redirect
from lychgate.web.request import WebRequest, Where
from lychgate.web.routing import ALIAS, Endpoint, Found, OtherMethods, Table
from lychgate.web.services import Services

MAX_HEADERS = 100
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")

_RETRY_AFTER = {429: "300", 503: "5"}
"""Seconds after which another try makes sense."""

log = logging.getLogger("lychgate.web")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as the server handed it over; nothing here is believed yet."""

    method: str
    path: str
    query: str
    headers: Mapping[str, tuple[str, ...]]
    peer: str
    body: bytes = b""

    def one(self, name: str) -> str:
        """The value of a header; empty when it is absent or repeated."""
        values = self.headers.get(name, ())
        return values[0] if len(values) == 1 else ""


class Desk:
    """Answers requests with the handlers of a route table."""

    def __init__(self, table: Table, services: Services) -> None:
        self.services = services
        self.plain_http = services.settings.team.url.startswith("http://")
        self._table = table
        companion = services.settings.companion
        self._trusted = [ip_network(text, strict=False) for text in companion.trusted_proxies]
        team = services.settings.team
        hosts = {
            team.transfer_host: Where.TRANSFER,
            team.alias: Where.ALIAS,
            team_host(team): Where.TEAM,
        }
        self._ours = {host: where for host, where in hosts.items() if host}

    def ready(self, incoming: Incoming) -> Callable[[], bool] | None:
        """For an endpoint that answers when there is something to say: whether there is."""
        where = self._ours.get(canonical_host(incoming.one("host")) or "")
        found = self._table.find(where, incoming.method, incoming.path) if where else None
        if not isinstance(found, Found) or found.endpoint.ready is None:
            return None
        return partial(found.endpoint.ready, found.argument, self.services)

    def source(self, incoming: Incoming) -> str:
        """The client, as those are counted who make us wait."""
        return str(self._client_ip(incoming))

    def is_slow(self, incoming: Incoming) -> bool:
        """Whether the endpoint may wait for somebody else's server."""
        found = self._table.find(Where.TEAM, incoming.method, incoming.path)
        return isinstance(found, Found) and found.endpoint.slow

    def answer(self, incoming: Incoming) -> Reply:
        """The answer; it never raises."""
        with tracing.entered(incoming.one("traceparent")) as note:
            return self._answered(incoming, note)

    def _answered(self, incoming: Incoming, note: Note) -> Reply:
        started = time.perf_counter()
        id = self._request_id(incoming)
        endpoint = "none"
        try:
            where, host = self._place(incoming)
            found = self._find(where, incoming)
            endpoint = found.endpoint.path
            request = self._request(incoming, id, where, host, found.argument)
            reply = found.endpoint.handler(request, self.services)
        except _Refused as refused:
            reply = self._error_page(incoming, id, refused.status, "", "")
            reply = reply.with_headers(*refused.headers)
        except LychgateError as error:
            reply = self._failed(incoming, id, error)
        except Exception:
            # The adapter's entry: whatever is broken below, the visitor gets a page and an id.
            log.exception("a handler failed", extra={"event": {"request_id": id}})
            reply = self._error_page(incoming, id, 500, "", "internal_error")
        self.services.metrics.answered(endpoint, reply.status, time.perf_counter() - started)
        note(endpoint, status=reply.status, request_id=id)
        return reply

    def refuse(self, incoming: Incoming, status: int) -> Reply:
        """The answer to a request whose body could not be read."""
        return self._error_page(incoming, self._request_id(incoming), status, "", "bad_body")

    def too_busy(self, incoming: Incoming) -> Reply:
        """The answer to a request for which no thread became free."""
        id = self._request_id(incoming)
        log.error("too many requests wait for an answer", extra={"event": {"request_id": id}})
        self.services.metrics.answered("none", 503, 0.0)
        reply = self._error_page(incoming, id, 503, "", "too_busy")
        return reply.with_headers(("retry-after", _RETRY_AFTER[503]))

    def _place(self, incoming: Incoming) -> tuple[Where, str]:
        host = canonical_host(incoming.one("host"))
        if host in self._ours:
            return self._ours[host], host
        if host is None or not self.services.current().routes.knows_host(host):
            raise BadRequest("this installation does not know the host you asked for")
        return Where.APP, host

    def _find(self, where: Where, incoming: Incoming) -> Found:
        if sum(map(len, incoming.headers.values())) > MAX_HEADERS:
            raise _Refused(431)
        match self._table.find(where, incoming.method, incoming.path):
            case Found() as found:
                return found
            case OtherMethods(allowed):
                raise _Refused(405, (("allow", ", ".join(allowed)),))
            case None if where is Where.ALIAS:
                return Found(_ELSEWHERE)
            case None:
                raise NotFound("there is no such page here")

    def _request(
        self, incoming: Incoming, id: str, where: Where, host: str, argument: str
    ) -> WebRequest:
        client_ip = self._client_ip(incoming)
        return WebRequest(
            id=id,
            method=incoming.method,
            where=where,
            host=host,
            path=incoming.path,
            query=incoming.query,
            headers=incoming.headers,
            client_ip=client_ip,
            fresh=self.services.token(),
            country=self.services.country(client_ip),
            certificate=self._certificate(incoming, host),
            body=incoming.body,
            argument=argument,
        )

    def _client_ip(self, incoming: Incoming) -> Address | None:
        """The proxy's word for the client's address, if a proxy of ours says it."""
        peer = address(incoming.peer)
        if not self._is_proxy(peer) or CLIENT_IP_HEADER not in incoming.headers:
            return peer
        return address(incoming.one(CLIENT_IP_HEADER))

    def _certificate(self, incoming: Incoming, host: str) -> ClientCertificate | None:
        """The client's certificate, if a proxy of ours names it, as it counts at this host."""
        encoded = incoming.one(CLIENT_CERT_HEADER)
        if not encoded or not self._is_proxy(address(incoming.peer)):
            return None
        presented = read_certificate(unquote(encoded))
        authorities = self.services.current().authorities.get(host, ())
        return presented and judged(presented, authorities, self.services.clock())

    def _is_proxy(self, peer: Address | None) -> bool:
        return peer is not None and any(peer in network for network in self._trusted)

    def _request_id(self, incoming: Incoming) -> str:
        given = incoming.one("x-request-id")
        if self._is_proxy(address(incoming.peer)) and _REQUEST_ID.fullmatch(given):
            return given
        return self.services.random(8).hex()

    def _failed(self, incoming: Incoming, id: str, error: LychgateError) -> Reply:
        match error:
            case OAuthError():
                reply = error_document(error, "authorization" in incoming.headers)
            case InvalidSession():
                reply = html(self.services, InvalidSessionPage(id, error.hint))
            case PageError():
                reply = self._error_page(incoming, id, error.status, error.message, error.code)
            case StoreUnavailable() | StoreFull():
                reply = self._error_page(incoming, id, Unavailable.status, "", error.code)
            case _:
                reply = self._error_page(incoming, id, 500, "", error.code)
        level = logging.ERROR if reply.status >= 500 else logging.INFO
        event = {"request_id": id, "code": error.code, "status": reply.status, "hint": error.hint}
        log.log(level, "%s", error.message, extra={"event": event})
        known = _RETRY_AFTER.get(reply.status)
        wait = str(error.retry_after) if isinstance(error, TooMany) else known
        return reply if wait is None else reply.with_headers(("retry-after", wait))

    def _error_page(
        self, incoming: Incoming, id: str, status: int, message: str, code: str
    ) -> Reply:
        if self._table.is_for_programs(incoming.path):
            return refusal_document(status, message)
        accept = incoming.one("accept")
        if "application/json" in accept and "text/html" not in accept:
            words = message or "the request cannot be answered"
            return page_reply(problem_answer(status, code or "refused", words, id))
        return html(self.services, ErrorPage(status, id, message and f"{_sentence(message)}"))


def _at_team(request: WebRequest, services: Services) -> Reply:
    """The same address under the name that cookies and links of ours have."""
    query = f"?{request.query}" if request.query else ""
    return redirect(f"{services.settings.team.url}{request.path}{query}")


_ELSEWHERE = Endpoint(ALIAS, "GET", "elsewhere", _at_team)


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:] + "."


class _Refused(Exception):
    """An answer that is only a status."""

    def __init__(self, status: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(str(status))
        self.status = status
        self.headers = headers
