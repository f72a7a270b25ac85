"""Gives a finished file its name, unless something else has it by then."""

import os
from pathlib import Path


def place(draft: Path, file: Path) -> None:
    """Name a finished file; FileExistsError when the name is taken, OSError when it cannot be.

    The draft may be left beside it. Nobody sees a part of the file, and no file is replaced that
    somebody made meanwhile.
    """
    try:
        os.link(draft, file)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links: an empty file holds the name for a moment.
        file.touch(mode=0o600, exist_ok=False)
        draft.replace(file)
