"""How many requests a second pass through the real Envoy and the HTTP check."""

from collections.abc import Mapping

from bench.throughput import HTTP, both_rates


def measure() -> Mapping[str, float]:
    """The rate behind a full decision over the rate behind one that does nothing."""
    full, nothing, ratio = both_rates(HTTP)
    return {
        "http_check_per_second": full,
        "nothing_http_per_second": nothing,
        "http_check_over_nothing": ratio,
    }
