"""Where a command line collects what a browser left for it: once, and then it is gone."""

from lychgate.web.errors import NotFound
from lychgate.web.reply import NO_STORE, Reply
from lychgate.web.request import WebRequest
from lychgate.web.services import Services
from lychgate.web.terminal.box import read_key


def is_left(argument: str, services: Services) -> bool:
    """Whether something is there, or never can be because the key is none."""
    key = read_key(argument)
    return key is None or services.store.transfers.waits(key, services.clock())


def collect(request: WebRequest, services: Services) -> Reply:
    """GET transfer/<key>: the sealed answer; 404 means "not yet" to who asks."""
    key = read_key(request.argument)
    if key is None or request.method != "GET":
        raise NotFound("nothing can be left at this address")
    transfer = services.store.transfers.take(key, services.clock())
    if transfer is None:
        raise NotFound("nothing has been left here yet")
    headers = (("content-type", "text/plain"), ("service-public-key", transfer.sender), *NO_STORE)
    return Reply(200, headers, body=transfer.content.encode())
