"""Writes a file complete or not at all, readable for its owner alone."""

import os
import tempfile
from pathlib import Path

from lychgate.errors import LychgateError


def write_whole(file: Path, text: str) -> None:
    """Write a file, in place of one that is there; raises LychgateError when it cannot be."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    except OSError as error:
        raise _unwritable(file, error) from None
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _unwritable(file, error) from None


def _unwritable(file: Path, error: OSError) -> LychgateError:
    return LychgateError(f"`{file}` cannot be written: {(error.strerror or 'no reason').lower()}")
