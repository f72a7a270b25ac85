"""Tables on a terminal and in a pipe: ids are never cut, and what came from outside is harmless."""

import sys
from collections.abc import Collection, Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

_IN_A_PIPE = 1000
"""Columns for a program that reads along: nothing is cut or folded for it."""


def show(heads: Sequence[str], rows: Iterable[Sequence[object]], whole: Collection[str]) -> None:
    """Print a table; the columns named in `whole` hold what is typed in again."""
    cells = [[plain(str(cell)) for cell in row] for row in rows]
    columns = [
        _whole(head, [row[place] for row in cells]) if head in whole else Column(head)
        for place, head in enumerate(heads)
    ]
    table = Table(*columns)
    for row in cells:
        table.add_row(*map(escape, row))
    width = None if sys.stdout.isatty() else _IN_A_PIPE
    Console(width=width, highlight=False).print(table)


def plain(text: str) -> str:
    """What people and programs sent must not write on the terminal by itself."""
    return "".join(
        one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text
    )


def _whole(head: str, cells: Sequence[str]) -> Column:
    return Column(head, no_wrap=True, min_width=max(map(len, [head, *cells])))
