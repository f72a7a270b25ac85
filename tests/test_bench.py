"""The benchmarks at a tiny size: every measurement runs, and every figure is explained."""

import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bench import paths, report, scale
from bench.figures import explained
from bench.large import Size
from bench.load import Load, Visit
from bench.pause import Patience
from bench.rounds import Effort
from bench.ways import GATES, WAYS

TINY = Effort(rounds=1, seconds=1.0, warm=1.0)
_OF_A_WAY = re.compile(rf"({'|'.join(WAYS)})_(per_second|p50_ms|p99_ms|envoy_us|server_us)")


def explain(figures: dict[str, float]) -> None:
    unexplained = [
        name for name in figures if name not in explained() and not _OF_A_WAY.fullmatch(name)
    ]
    assert not unexplained


def test_every_way_is_loaded_and_measured(tmp_path: Path) -> None:
    figures = dict(paths.measure(TINY))
    explain(figures)
    for way in WAYS:
        assert figures[f"{way}_per_second"] > 0 and figures[f"{way}_envoy_us"] > 0
    assert all(figures[f"{way}_server_us"] > 0 for way in WAYS if way != "alone")
    page = tmp_path / "page.md"
    page.write_text(report.PAGE.read_text())
    report.write(figures, page)
    rows = {line.split(" | ")[0].strip("| *"): line for line in page.read_text().splitlines()}
    assert " 1.00 | " in rows["Envoy alone"]
    assert f"{figures['check_grpc_over_nothing']:.2f}" in rows["`check_grpc_over_nothing`"]


def test_an_answer_that_is_no_yes_ends_the_measurement(tmp_path: Path) -> None:
    class Elsewhere(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", "/login")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    load = Load(tmp_path, "stranger", [Visit("app.localhost", "CF_Authorization=none")])
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(SystemExit, match="did not pass"):
            load.check(f"http://127.0.0.1:{server.server_port}/", 1)
        server.shutdown()


def test_a_large_installation_is_measured_beside_a_small_one() -> None:
    size = Size(applications=20, tokens=20, sessions=40, revocations=5, listed=20)
    figures = dict(scale.measure(scale.Scale(size, TINY, Patience(1, 0.2))))
    explain(figures)
    assert 0 < figures["rss_mb_10k"] <= figures["peak_mb_10k"]
    assert figures["pause_longest_ms"] > 0 and figures["together_pause_longest_ms"] > 0
    for way in GATES:
        assert figures["check_100k_over_small"] >= figures[f"check_100k_over_small_{way}"] > 0
