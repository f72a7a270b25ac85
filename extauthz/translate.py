"""How Envoy's CheckRequest becomes a `Request`, and an `Outcome` a complete CheckResponse.

Envoy allows a request when an answer says nothing, so answers are made here only, by `_forwarded`
and `_refused`, and both set everything that Envoy looks at.
"""

from collections.abc import Iterable
from typing import Protocol, assert_never

import grpc
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.auth.v3.attribute_context_pb2 import AttributeContext
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse

from extauthz.asking import Untranslatable, must_fit, presented
from lychgate.answer import Answer
from lychgate.core.decision import HeaderList
from lychgate.core.request import ClientCertificate, Request, address, split_target
from lychgate.gate import Forward, Outcome, ToCompanion

_OK = grpc.StatusCode.OK.value[0]
_DENIED = grpc.StatusCode.PERMISSION_DENIED.value[0]
_REPLACE = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_ADD = HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
_WITHOUT_BODY = frozenset({204, 304})


type Headers = dict[str, tuple[str, ...]]


class Options(Protocol):
    """The header options of an answer."""

    def add(self) -> HeaderValueOption:
        """A new one at the end."""
        ...


def to_request(check: CheckRequest, client_ip: str | None, traceparent: str = "") -> Request:
    """The request as Envoy received and normalised it.

    `client_ip` comes beside the message: the address in `attributes.source` is the peer's, which
    is a load balancer where one stands in front. So does `traceparent`, of Envoy's own span: the
    header of that name is the client's.
    """
    attributes = check.attributes
    http = attributes.request.http
    headers = _headers(http)
    path, query = split_target(_pseudo(headers, ":path"))
    method, host = _pseudo(headers, ":method"), _pseudo(headers, ":authority")
    scheme = _pseudo(headers, ":scheme")
    request_id = headers.get("x-request-id", ())
    return Request(
        id=request_id[0] if len(request_id) == 1 else http.id,
        method=method,
        scheme=scheme,
        host=host,
        path=path,
        query=query,
        headers=headers,
        client_ip=address(client_ip) if client_ip else None,
        certificate=_certificate(attributes.source.certificate),
        traceparent=traceparent,
    )


def _headers(http: AttributeContext.HttpRequest) -> Headers:
    if http.headers:
        # The plain map holds repeated headers joined and foreign bytes replaced.
        raise Untranslatable("the check carries no raw headers", "set `encode_raw_headers: true`")
    raw = http.header_map.headers
    headers: Headers = {header.key: (header.raw_value.decode("latin-1"),) for header in raw}
    return headers if len(headers) == len(raw) else _every_value(raw)


def _every_value(raw: Iterable[HeaderValue]) -> Headers:
    headers: Headers = {}
    for header in raw:
        name, value = header.key, header.raw_value.decode("latin-1")
        headers[name] = (*headers[name], value) if name in headers else (value,)
    return headers


def _pseudo(headers: Headers, name: str) -> str:
    values = headers.pop(name, ())
    if len(values) != 1:
        raise Untranslatable(f"the check has {len(values)} values of `{name}`")
    return values[0]


def _certificate(encoded: str) -> ClientCertificate | None:
    return presented(encoded) if encoded else None


def to_response(outcome: Outcome, request: Request) -> CheckResponse:
    """The complete answer for an outcome."""
    match outcome:
        case Forward():
            return _forwarded(outcome, request)
        case Answer():
            return _refused(outcome.status, outcome.headers, outcome.body)
        case ToCompanion():
            # Envoy's route table sends our paths to the companion before any check. A request
            # that comes here was routed elsewhere, and an answer cannot change its route.
            return plain_refusal(404)
        case _:
            assert_never(outcome)


def plain_refusal(status: int) -> CheckResponse:
    """A refusal without a page, for what no outcome speaks of."""
    headers = (("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store"))
    return _refused(status, headers, b"")


def _forwarded(forward: Forward, request: Request) -> CheckResponse:
    response = CheckResponse()
    response.status.code = _OK
    answer = response.ok_response
    answer.SetInParent()
    for name, value in forward.set_headers:
        if request.headers.get(name) != (value,):
            _add(answer.headers, name, value, _REPLACE)
    target = request.path if request.query is None else f"{request.path}?{request.query}"
    if forward.path != target:
        # Changes the spelling only; Envoy has normalised what its route depends on.
        _add(answer.headers, ":path", forward.path, _REPLACE)
    for name in forward.remove_headers:
        if name in request.headers:
            answer.headers_to_remove.append(name)
    for cookie in forward.response_cookies:
        _add(answer.response_headers_to_add, "set-cookie", cookie, _ADD)
    for name, value in forward.response_headers:
        _add(answer.response_headers_to_add, name, value, _REPLACE)
    return response


def _refused(status: int, headers: HeaderList, body: bytes) -> CheckResponse:
    if not 200 <= status <= 599:
        raise Untranslatable(f"`{status}` is not the status of an answer")
    response = CheckResponse()
    response.status.code = _DENIED
    answer = response.denied_response
    answer.status.code = status  # any status, not only those of the enum
    for name, value in headers:
        action = _ADD if name == "set-cookie" else _REPLACE
        _add(answer.headers, name, value, action)
    if status not in _WITHOUT_BODY:
        answer.body = body.decode("utf-8", "replace")
    return response


def _add(
    options: Options, name: str, value: str, action: HeaderValueOption.HeaderAppendAction
) -> None:
    must_fit(name, value)
    option = options.add()
    option.append_action = action
    option.keep_empty_value = True
    header = option.header
    header.key = name
    # Envoy ignores `raw_value` in answers. Our strings are bytes read as Latin-1, so UTF-8 passes
    # unchanged; bytes that are not UTF-8 cannot be sent and are replaced.
    header.value = value if value.isascii() else value.encode("latin-1").decode("utf-8", "replace")
