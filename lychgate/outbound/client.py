"""The guarded HTTP client: one call out, one bounded reply or the reason why there is none."""

import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import httpcore
import httpx

from lychgate import tracing
from lychgate.core.request import Address
from lychgate.outbound.guard import Allow, is_loopback, is_public
from lychgate.outbound.patience import Patience
from lychgate.outbound.pinned import PinnedBackend, RefusedAddress, Resolve, resolve

KIB = 1024
MIB = 1024 * KIB


class Trust(StrEnum):
    """Who chose the URL: administrators may name private hosts, nobody else may."""

    ADMINISTRATOR = "administrator"
    OUTSIDER = "outsider"


class Why(StrEnum):
    """Why a call brought no reply; stable, for logs."""

    REFUSED = "refused"
    """The guard did not let it out; nothing was sent."""
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    GARBLED = "garbled"


@dataclass(frozen=True, slots=True)
class Call:
    """One request to be made; `body` is form fields or ready bytes."""

    url: str
    trust: Trust
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, str] | bytes | None = field(default=None, repr=False)
    limit: int = MIB
    """Size of the reply's body in bytes."""
    seconds: float = 5.0
    """Time for everything: name, connection, request and the whole reply."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever its status; redirects are not followed."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """There is no reply; `detail` is for the log."""

    why: Why
    detail: str


class Outbound:
    """Makes guarded calls; safe to share between threads, and holds no connection between calls."""

    def __init__(
        self,
        allow: tuple[str, ...] = (),
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        self._allow = Allow.parse(allow)
        self._tls = tls or _system_tls()
        self._resolve = resolve
        self._patience = Patience()

    def send(self, call: Call) -> Reply | NoAnswer:
        """Make one call. It never raises for what the other side does."""
        with tracing.inside("outbound call") as note:
            reply = self._sent(call)
            match reply:
                case Reply():
                    note(status=reply.status)
                case NoAnswer():
                    note(failure=reply.why.value)
        return reply

    def _sent(self, call: Call) -> Reply | NoAnswer:
        try:
            url = httpx.URL(call.url)
        except (httpx.InvalidURL, TypeError, ValueError):
            return NoAnswer(Why.REFUSED, "the url cannot be read")
        problem = self._judge_url(url, call.trust)
        if problem:
            return NoAnswer(Why.REFUSED, problem)
        place = (call.trust.value, url.scheme, url.host, _port(url))
        if not self._patience.admits(place):
            return NoAnswer(Why.TIMEOUT, f"`{url.host}` hangs, and is asked again in a moment")
        answer = self._answer(url, call)
        timed_out = isinstance(answer, NoAnswer) and answer.why is Why.TIMEOUT
        self._patience.note(place, timed_out=timed_out)
        return answer

    def _answer(self, url: httpx.URL, call: Call) -> Reply | NoAnswer:
        try:
            return self._exchange(url, call)
        except RefusedAddress as error:
            return NoAnswer(Why.REFUSED, str(error))
        except (httpcore.TimeoutException, httpx.TimeoutException):
            return NoAnswer(Why.TIMEOUT, f"`{url.host}` took longer than {call.seconds:g} s")
        except (httpcore.NetworkError, httpx.NetworkError, OSError) as error:
            return NoAnswer(Why.UNREACHABLE, f"`{url.host}` cannot be reached: {error}")
        except (httpcore.ProtocolError, httpx.HTTPError, ValueError) as error:
            return NoAnswer(Why.GARBLED, f"`{url.host}` does not speak http: {error}")

    def _judge_url(self, url: httpx.URL, trust: Trust) -> str:
        if url.scheme not in ("http", "https") or not url.host:
            return f"the scheme `{url.scheme}` is not https"
        if url.userinfo:
            return "the url holds a user name"
        if trust is Trust.ADMINISTRATOR or self._allow.opens_host(url.host, _port(url)):
            return ""
        if url.scheme != "https" or _port(url) != 443:
            return f"`{url.host}` is not asked over https on port 443"
        return ""

    def _judge_addresses(self, url: httpx.URL, trust: Trust, addresses: list[Address]) -> None:
        # RFC 8252 8.3 is about redirects, the reason is the same: off this machine, http can be
        # read and answered by anybody on the way.
        if url.scheme == "http" and not all(is_loopback(address) for address in addresses):
            raise RefusedAddress(f"`{url.host}` is asked over http and is not this machine")
        if trust is Trust.ADMINISTRATOR or self._allow.opens_host(url.host, _port(url)):
            return
        for address in addresses:
            if not is_public(address) and not self._allow.opens_address(address):
                raise RefusedAddress(f"`{url.host}` is not on the public internet: {address}")

    def _exchange(self, url: httpx.URL, call: Call) -> Reply | NoAnswer:
        deadline = time.monotonic() + call.seconds

        def judge(_host: str, _port: int, addresses: list[Address]) -> None:
            self._judge_addresses(url, call.trust, addresses)

        backend = PinnedBackend(self._resolve, judge, deadline)
        pool = httpcore.ConnectionPool(self._tls, network_backend=backend)
        with httpx.Client(transport=_Transport(pool), trust_env=False) as client:
            response = client.send(_request(url, call), stream=True)
            return _read(response, call, deadline)


class _Transport(httpx.BaseTransport):
    """Hands httpx's requests to a connection pool whose backend is ours."""

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method, target, headers=request.headers.raw, content=request.stream
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


def _request(url: httpx.URL, call: Call) -> httpx.Request:
    # Asking for no compression, and taking none, leaves nothing that a small answer can expand to.
    headers = {"accept-encoding": "identity", "user-agent": "lychgate", **call.headers}
    if isinstance(call.body, Mapping):
        return httpx.Request(call.method, url, headers=headers, data=call.body)
    return httpx.Request(call.method, url, headers=headers, content=call.body)


def _read(response: httpx.Response, call: Call, deadline: float) -> Reply | NoAnswer:
    host = response.request.url.host
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        return NoAnswer(Why.GARBLED, f"`{host}` compressed its answer though nobody asked for it")
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > call.limit:
            return NoAnswer(Why.TOO_LARGE, f"`{host}` answered more than {call.limit} bytes")
        if time.monotonic() > deadline:
            return NoAnswer(Why.TIMEOUT, f"`{host}` took longer than {call.seconds:g} s")
    return Reply(response.status_code, dict(response.headers), bytes(body))


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _system_tls() -> ssl.SSLContext:
    # The authorities that httpx brings, and those of the machine: private ones are found there.
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context
