"""Applies two files in turn until it is killed: `python -m tests.files.worker CONFIG FILE FILE`."""

import itertools
import sys
from pathlib import Path

from lychgate.clock import clock
from lychgate.config import load
from lychgate.config.resource_file import read_resource_file
from lychgate.files.applying import carry_out
from lychgate.files.proposal import Terms, propose
from lychgate.files.stock import Stock
from lychgate.runtime import connect


def main(config: Path, *files: Path) -> None:
    """Say so on standard output before each file that is applied."""
    settings = load(config).settings
    store = connect(settings)
    for file in itertools.cycle(files):
        read = read_resource_file(file.read_bytes(), file, {})
        stock = Stock.of_store(store)
        terms = Terms(settings, store.secrets, clock(), prune=True)
        proposal = propose(read, stock, terms)
        sys.stdout.write(f"{file.name}\n")
        sys.stdout.flush()
        carry_out(proposal, read, stock, terms, store)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
