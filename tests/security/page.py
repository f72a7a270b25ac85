"""Writes `docs/security-catalogue.md`: which tests stand behind each row, and through what.

`python -m tests.security.page` rewrites it. A test belongs to the rows its name begins with:
`test_P01_…`, `test_f01_f05_…`.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.httpcheck.rows import TESTS
from tests.security.rows import AREAS, ROWS, WAITS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security-catalogue.md"
OVER_HTTP = {"nginx": "nginx", "caddy": "Caddy", "haproxy": "HAProxy"}
"""The proxies that ask over HTTP, beside Envoy, which does so too."""
_NAME = re.compile(r"test((?:_[A-Za-z][0-9]{2})+)_")
_INTRODUCTION = """# Security catalogue

For developers. Each row is an attack or a fault; behind it stand tests that try it. "Through" says
which proxy they go through, with the real decision server and companion app behind it unless the
file is one of `tests/addon` and `tests/extauthz`, which try one adapter alone; "—" is the part
itself without a proxy. Tests through Envoy and mitmproxy also compare the two answers, and what the
origin was told, with each other. Where nginx, Caddy and HAProxy are named, the test runs through
each of them and through Envoy with the HTTP check, see `tests/httpcheck`.

`make docs` rewrites this page from the names of the tests; `tests/security/test_catalogue.py` fails
when a row has no test or the page names one that is gone. Load is scaled by `LYCHGATE_TEST_SCALE`;
`make soak` runs the full size.
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """One test function."""

    file: str
    name: str
    through: frozenset[str]

    @property
    def id(self) -> str:
        """How pytest names it."""
        return f"{self.file}::{self.name}"


def trials_by_row() -> Mapping[str, list[Trial]]:
    """Every test whose name begins with a row, by row."""
    found: defaultdict[str, list[Trial]] = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for test, ids in _tests(file):
            for id in ids:
                found[id].append(test)
    return found


def _tests(file: Path) -> Iterator[tuple[Trial, list[str]]]:
    path = file.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if match := _NAME.match(node.name):
                ids = match[1].upper().strip("_").split("_")
                yield Trial(path, node.name, _through(path, node)), ids


def _through(path: str, test: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    arguments = {argument.arg for argument in test.args.args}
    said = _constants(test)
    if path.startswith("tests/httpcheck/"):
        marked = {one for mark in test.decorator_list for one in _constants(mark)}
        named = [name for key, name in OVER_HTTP.items() if key in marked or key in test.name]
        return frozenset(named or OVER_HTTP.values())
    if path.startswith("tests/security/") and test.name in TESTS:
        return frozenset({"Envoy", "mitmproxy", *OVER_HTTP.values()})
    if arguments & {"both", "fronts", "front", "on_postgres"}:
        return frozenset({"Envoy", "mitmproxy"})
    if "fragile" in arguments or path.startswith("tests/extauthz/") or "envoy" in said:
        return frozenset({"Envoy"})
    return frozenset({"mitmproxy"}) if path.startswith("tests/addon/") else frozenset()


def _constants(part: ast.AST) -> set[Any]:
    return {node.value for node in ast.walk(part) if isinstance(node, ast.Constant)}


def page() -> str:
    """The whole page."""
    tests = trials_by_row()
    return _INTRODUCTION + "".join(_area(letter, tests) for letter in AREAS)


def _area(letter: str, tests: Mapping[str, list[Trial]]) -> str:
    lines = [f"\n## {AREAS[letter]}\n", "| Row | Case | Tests | Through |", "|---|---|---|---|"]
    lines += [_row(id, tests.get(id, [])) for id in ROWS if id[0] == letter]
    return "\n".join(lines) + "\n"


def _row(id: str, tests: list[Trial]) -> str:
    if not tests:
        return f"| {id} | {ROWS[id]} | comes with: {WAITS.get(id, '?')} | |"
    through = sorted(frozenset[str]().union(*(test.through for test in tests))) or ["—"]
    named = "<br>".join(f"`{test.id}`" for test in tests)
    return f"| {id} | {ROWS[id]} | {named} | {', '.join(through)} |"


def main() -> None:
    """Bring the page up to date."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
