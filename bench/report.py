"""Fills the measured parts of `docs/benchmarks.md` with the figures of a run."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench.figures import GROUPS, Figure
from bench.machine import describe
from bench.ways import NOTHINGS, TITLES, WAYS

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
type Results = Mapping[str, float]
_PART = re.compile(r"(<!-- measured: ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def write(results: Results, page: Path = PAGE) -> None:
    """Write every part that the page has a place for."""
    parts = {
        "machine": _table(("", "This run"), describe().items()),
        "ways": _ways(results),
        **{name: _figures(group, results) for name, group in GROUPS.items()},
    }
    before = page.read_text(encoding="utf-8")
    after = _PART.sub(lambda found: found[1] + parts[found[2]] + found[3], before)
    page.write_text(after, encoding="utf-8")


def _ways(results: Results) -> str:
    heads = (
        "Way",
        "Requests/s",
        "Of Envoy alone",
        "CPU of Envoy",
        "CPU of its server",
        "p50",
        "p99",
    )
    return _table(heads, (_way(name, results) for name in WAYS))


def _way(name: str, results: Results) -> Sequence[str]:
    rate, alone = results.get(f"{name}_per_second"), results.get("alone_per_second")
    title = TITLES[name]
    return (
        f"*{title}*" if name in NOTHINGS else title,
        _number(rate),
        _number(rate / alone if rate and alone else None),
        _unit(results.get(f"{name}_envoy_us"), "µs"),
        _unit(results.get(f"{name}_server_us") or None, "µs"),
        _unit(results.get(f"{name}_p50_ms"), "ms"),
        _unit(results.get(f"{name}_p99_ms"), "ms"),
    )


def _figures(figures: Iterable[Figure], results: Results) -> str:
    rows = (
        (f"`{one.name}`", _number(results.get(one.name)), one.goal, one.meaning) for one in figures
    )
    return _table(("Figure", "Measured", "Goal", "What it is"), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _unit(value: float | None, unit: str) -> str:
    return "" if value is None else f"{_number(value)} {unit}"


def _number(value: float | None) -> str:
    """Three digits that count, or none where nothing was measured."""
    if value is None:
        return "–"
    if value >= 1000:
        return f"{round(value, -2):,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
