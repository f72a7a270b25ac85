"""Puts environment variables in place of `${ENV:NAME}`, where the file would hold a secret."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lychgate.config.yamlfile import Path

_VARIABLE = re.compile(r"\$\{ENV:([A-Za-z_][A-Za-z0-9_]{0,99})\}")
_SETTINGS: tuple[Path, ...] = (("store",), ("mail", "smtp_url"))
_SECRETS: tuple[tuple[str, Path], ...] = (
    ("identity_providers", ("config", "client_secret")),
    ("service_tokens", ("client_secret",)),
    ("applications", ("saas_app", "client_secret")),
    ("mcp_servers", ("auth_credentials",)),
    ("mcp_servers", ("client_secret",)),
)
"""Where resources have secrets."""


def expand(root: Any, environ: Mapping[str, str]) -> list[tuple[Path, str]]:
    """Replace the variables in `root`; the paths and names of those that are not set.

    They count in `store`, in `mail.smtp_url` and in the secrets of resources, and nowhere else:
    no other text can make the process reveal its environment. A secret whose variable is not set
    is dropped, so that the stored one stays.
    """
    missing: list[tuple[Path, str]] = []
    for path in [*_SETTINGS, *_secrets(root)]:
        holder = _holder(root, path)
        if holder is None:
            continue
        names = _VARIABLE.findall(holder[path[-1]])
        unset = [name for name in names if not environ.get(name)]
        missing.extend((path, name) for name in unset)
        if unset:
            del holder[path[-1]]
        elif names:
            holder[path[-1]] = _VARIABLE.sub(lambda m: environ[m[1]], holder[path[-1]])
    return missing


def _secrets(root: Any) -> Iterator[Path]:
    for section, path in _SECRETS:
        listed = _get(_get(root, "resources"), section)
        for index in range(len(listed) if isinstance(listed, list) else 0):
            yield ("resources", section, index, *path)


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _holder(root: Any, path: Path) -> dict[Any, Any] | None:
    """The object that holds the text at a path; None when there is no text."""
    value = root
    for key in path[:-1]:
        if isinstance(key, int) and isinstance(value, list) and key < len(value):
            value = value[key]
        else:
            value = _get(value, str(key))
    text = _get(value, str(path[-1]))
    return value if isinstance(text, str) else None
