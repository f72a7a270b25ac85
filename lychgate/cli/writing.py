"""Writes a file complete or not at all, readable for its owner alone."""

import os
import tempfile
from pathlib import Path

from lychgate.cli.files import FileExists
from lychgate.errors import LychgateError
from lychgate.placing import place


def write_whole(file: Path, text: str, *, new: bool = False) -> None:
    """Write a file; raises LychgateError when it cannot be.

    One that is there is replaced; when the file is to be `new`, that is FileExists.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    except OSError as error:
        raise _unwritable(file, error) from None
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
        if new:
            place(part, file)
        else:
            part.replace(file)
    except FileExistsError:
        raise FileExists(f"`{file}` is there already", "choose another") from None
    except OSError as error:
        raise _unwritable(file, error) from None
    finally:
        part.unlink(missing_ok=True)


def _unwritable(file: Path, error: OSError) -> LychgateError:
    return LychgateError(f"`{file}` cannot be written: {(error.strerror or 'no reason').lower()}")
