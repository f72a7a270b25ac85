"""The requests a command line makes, and how their answers are judged before anybody reads them."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from lychgate.client.errors import BadUrl, ClientError, Unreachable
from lychgate.outbound import Call, NoAnswer, Outbound, Reply, Trust

_JSON = {"accept": "application/json"}
_SECONDS = 20.0


class Refused(ClientError):
    """An OAuth endpoint said no, with the code of an RFC."""

    code = "refused"

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


class Wire:
    """Sends requests; http goes to this machine only, and no redirect is followed."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] = _JSON,
        body: Mapping[str, str] | bytes | None = None,
    ) -> Reply:
        """One exchange."""
        call = Call(url, Trust.ADMINISTRATOR, method, headers, body, seconds=_SECONDS)
        match self._outbound.send(call):
            case NoAnswer(detail=detail):
                raise Unreachable(f"no answer: {detail}")
            case Reply() as reply:
                return reply

    def document(self, url: str) -> dict[str, Any]:
        """A JSON document."""
        reply = self.send("GET", url)
        if reply.status != 200:
            raise Unreachable(f"`{url}` answered {reply.status}")
        return _object(reply, url)

    def post(
        self, url: str, form: Mapping[str, str] | None = None, document: Any = None
    ) -> dict[str, Any]:
        """What an OAuth endpoint says to a form or a document; raises `Refused` when it is no."""
        if form is not None:
            reply = self.send("POST", url, _JSON, form)
        else:
            kind = {"content-type": "application/json"}
            reply = self.send("POST", url, {**_JSON, **kind}, json.dumps(document).encode())
        if 200 <= reply.status < 300:
            return _object(reply, url) if reply.body.strip() else {}
        answer = _object(reply, url) if reply.status < 500 else {}
        error = answer.get("error")
        if not isinstance(error, str):
            raise Unreachable(f"`{url}` answered {reply.status}")
        said = answer.get("error_description")
        raise Refused(error, said if isinstance(said, str) and said else error)


def _object(reply: Reply, url: str) -> dict[str, Any]:
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unreachable(f"`{url}` did not answer with a JSON object")
    return found


def read_url(text: str) -> str:
    """A web address as people type it; https where they left that out."""
    whole = text if "://" in text else f"https://{text}"
    parts = split(whole)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise BadUrl(f"`{text[:200]}` is not a web address", "write https://HOST/PATH")
    return whole.partition("#")[0]


def split(url: str) -> SplitResult:
    """The parts of an address; raises `BadUrl` where there are none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise BadUrl(f"`{url[:200]}` is not a web address", "write https://HOST/PATH") from None
    return parts


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address."""
    parts = split(url)
    default = {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default
