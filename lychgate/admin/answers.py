"""The envelope of every answer, and how long lists are cut into pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lychgate.admin.refusals import Fault, Refused, invalid

DEFAULT_PER_PAGE = 25
MOST_PER_PAGE = 1000
_MOST_PAGE = 10_000_000

type Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back; `body` is JSON."""

    status: int
    body: Json
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list."""

    page: int = 1
    per_page: int = DEFAULT_PER_PAGE

    @property
    def offset(self) -> int:
        """How many come before it."""
        return (self.page - 1) * self.per_page

    def cut[T](self, items: Sequence[T]) -> Sequence[T]:
        """The page out of the whole list."""
        return items[self.offset : self.offset + self.per_page]


def paging(query: Mapping[str, str]) -> Paging:
    """The page a query asks for; raises Refused for one that cannot be."""
    return Paging(
        _number(query, "page", 1, _MOST_PAGE),
        _number(query, "per_page", DEFAULT_PER_PAGE, MOST_PER_PAGE),
    )


def _number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise invalid(f"{name} must be a number from 1 to {most}")
    return int(text)


def done(result: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """One result."""
    return Answer(status, _envelope(result), headers)


def listed(items: Sequence[Any], page: Paging, total: int) -> Answer:
    """One page of a list."""
    info = {
        "page": page.page,
        "per_page": page.per_page,
        "count": len(items),
        "total_count": total,
        "total_pages": -(-total // page.per_page),
    }
    return Answer(200, {**_envelope(list(items)), "result_info": info})


def refusal(refused: Refused) -> Answer:
    """The error envelope."""
    body = {
        "result": None,
        "success": False,
        "errors": [_error(fault) for fault in refused.faults],
        "messages": [],
    }
    return Answer(refused.status, body, refused.headers)


def _envelope(result: Any) -> dict[str, Any]:
    return {"result": result, "success": True, "errors": [], "messages": []}


def _error(fault: Fault) -> Json:
    error: dict[str, Any] = {"code": fault.number, "message": fault.message}
    if fault.pointer:
        error["source"] = {"pointer": fault.pointer}
    if fault.chain is not None:
        code, message = fault.chain
        error["error_chain"] = [{"code": code, "message": message}]
    return error
