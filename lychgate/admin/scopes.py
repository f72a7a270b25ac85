"""What an API token may do: the names of the permissions, and which of them a call needs."""

from enum import StrEnum


class Area(StrEnum):
    """What a permission is about; the text begins its name."""

    APPS = "Access: Apps and Policies"
    SERVICE_TOKENS = "Access: Service Tokens"
    ORGANIZATION = "Access: Organizations, Identity Providers, and Groups"
    AUDIT = "Access: Audit Logs"
    CERTIFICATES = "Access: Mutual TLS Certificates"
    CUSTOM_PAGES = "Access: Custom Pages"
    POLICY_TESTS = "Access: Policy Test"
    LISTS = "Zero Trust"
    MCP = "MCP Portals"


class Level(StrEnum):
    """How much of it; Write holds the others."""

    READ = "Read"
    WRITE = "Write"
    REVOKE = "Revoke"


_REVOCABLE = (Area.APPS, Area.ORGANIZATION)


def scope(area: Area, level: Level) -> str:
    """The name of a permission, such as `Access: Service Tokens Write`."""
    return f"{area.value} {level.value}"


SCOPES = tuple(
    scope(area, level)
    for area in Area
    for level in Level
    if (level is not Level.REVOKE or area in _REVOCABLE)
    and not (level is Level.WRITE and area is Area.AUDIT)
)
"""Every permission there is."""


def allows(held: tuple[str, ...], area: Area, level: Level) -> bool:
    """Whether permissions suffice for a call."""
    return scope(area, level) in held or scope(area, Level.WRITE) in held
