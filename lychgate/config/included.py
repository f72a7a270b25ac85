"""Puts the content of other files where `certificate_file` and `crl_file` name them."""

from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from lychgate.config.items import Finding

MEMBERS: Mapping[str, str] = {"certificate_file": "certificate", "crl_file": "crl"}
"""What names a file, and the member that gets its content."""
_MOST = 2_000_000


def include(resources: Any, folder: FilePath, found: list[Finding]) -> list[FilePath]:
    """Replace the members in place; the files that were named, relative to the folder."""
    files: list[FilePath] = []
    for index, item in _certificates(resources):
        for member, target in MEMBERS.items():
            if member not in item:
                continue
            name, path = item.pop(member), ("resources", "certificates", index, member)
            item.setdefault(target, "")
            if not isinstance(name, str) or not name or item[target]:
                found.append(Finding(path, f"{member} must be a path, in place of {target}"))
                continue
            files.append(folder / name)
            try:
                item[target] = _content(files[-1])
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or "it is not a small text file"
                found.append(Finding(path, f"cannot read `{name[:200]}`: {reason.lower()}"))
    return files


def _certificates(resources: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    items = resources.get("certificates") if isinstance(resources, dict) else None
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield index, item


def _content(path: FilePath) -> str:
    if path.stat().st_size > _MOST:
        raise ValueError
    return path.read_text("ascii")
