"""Between mitmproxy's words and the gate's: a flow becomes a Request, an Outcome edits the flow."""

from collections.abc import Sequence
from urllib.parse import quote

from mitmproxy import http
from mitmproxy.certs import Cert
from mitmproxy.connection import Client, Server
from mitmproxy.net.http.url import default_port, hostport, parse_authority
from mitmproxy.proxy.mode_specs import ReverseMode

from addon import head
from addon.head import Fields, RefusedHead
from addon.routes import Place
from lychgate.answer import Answer, outage_answer
from lychgate.core.certificates import read_certificate
from lychgate.core.request import Address, ClientCertificate, Request, address, split_target
from lychgate.core.urls import CLIENT_CERT_HEADER, CLIENT_IP_HEADER, RESERVED_COOKIES
from lychgate.gate import Forward, ToCompanion

REQUEST_ID = "x-request-id"
_PAGE_HEADERS = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


def read_request(flow: http.HTTPFlow) -> Request:
    """The facts of a flow's request; raises `RefusedHead` for what no Request can express."""
    data = flow.request.data
    fields = data.headers.fields
    head.check(fields, data.path)
    path, query = split_target(data.path.decode("latin-1"))
    return Request(
        id=flow.id,
        method=data.method.decode("latin-1"),
        scheme="https" if flow.client_conn.tls_established else "http",
        host=_authority(flow),
        path=path,
        query=query,
        headers=_every_value(fields),
        client_ip=client_address(flow.client_conn),
        certificate=_certificate(flow.client_conn.certificate_list),
    )


def _every_value(fields: Fields) -> dict[str, tuple[str, ...]]:
    headers: dict[str, tuple[str, ...]] = {}
    for name, value in fields:
        key = name.decode("latin-1").lower()
        headers[key] = (*headers.get(key, ()), value.decode("latin-1"))
    return headers


def _authority(flow: http.HTTPFlow) -> str:
    """The host asked for; several different ones are joined, which is a host to nobody."""
    data = flow.request.data
    lines = [value for name, value in data.headers.fields if name.lower() == b"host"]
    target = (data.authority,) if data.authority else ()
    named = [value.decode("latin-1") for value in (*lines, *target)]
    if len(lines) > 1:
        return ", ".join(named)
    if not isinstance(flow.client_conn.proxy_mode, ReverseMode):
        return _reached(flow.request, named)
    return named[0] if len({name.lower() for name in named}) == 1 else ", ".join(named)


def _reached(request: http.Request, named: list[str]) -> str:
    """As an explicit proxy: where the connection goes, which `Host` may only repeat."""
    destination = (request.host.lower(), request.port)
    for name in named:
        try:
            host, port = parse_authority(name, check=True)
        except ValueError:
            raise RefusedHead("the host is malformed") from None
        if (host.lower(), port or default_port(request.scheme)) != destination:
            raise RefusedHead("`Host` names another place than the one to connect to")
    return named[0] if named else hostport(request.scheme, request.host, request.port)


def client_address(client: Client) -> Address | None:
    """The peer of the connection to the proxy, and nothing a header says."""
    return address(client.peername[0])


def _certificate(chain: Sequence[Cert]) -> ClientCertificate | None:
    """What the client presented in the TLS handshake.

    mitmproxy accepts every certificate it asked for (`request_client_cert`): the client has the
    private key; who issued it the gate checks.
    """
    return read_certificate(chain[0].to_pem().decode("ascii")) if chain else None


def forward(flow: http.HTTPFlow, outcome: Forward, place: Place | None) -> None:
    """Send the request to its upstream, as the gate wants the upstream to see it."""
    if place is not None:
        _connect_to(flow, place)
    _pass_on(flow, outcome, ())
    flow.request.data.path = outcome.path.encode("latin-1")


def hand_over(flow: http.HTTPFlow, outcome: ToCompanion, companion: Place) -> None:
    """Send the request to the companion app, with the client's address and certificate in headers
    of ours."""
    peer = client_address(flow.client_conn)
    certificate = _certificate(flow.client_conn.certificate_list)
    _connect_to(flow, companion)
    told = {
        CLIENT_IP_HEADER: str(peer) if peer else "",
        CLIENT_CERT_HEADER: quote(certificate.pem, safe="") if certificate else "",
    }
    _pass_on(flow, outcome, tuple((name, value) for name, value in told.items() if value))


