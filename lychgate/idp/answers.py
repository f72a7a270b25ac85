"""What a provider's endpoint answered: strict JSON objects, or the failure it amounts to."""

import json
from collections.abc import Mapping
from typing import Any

from lychgate.idp.base import Failure, LoginFailed
from lychgate.idp.failures import failed, shown
from lychgate.outbound import Call, NoAnswer, Outbound, Reply, Trust


class Unreadable(ValueError):
    """Bytes that are not one JSON object with every member named once."""


def json_object(data: bytes) -> dict[str, Any]:
    """Read one JSON object; of a member given twice nobody can say which one counts."""
    value = json_value(data)
    if not isinstance(value, dict):
        raise Unreadable("not a json object")
    return value


def json_value(data: bytes) -> Any:
    """Read JSON strictly; raises `Unreadable`."""
    try:
        return json.loads(data, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error) or "not json") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Unreadable("a member is given twice")
    return members


def _no_constant(_text: str) -> Any:
    raise Unreadable("a number that json does not have")


def get(http: Outbound, url: str, token: str = "") -> Reply | NoAnswer:
    """Ask for a JSON document, with a bearer token if one is given."""
    headers = {"accept": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    return http.send(Call(url, Trust.ADMINISTRATOR, headers=headers))


def read(reply: Reply | NoAnswer, name: str, code: Failure) -> Mapping[str, Any] | LoginFailed:
    """The object of a good answer; `code` is the failure of an answer that is not good."""
    value = read_value(reply, name, code)
    if isinstance(value, LoginFailed | dict):
        return value
    return failed(name, code, "the answer is not a json object")


def read_value(reply: Reply | NoAnswer, name: str, code: Failure) -> Any:
    """The JSON value of a good answer, or `LoginFailed`."""
    match reply:
        case NoAnswer():
            return failed(name, Failure.UNREACHABLE, f"{reply.why}: {reply.detail}")
        case Reply(status=status) if status != 200:
            return failed(name, code, f"status {status}{_error(reply.body)}")
        case Reply():
            try:
                return json_value(reply.body)
            except Unreadable as error:
                return failed(name, code, f"unreadable answer: {error}")


def _error(body: bytes) -> str:
    # RFC 6749 5.2: the code says what is wrong; nothing else of the body belongs in a log.
    try:
        members = json_object(body)
    except Unreadable:
        return ""
    texts = [members.get("error"), members.get("error_description")]
    said = ": ".join(shown(text) for text in texts if isinstance(text, str) and text)
    return f", {said}" if said else ""
