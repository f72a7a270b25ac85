"""The reply that lets a request pass: what the proxy must set, remove and send on.

A proxy that can edit headers one by one is told the edits. One that can only copy a fixed list
from the reply gets the whole list, empty values too, so that nothing of the visitor's stands
where we say nothing. What such a proxy cannot do is refused, never left out.
"""

from dataclasses import astuple

from extauthz.asking import Untranslatable
from extauthz.http.question import OWN
from extauthz.http.reply import VERDICT, Reply, plain
from lychgate.core.decision import HeaderList
from lychgate.core.request import Request
from lychgate.core.urls import ASSERTION, METADATA, OWNED_HEADERS, USER_EMAIL, USER_ID
from lychgate.errors import LychgateError
from lychgate.gate import Forward

TARGET = OWN.target
EDITED = (ASSERTION, USER_EMAIL, USER_ID, "cookie")
"""Every header that a decision sets for an origin."""
LISTED = (*EDITED, "authorization", "set-cookie", METADATA)
"""What proxies copy that know only a fixed list: five for the origin, two for the visitor."""
REMOVE = "x-envoy-auth-headers-to-remove"
"""The name that Envoy gives it; HAProxy's script reads it too."""
_REMOVABLE = OWNED_HEADERS | {"cookie", "authorization"}
_STATED = tuple(name for name in astuple(OWN) if isinstance(name, str))
_FORWARD = (VERDICT, "forward")


class NotForThisProxy(LychgateError):
    """A request that may pass, but not in the form in which this kind of proxy would send it."""

    code = "not_for_this_proxy"


def by_edits(forward: Forward, request: Request) -> Reply:
    """For Envoy and HAProxy, which edit headers one by one and can change the target."""
    headers = [pair for pair in _told(forward) if request.headers.get(pair[0]) != (pair[1],)]
    # The proxy states these to us, so we never see whether the visitor sent them as well.
    removed = [*_STATED, *forward.remove_headers]
    if forward.path != _target(request):
        headers.append((TARGET, forward.path))
        removed.remove(TARGET)
    headers.append((REMOVE, ",".join(removed)))
    return Reply(200, (_FORWARD, *headers, *_to_the_visitor(forward)))


def by_list(forward: Forward, request: Request) -> Reply:
    """For nginx, which copies a fixed list and sends the target it is told."""
    for name in forward.remove_headers:
        if name not in _REMOVABLE:
            raise NotForThisProxy(f"this proxy cannot remove the header `{name}`")
    if len(forward.response_cookies) > 1:
        raise Untranslatable("this proxy passes on one cookie at most")
    told = {
        **dict(_told(forward)),
        **dict(_to_the_visitor(forward)),
        "authorization": _authorization(forward, request),
    }
    listed = tuple((name, told.get(name, "")) for name in LISTED)
    return Reply(200, (_FORWARD, (TARGET, forward.path), *listed))


def by_list_as_spelled(forward: Forward, request: Request) -> Reply:
    """For Caddy, which also keeps the target as it came: another spelling has to be asked for."""
    reply = by_list(forward, request)
    if forward.path == _target(request):
        return reply
    return Reply(308, (("location", forward.path), ("cache-control", "no-store")))


def by_short_list(forward: Forward, request: Request) -> Reply:
    """For Traefik, which by itself removes what the reply does not hold."""
    reply = by_list_as_spelled(forward, request)
    return Reply(reply.status, tuple(pair for pair in reply.headers if pair[1]))


def no_longer(forward: Forward, request: Request) -> Reply:
    """For a question about the answer of a refusal, when it is none any more."""
    by_list(forward, request)  # which may have been what was refused
    return plain(503, "this was refused a moment ago, please try again")


def _told(forward: Forward) -> HeaderList:
    for name, _ in forward.set_headers:
        if name not in EDITED:
            raise Untranslatable(f"no proxy takes the header `{name}` from a reply")
    return forward.set_headers


def _to_the_visitor(forward: Forward) -> HeaderList:
    for name, _ in forward.response_headers:
        if name != METADATA:
            raise Untranslatable(f"no proxy takes the header `{name}` for the visitor")
    cookies = tuple(("set-cookie", cookie) for cookie in forward.response_cookies)
    return (*cookies, *forward.response_headers)


def _authorization(forward: Forward, request: Request) -> str:
    if "authorization" in forward.remove_headers:
        return ""
    values = request.headers.get("authorization", ("",))
    if len(values) > 1:
        raise NotForThisProxy("this proxy cannot send on a repeated `authorization`")
    return values[0]


def _target(request: Request) -> str:
    return request.path if request.query is None else f"{request.path}?{request.query}"
