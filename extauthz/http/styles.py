"""Which kinds of proxy can ask, each at a path of its own, and how each is spoken to."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import assert_never

from extauthz.http import passing, reply
from extauthz.http.passing import NotForThisProxy
from extauthz.http.question import FORWARDED, OWN, Names
from extauthz.http.reply import Reply, of, plain
from lychgate.answer import Answer
from lychgate.core.request import Request
from lychgate.gate import Forward, Outcome, ToCompanion

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Style:
    """How one kind of proxy asks, and what it understands."""

    names: Names
    passes: Callable[[Forward, Request], Reply]
    refuses: Callable[[Reply], Reply]
    """What it is told when a request does not pass, and the visitor is to get this."""
    again: bool = False
    """Whether it asks about a request that was judged, and counted, just before."""

    def reply(self, outcome: Outcome, request: Request) -> Reply:
        """The reply for an outcome."""
        match outcome:
            case Forward():
                try:
                    return self.passes(outcome, request)
                except NotForThisProxy as error:
                    event = {"request_id": request.id}
                    _LOGGER.info("a request was refused: %s", error.message, extra={"event": event})
                    return self.refuses(plain(400))
            case Answer():
                return self.refuses(of(outcome))
            case ToCompanion():
                # The proxy sends our paths to the companion without asking. What comes here was
                # routed elsewhere, and a reply cannot change its route.
                return self.refuses(plain(404))
            case _:
                assert_never(outcome)


STYLES: Mapping[bytes, Style] = {
    b"/check/envoy": Style(OWN, passing.by_edits, reply.for_envoy),
    b"/check/haproxy": Style(OWN, passing.by_edits, reply.marked),
    b"/check/nginx": Style(OWN, passing.by_list, reply.in_a_word),
    b"/check/nginx/answer": Style(OWN, passing.no_longer, reply.as_it_is, again=True),
    b"/check/caddy": Style(OWN, passing.by_list_as_spelled, reply.as_it_is),
    b"/check/traefik": Style(FORWARDED, passing.by_short_list, reply.no_success),
}
