"""Answers the questions of proxies: read, ask the gate, reply; whatever goes wrong is a refusal.

ASGI and not RSGI: granian's RSGI headers leave out values that are not ASCII without a word.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from extauthz.asking import Judge, Untranslatable, hint_of
from extauthz.http.question import to_request
from extauthz.http.reply import Reply, plain
from extauthz.http.styles import STYLES
from lychgate.core.request import address

type Network = IPv4Network | IPv6Network
type Scope = Mapping[str, Any]
type Receive = Callable[[], Awaitable[Mapping[str, Any]]]
type Send = Callable[[Mapping[str, Any]], Awaitable[None]]

READY = b"/readyz"
_LOGGER = logging.getLogger(__name__)


class Check:
    """The ASGI application. `peers` None: whoever can connect may ask, as to a unix socket."""

    def __init__(
        self,
        judge: Judge,
        again: Judge,
        ready: Callable[[], bool],
        peers: tuple[Network, ...] | None = None,
    ) -> None:
        self._judge, self._again, self._ready = judge, again, ready
        self._may_ask = lru_cache(maxsize=1024)(lambda peer: _listed(peer, peers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one question."""
        if scope["type"] != "http":
            return
        status, headers, body = self._written(scope)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _written(self, scope: Scope) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        try:
            reply = self._reply(scope)
            return reply.status, reply.fields(), reply.body
        except Untranslatable as error:
            _LOGGER.error("a check was refused: %s", error.message, extra={"event": hint_of(error)})
        except Exception:
            # Whatever goes wrong here, the request must not pass.
            _LOGGER.exception("a check could not be answered")
        refusal = plain(503)
        return refusal.status, refusal.fields(), refusal.body

    def _reply(self, scope: Scope) -> Reply:
        path = scope["raw_path"]
        if not self._may_ask(scope["client"][0]):
            return plain(403)
        if path == READY:
            return plain(200 if self._ready() else 503)
        style = STYLES.get(path)
        if style is None:
            return plain(404)
        request = to_request(scope["headers"], style.names)
        judge = self._again if style.again else self._judge
        return style.reply(judge.check(request), request)


def _listed(peer: str, peers: tuple[Network, ...] | None) -> bool:
    if peers is None:
        return True
    known = address(peer)
    return known is not None and any(known in network for network in peers)