def _pass_on(
    flow: http.HTTPFlow, outcome: Forward | ToCompanion, ours: tuple[tuple[str, str], ...]
) -> None:
    data = flow.request.data
    fields = head.end_to_end(data.headers.fields)
    fields = head.edit(fields, outcome.set_headers, outcome.remove_headers)
    own = (*ours, (REQUEST_ID, flow.id))
    fields = head.edit(fields, own, (CLIENT_IP_HEADER, CLIENT_CERT_HEADER))
    data.headers = http.Headers(_one_host(flow.request, fields))
    if not flow.request.is_http2 and flow.server_conn.via is None:
        data.authority = b""  # origin-form; a proxy further on needs the absolute form
    flow.request.stream = True


def _one_host(request: http.Request, fields: Fields) -> Fields:
    """The host exactly once: in HTTP/2 as the authority, before that as the `Host` line."""
    authority = request.data.authority
    if not authority:
        return fields
    if request.is_http2:
        return tuple(field for field in fields if field[0].lower() != b"host")
    if any(name.lower() == b"host" for name, _ in fields):
        return fields
    return ((b"Host", authority), *fields)


def _connect_to(flow: http.HTTPFlow, place: Place) -> None:
    flow.request.data.scheme = place.scheme.encode("ascii")
    flow.request.data.host = place.host
    flow.request.data.port = place.port
    flow.server_conn = Server(address=(place.host, place.port))


def answer(flow: http.HTTPFlow, outcome: Answer) -> http.Response:
    """The gate's own answer."""
    fields = head.encode(outcome.headers)
    return _response(flow.request.method, outcome.status, fields, outcome.body)


def refusal(flow: http.HTTPFlow, status: int, message: str) -> http.Response:
    """An answer of the adapter itself, for what never reached the gate."""
    text = f"{message}\nrequest id: {flow.id}\n".encode("latin-1", "replace")
    return _response(flow.request.method, status, _PAGE_HEADERS, text)


def outage(flow: http.HTTPFlow, status: int = 503) -> http.Response:
    """The answer to a request that something behind this proxy did not answer."""
    person = "text/html" in flow.request.headers.get("accept", "")
    return answer(flow, outage_answer(status, flow.id, person=person))


def _response(method: str, status: int, fields: Fields, body: bytes) -> http.Response:
    response = http.Response.make(status, body, http.Headers(fields))
    if status == 204:
        del response.headers["content-length"]
    if method == "HEAD":
        response.data.content = b""  # the length stays: it is that of the GET
    return response


def silent_unavailable() -> http.Response:
    """A 503 in place of an upstream's answer, whose body is swallowed as it arrives."""
    response = http.Response.make(503, b"", http.Headers(_PAGE_HEADERS))
    response.stream = _swallow
    return response


def _swallow(_: bytes) -> bytes:
    return b""


def answer_lines(outcome: Forward) -> Fields:
    """What the gate adds to the upstream's answer, as fields: cookies and headers."""
    cookies = tuple(("set-cookie", cookie) for cookie in outcome.response_cookies)
    return head.encode((*cookies, *outcome.response_headers))


def clean_answer(response: http.Response, ours: Fields) -> None:
    """Drop the upstream's cookies and headers under our names, and add ours."""
    names = {name for name, _ in ours} - {b"set-cookie"}
    kept = tuple(
        (name, value)
        for name, value in response.data.headers.fields
        if name.lower() not in names and (name.lower() != b"set-cookie" or not _is_reserved(value))
    )
    response.data.headers = http.Headers((*kept, *ours))


def _is_reserved(set_cookie: bytes) -> bool:
    """Whether a browser would send this cookie back under a name of ours.

    A cookie without a name is sent back as its bare value, which may look like `name=value`.
    """
    pair = set_cookie.decode("latin-1").partition(";")[0].strip()
    return pair.removeprefix("=").partition("=")[0].strip() in RESERVED_COOKIES
