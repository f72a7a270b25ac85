"""Reads from an API with Cloudflare's envelope: pages until an empty one, patience, errors."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lychgate.errors import LychgateError
from lychgate.outbound import Call, NoAnswer, Outbound, Reply, Trust, Why

_ATTEMPTS = 5
_LONGEST_WAIT = 60.0
_MOST_PAGES = 10_000
_REPLY_LIMIT = 32 * 1024 * 1024
_MOST_BYTES = 256 * 1024 * 1024
"""All replies together."""
_SECONDS = 30.0
_NOT_SET_UP = 9999

type Wait = Callable[[float], None]
"""Lets so many seconds pass."""


class ImportFailed(LychgateError):
    """What was to be imported could not be read."""

    code = "import_failed"


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing is there; `permission` says that the token may not see whether there is."""

    permission: bool = False


@dataclass(slots=True)
class Budget:
    """How much all replies together may still hold."""

    left: int = _MOST_BYTES

    def spend(self, size: int) -> None:
        """Count a reply; raises ImportFailed when they are too much."""
        self.left -= size
        if self.left < 0:
            raise ImportFailed(
                "the account is larger than what one import reads",
                "leave sections out with --skip, and import them by themselves",
            )


@dataclass(frozen=True, slots=True)
class Api:
    """An API as one token sees it; `base_url` ends before `/accounts`."""

    base_url: str
    token: str = field(repr=False)
    outbound: Outbound
    wait: Wait
    budget: Budget = field(default_factory=Budget)

    def one(self, path: str) -> Any | Missing:
        """The result of one call."""
        for attempt in range(_ATTEMPTS):
            reply = self._send(path)
            if not _try_again(reply) or attempt == _ATTEMPTS - 1:
                break
            self.wait(_pause(reply, attempt))
        return _result(path, reply)

    def pages(self, path: str) -> list[Any] | Missing:
        """The results of all pages: the end is an empty one."""
        found: list[Any] = []
        for page in range(1, _MOST_PAGES):
            some = self.one(f"{path}?page={page}")
            if isinstance(some, Missing):
                return some
            if not isinstance(some, list):
                raise ImportFailed(f"`{path}` answered no list")
            # A server that does not cut lists into pages would repeat itself for ever.
            if not some or some[0] in found:
                return found
            found.extend(some)
        raise ImportFailed(f"`{path}` has no last page")

    def _send(self, path: str) -> Reply | NoAnswer:
        headers = {"authorization": f"Bearer {self.token}", "accept": "application/json"}
        call = Call(
            f"{self.base_url}/{path}",
            Trust.ADMINISTRATOR,
            headers=headers,
            limit=_REPLY_LIMIT,
            seconds=_SECONDS,
        )
        reply = self.outbound.send(call)
        if isinstance(reply, Reply):
            self.budget.spend(len(reply.body))
        return reply


def _try_again(reply: Reply | NoAnswer) -> bool:
    if isinstance(reply, NoAnswer):
        return reply.why in (Why.UNREACHABLE, Why.TIMEOUT)
    return reply.status in (408, 429) or reply.status >= 500


def _pause(reply: Reply | NoAnswer, attempt: int) -> float:
    asked = reply.headers.get("retry-after", "") if isinstance(reply, Reply) else ""
    seconds = float(asked) if asked.isascii() and asked.isdigit() else 0.5 * 2**attempt
    return min(seconds, _LONGEST_WAIT)


def _result(path: str, reply: Reply | NoAnswer) -> Any | Missing:
    if isinstance(reply, NoAnswer):
        raise ImportFailed(f"`{path}` cannot be read: {reply.detail}")
    body = _json(reply.body)
    code, message = _error(body)
    match reply.status:
        case status if 200 <= status < 300 and isinstance(body, Mapping) and "result" in body:
            return body["result"]
        case 403 if code == _NOT_SET_UP:
            return Missing()
        case 403:
            return Missing(permission=True)
        case 404:
            return Missing()
        case 400 | 401:
            raise ImportFailed(
                f"the token is not accepted: {message or 'no reason given'}",
                "make one that may read Access, and give it in the environment variable",
            )
        case status:
            raise ImportFailed(f"`{path}` answered {status}: {message or 'no reason given'}")


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _error(body: Any) -> tuple[int, str]:
    errors = body.get("errors") if isinstance(body, Mapping) else None
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, Mapping):
            code = error.get("code")
            return code if isinstance(code, int) else 0, str(error.get("message", ""))[:200]
    return 0, ""


def items(found: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list; whatever else is in it is no object of ours."""
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict):
            yield one
