"""Runs the measurements, prints them, and writes `bench/results.json`.

`python -m bench` runs all, `python -m bench decide memory` some; what was not run is kept.
"""

import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import bearer, decide, memory, paths, service_tokens

RESULTS = Path(__file__).parent / "results.json"
ALL: Mapping[str, Callable[[], Mapping[str, float]]] = {
    "decide": decide.measure,
    "bearer": bearer.measure,
    "memory": memory.measure,
    "service_tokens": service_tokens.measure,
    "paths": paths.measure,
}


def main() -> None:
    """Run the named measurements, or all."""
    names = sys.argv[1:] or list(ALL)
    unknown = sorted(set(names) - set(ALL))
    if unknown:
        raise SystemExit(f"no measurement is called {unknown[0]}; there are {', '.join(ALL)}")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name in names:
        for figure, value in ALL[name]().items():
            results[figure] = round(value, 3)
            print(f"  {figure:32} {value:12.3f}")
        RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
    print("written to bench/results.json")


if __name__ == "__main__":
    main()
