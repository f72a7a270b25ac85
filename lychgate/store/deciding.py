"""What a body says of its object: whether it decides anew, is listed, and what may be told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lychgate.store.base import Kind, Object, SecretInBody

_DECIDING: Mapping[Kind, tuple[str, ...]] = {
    Kind.POLICY: (
        "decision",
        "include",
        "require",
        "exclude",
        "session_duration",
        "approval_required",
        "approval_groups",
        "purpose_justification_required",
        "isolation_required",
        "mfa_config",
    ),
    Kind.GROUP: ("include", "require", "exclude"),
    Kind.LIST: ("type", "items"),
    Kind.APPLICATION: (
        "type",
        "policies",
        "allowed_idps",
        "destinations",
        "domain",
        "self_hosted_domains",
        "mfa_config",
    ),
}
"""For kinds that are not named every member decides."""


def owned_by_another(kind: Kind, body: Mapping[str, Any]) -> bool:
    """Whether an object belongs to another one and is not listed by itself."""
    return kind is Kind.POLICY and body.get("reusable") is False


MUST_BE_SEALED = frozenset({"client_secret", "private_key", "auth_credentials"})
_HIDDEN = ("secret", "password", "private_key", "auth_credentials")
_IN_PLACE = "(hidden)"


def rules_changed_at(
    before: Object | None, body: Mapping[str, Any], kind: Kind, now: datetime
) -> datetime:
    """The time for an object's new body: kept when no member that decides changed.

    Whole seconds, and never earlier than it was, whatever the clock does.
    """
    second = now.replace(microsecond=0)
    if before is None:
        return second
    if _rules(kind, before.body) == _rules(kind, body):
        return before.rules_changed_at
    return max(second, before.rules_changed_at)


def _rules(kind: Kind, body: Mapping[str, Any]) -> dict[str, Any]:
    # An absent member and an empty one decide alike.
    names = _DECIDING.get(kind, tuple(body))
    return {name: body[name] for name in names if body.get(name)}


def refuse_secrets(where: str, body: object) -> None:
    """Raise when a body holds a secret that belongs into the sealed ones."""
    if isinstance(body, Mapping):
        for name, value in body.items():
            if name in MUST_BE_SEALED and isinstance(value, str) and value:
                raise SecretInBody(f"{where}: `{name}` must be kept sealed, not in the body")
            refuse_secrets(where, value)
    elif isinstance(body, list | tuple):
        for value in body:
            refuse_secrets(where, value)


def for_audit(value: Any) -> Any:
    """A body as the audit log may hold it: whatever is named like a secret is hidden."""
    if isinstance(value, Mapping):
        return {name: _shown(name, member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [for_audit(member) for member in value]
    return value


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, str) and value and any(word in name for word in _HIDDEN):
        return _IN_PLACE
    return for_audit(value)
