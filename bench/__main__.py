"""Runs the measurements, prints them, and writes `bench/results.json` and `docs/benchmarks.md`.

`python -m bench` runs all, and only then writes the page; `python -m bench decide scale` runs some,
`python -m bench zero_hop` only what that path takes over Envoy alone.
What was not run is kept in the results.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import admin, bearer, decide, paths, report, revocation, scale, service_tokens
from bench.machine import describe
from bench.progress import note

RESULTS = Path(__file__).parent / "results.json"
ALL: Mapping[str, Callable[[], Mapping[str, float]]] = {
    "decide": decide.measure,
    "bearer": bearer.measure,
    "service_tokens": service_tokens.measure,
    "paths": paths.measure,
    "scale": scale.measure,
    "admin": admin.measure,
    "revocation": revocation.measure,
}
BRIEF: Mapping[str, Callable[[], Mapping[str, float]]] = {"zero_hop": paths.measure_zero_hop}
"""Parts of those above, quicker, for whoever works on that part; only run by name."""


def main() -> None:
    """Run the named measurements, or all."""
    names = sys.argv[1:] or list(ALL)
    known = {**ALL, **BRIEF}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise SystemExit(f"no measurement is called {unknown[0]}; there are {', '.join(known)}")
    results: dict[str, float] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for what, found in describe().items():
        print(f"{what:12} {found}")
    for name in names:
        note(name)
        for figure, value in known[name]().items():
            results[figure] = round(float(value), 3)
            print(f"  {figure:36} {value:12.3f}", flush=True)
        RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
    if not sys.argv[1:]:
        report.write(results)
        note("written to docs/benchmarks.md")
    note("written to bench/results.json")


if __name__ == "__main__":
    main()
