"""The regular expressions that administrators write for group names, matched in linear time.

RE2 has no backtracking: whatever the expression, a match takes time in proportion to the text. What
it cannot do for that, look-around and back-references, is refused when the expression is saved.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import re2

_MEMORY = 1 << 20
"""Bytes an expression may take; `(a{1000}){1000}` is refused by this."""


def read_filter(text: str) -> str:
    """The expression, if it is one; raises ValueError."""
    _compiled(text)
    return text


def filtered(groups: Iterable[str], text: str) -> tuple[str, ...]:
    """The groups in which the expression is found; all of them when it is empty."""
    if not text:
        return tuple(groups)
    pattern = _compiled(text)
    return tuple(group for group in groups if pattern.search(group) is not None)


@lru_cache(maxsize=256)
def _compiled(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(text, options)
    except re2.error:
        raise ValueError(f"`{text[:80]}` is not a regular expression of RE2") from None
