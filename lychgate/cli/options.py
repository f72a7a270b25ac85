"""Options that several commands share, and how they open an installation."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lychgate.config import Loaded
    from lychgate.core.snapshot import Snapshot
    from lychgate.store.sql import SqlStore

Config = Annotated[
    Path, typer.Option("--config", "-c", help="The configuration file.", show_default=True)
]
DEFAULT = Path("lychgate.yaml")


@contextmanager
def opened(config: Path) -> Iterator[tuple["Loaded", "SqlStore[Snapshot]"]]:
    """The configuration and store of an installation."""
    from lychgate.config import load
    from lychgate.runtime import connect

    loaded = load(config)
    store = connect(loaded.settings)
    try:
        yield loaded, store
    finally:
        store.close()
