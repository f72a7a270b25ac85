"""How long a revocation takes to every proxy of two nodes, on one path of deciding."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from extauthz.layout import Check
from tests.support.fleet import running_fleet
from tests.support.lateness import of_edits, of_revocations, worst
from tests.support.postgres import PostgresServer

TRIALS = 200


def measure() -> Mapping[str, float]:
    """From the administrator's answer to the refusal at both proxies, 99 of 100 trials."""
    figures: dict[str, float] = {}
    for check, suffix in ((Check.GRPC, ""), (Check.HTTP, "_http")):
        figures |= _measured(check, suffix)
    return figures


def _measured(check: Check, suffix: str) -> Mapping[str, float]:
    server = PostgresServer()
    server.start()
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            running_fleet(Path(folder), server, check) as fleet,
        ):
            revoked, edited = of_revocations(fleet, TRIALS), of_edits(fleet, TRIALS)
    finally:
        server.close()
    return {
        f"revocation_p99_ms_two_nodes{suffix}": worst(revoked) * 1000,
        f"policy_edit_p99_ms_two_nodes{suffix}": worst(edited) * 1000,
    }
