"""Every figure that is measured: what it means, and what it should be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A name in `bench/results.json`; `goal` is empty where the figure only informs."""

    name: str
    meaning: str
    goal: str = ""


RATIOS = (
    Figure(
        "check_grpc_over_nothing",
        "throughput with the full decision over gRPC, over that with an ordinary Python gRPC"
        " server that says yes",
        "≥ 0.7",
    ),
    Figure(
        "check_grpc_over_nothing_at_once",
        "the same over one that answers as ours does, in the thread that reads",
    ),
    Figure(
        "http_check_over_nothing",
        "throughput with the HTTP check, over that with a granian application that says yes",
        "≥ 0.6",
    ),
    Figure(
        "zero_hop_over_envoy",
        "throughput of the zero-hop path, over that of Envoy alone",
        "≥ 0.55",
    ),
    Figure(
        "zero_hop_cpu_us_over_envoy",
        "microseconds of CPU that a request takes on it more than with Envoy alone",
        "≤ 15",
    ),
    Figure(
        "zero_hop_over_nothing_check",
        "its throughput over that with the fastest check that says yes",
        "≥ 1.4",
    ),
    Figure("check_grpc_over_envoy", "throughput with gRPC `Check`, over that of Envoy alone"),
    Figure("http_check_over_envoy", "throughput with the HTTP check, over that of Envoy alone"),
)
LARGE = (
    Figure(
        "check_100k_over_small",
        "CPU of a check in the large installation over that in a small one, on the worst way",
        "≤ 1.2",
    ),
    Figure("check_100k_over_small_grpc", "the same for the server behind gRPC `Check`", "≤ 1.2"),
    Figure("check_100k_over_small_http", "the same for the HTTP check", "≤ 1.2"),
    Figure("check_100k_over_small_zero_hop", "the same for Envoy on the zero-hop path", "≤ 1.2"),
    Figure("latency_100k_over_small_grpc", "the median time, likewise, over gRPC `Check`", "≤ 1.2"),
    Figure("latency_100k_over_small_http", "the same with the HTTP check", "≤ 1.2"),
    Figure("latency_100k_over_small_zero_hop", "the same on the zero-hop path", "≤ 1.2"),
    Figure("rss_mb_10k", "MiB that a worker holds after all of this", "< 300"),
    Figure("peak_mb_10k", "the most that it ever held"),
    Figure("rss_mb_10k_xds", "MiB that the server behind the zero-hop path holds"),
    Figure("rss_mb_10k_envoy", "MiB of the Envoy of that path, 100,000 remembered tokens included"),
    Figure("start_s_10k", "seconds from the start of a worker until it decides"),
    Figure("start_s_10k_zero_hop", "seconds until an Envoy proves by itself"),
)
_PAUSES = (
    Figure("pause_quiet_ms", "nothing is changed: how much the measurement itself scatters"),
    Figure("pause_revocation_ms", "a session is revoked", "≤ 10"),
    Figure("pause_application_ms", "one application is edited", "≤ 10"),
    Figure("pause_service_token_ms", "a service token is replaced", "≤ 10"),
    Figure("pause_shared_policy_ms", "the policy of all applications is edited", "≤ 10"),
    Figure("pause_shared_list_ms", "the list of that policy gets other addresses", "≤ 10"),
    Figure("pause_everything_anew_ms", "the whole store is read again", "≤ 10"),
    Figure("pause_longest_ms", "the longest of these", "≤ 10"),
)
TOGETHER = "together_"
"""Begins the names of the pauses that are measured while every server shares one core."""
PAUSES = (*_PAUSES, *(Figure(TOGETHER + one.name, one.meaning) for one in _PAUSES))
ADMINISTRATORS = (
    Figure("admin_page_ms_10k", "milliseconds of a page of the list of applications"),
    Figure("admin_last_page_over_first", "the last page of that list over the first", "≤ 1.2"),
    Figure("admin_change_s_10k", "seconds until the API has answered a change"),
    Figure("admin_in_force_s_10k", "seconds from that answer until it is in force", "≤ 1"),
    Figure("admin_in_force_worst_s_10k", "the longest of seven", "≤ 1"),
)
NODES = (
    Figure("revocation_p99_ms_two_nodes", "a revocation, to every proxy, gRPC `Check`", "< 1000"),
    Figure("revocation_p99_ms_two_nodes_http", "the same, HTTP check", "< 1000"),
    Figure(
        "revocation_p99_ms_two_nodes_zero_hop",
        "the same, to Envoys that prove by themselves",
        "< 1000",
    ),
    Figure("revocation_p99_ms_zero_hop", "the same on one node", "< 100"),
    Figure("policy_edit_p99_ms_two_nodes", "an edit of a policy, gRPC `Check`", "< 1000"),
    Figure("policy_edit_p99_ms_two_nodes_http", "the same, HTTP check", "< 1000"),
    Figure("policy_edit_p99_ms_two_nodes_zero_hop", "the same, zero-hop path", "< 1000"),
    Figure("policy_edit_p99_ms_zero_hop", "the same on one node", "< 100"),
)
DECISIONS = (
    Figure("decide_warm_us", "microseconds of one decision; the token was seen before", "< 25"),
    Figure("decide_cold_us", "of one whose token has to be verified"),
    Figure("decide_10k_over_10", "10,000 applications and tokens over ten of each", "≤ 1.2"),
    Figure("gate_check_us", "microseconds of the gate: decision, headers, counting"),
    Figure("gate_counted_over_bare", "the gate with its counters over the gate without"),
    Figure("bearer_over_cookie", "an OAuth access token over a session cookie"),
    Figure("service_token_us", "microseconds of a decision with a service token"),
    Figure("service_token_10k_over_10", "among 10,000 service tokens over among ten", "≤ 1.2"),
    Figure("service_token_wrong_10k_over_10", "a wrong one, likewise", "≤ 1.2"),
    Figure("service_token_unknown_over_wrong", "an unknown client id over a wrong secret", "≈ 1"),
)
GROUPS: Mapping[str, Sequence[Figure]] = {
    "ratios": RATIOS,
    "large": LARGE,
    "pauses": PAUSES,
    "administrators": ADMINISTRATORS,
    "nodes": NODES,
    "decisions": DECISIONS,
}


def explained() -> frozenset[str]:
    """The names of all figures that stand in a table of their own."""
    return frozenset(figure.name for group in GROUPS.values() for figure in group)
