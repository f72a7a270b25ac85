"""The client secret of a SaaS application: made here, shown once, kept as a hash."""

from collections.abc import Callable, Mapping
from typing import Any

_OURS = frozenset({"client_id", "client_secret", "client_secret_hash", "public_key"})
"""Members that only the gate writes."""
_HIDDEN = frozenset({"client_secret", "client_secret_hash"})


def new_client_secret(random: Callable[[int], bytes]) -> str:
    """64 hex digits."""
    return random(32).hex()


def without_secrets(saas: Mapping[str, Any]) -> dict[str, Any]:
    """A `saas_app` without what its secret could be known or checked by."""
    return {name: value for name, value in saas.items() if name not in _HIDDEN}


def as_sent(saas: Mapping[str, Any]) -> dict[str, Any]:
    """A `saas_app` without what callers cannot choose."""
    return {name: value for name, value in saas.items() if name not in _OURS}
