"""Writes every page with sample data into a folder: `python -m lychgate.pages OUTDIR`."""

import sys
from pathlib import Path

from lychgate.pages.render import html_answer
from lychgate.pages.samples import LOOKS, sample_pages


def main(folder: Path) -> None:
    """One file for each page and look."""
    folder.mkdir(parents=True, exist_ok=True)
    for look_name, look in LOOKS.items():
        for name, page in sample_pages().items():
            (folder / f"{look_name}-{name}.html").write_bytes(html_answer(page, look).body)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m lychgate.pages OUTDIR")
    main(Path(sys.argv[1]))
