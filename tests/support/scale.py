"""How much load the cases about load make: `LYCHGATE_TEST_SCALE`, 1 being the full size."""

import os

SCALE = float(os.environ.get("LYCHGATE_TEST_SCALE", "0.05"))


def scaled(full: int, least: int = 1) -> int:
    """A number of the full size, brought to this run's scale."""
    return max(least, int(full * SCALE))
