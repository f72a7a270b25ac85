"""How long a revocation takes to every proxy of two nodes, on one path of deciding."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from extauthz.layout import Check
from tests.support.fleet import NODES, Fleet, running_fleet
from tests.support.lateness import of_edits, of_revocations, worst
from tests.support.postgres import PostgresServer

TRIALS = 200


def measure() -> Mapping[str, float]:
    """From the administrator's answer to the refusal at every proxy, 99 of 100 trials."""
    figures: dict[str, float] = {}
    for check, suffix in ((Check.GRPC, ""), (Check.HTTP, "_http")):
        with _fleet(check) as fleet:
            figures |= _both(fleet, f"_two_nodes{suffix}")
    with _proved(NODES) as fleet:
        figures |= _both(fleet, "_two_nodes_zero_hop")
    with _proved(NODES[:1]) as fleet:
        figures |= _both(fleet, "_zero_hop")
    return figures


def _both(fleet: Fleet, name: str) -> Mapping[str, float]:
    revoked, edited = of_revocations(fleet, TRIALS), of_edits(fleet, TRIALS)
    return {
        f"revocation_p99_ms{name}": worst(revoked) * 1000,
        f"policy_edit_p99_ms{name}": worst(edited) * 1000,
    }


@contextmanager
def _fleet(check: Check, **more: Any) -> Iterator[Fleet]:
    server = PostgresServer()
    server.start()
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            running_fleet(Path(folder), server, check, **more) as fleet,
        ):
            yield fleet
    finally:
        server.close()


@contextmanager
def _proved(names: Sequence[str]) -> Iterator[Fleet]:
    """A fleet whose decision servers are away: only what Envoy proves is let in."""
    with _fleet(Check.GRPC, names=names, zero_hop=True) as fleet:
        for node in fleet.nodes:
            node.stop(node.decision)
        yield fleet
