"""The table of routes: every path of the admin API, what it needs, and who answers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from lychgate.admin import accesslog, appcalls, keys, listcalls, organization, people, policytests
from lychgate.admin.generic import create_of, delete_of, get_of, list_of, update_of
from lychgate.admin.handler import Handler
from lychgate.admin.kinds import certificates, mcp, service_tokens
from lychgate.admin.kinds.applications import APPLICATIONS
from lychgate.admin.kinds.certificates import CERTIFICATES
from lychgate.admin.kinds.groups import GROUPS, LISTS
from lychgate.admin.kinds.identity_providers import IDENTITY_PROVIDERS
from lychgate.admin.kinds.labels import CUSTOM_PAGES, TAGS
from lychgate.admin.kinds.policies import POLICIES
from lychgate.admin.kinds.service_tokens import SERVICE_TOKENS
from lychgate.admin.resource import Resource
from lychgate.admin.scopes import Area, Level

ROOT = "/client/v4"

RESOURCES = (
    APPLICATIONS,
    POLICIES,
    GROUPS,
    LISTS,
    SERVICE_TOKENS,
    IDENTITY_PROVIDERS,
    CERTIFICATES,
    TAGS,
    CUSTOM_PAGES,
    mcp.SERVERS,
    mcp.PORTALS,
)
"""Everything that is stored as objects; a new kind is one more line and its module."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path below an account or a zone."""

    method: str
    path: str
    handler: Handler
    area: Area
    level: Level
    zones: bool = False

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """What stands in the places of the path; None when it is another one."""
        pattern = self.path.strip("/").split("/")
        if len(pattern) != len(segments):
            return None
        found: dict[str, str] = {}
        for part, segment in zip(pattern, segments, strict=True):
            if part.startswith("{"):
                found[part.strip("{}")] = unquote(segment, errors="replace")
            elif part != segment:
                return None
        return found


def _of(resource: Resource) -> Iterator[Route]:
    one = f"{resource.path}/{{id}}"
    area, zones = resource.area, resource.zones
    yield Route("GET", resource.path, list_of(resource), area, Level.READ, zones)
    yield Route("POST", resource.path, create_of(resource), area, Level.WRITE, zones)
    yield Route("GET", one, get_of(resource), area, Level.READ, zones)
    yield Route("PUT", one, update_of(resource), area, Level.WRITE, zones)
    yield Route("DELETE", one, delete_of(resource), area, Level.WRITE, zones)


_APP = "/access/apps/{id}"
_TOKEN = "/access/service_tokens/{id}"
_USER = "/access/users/{id}"
_ORG = "/access/organizations"
_TESTS = "/access/policy-tests"
_LIST = "/gateway/lists/{id}"
_SETTINGS = "/access/certificates/settings"
_SYNC = "/access/ai-controls/mcp/servers/{id}/sync"
_READ, _WRITE, _REVOKE = Level.READ, Level.WRITE, Level.REVOKE
_A, _O, _S, _C = Area.APPS, Area.ORGANIZATION, Area.SERVICE_TOKENS, Area.CERTIFICATES
_T, _L = Area.POLICY_TESTS, Area.LISTS

# Paths with a fixed last segment stand before those with an id there.
ROUTES: tuple[Route, ...] = (
    Route("POST", f"{_APP}/revoke_tokens", appcalls.revoke_tokens, _A, _REVOKE, True),
    Route("PATCH", f"{_APP}/settings", appcalls.edit_settings, _A, _WRITE, True),
    Route("PUT", f"{_APP}/settings", appcalls.put_settings, _A, _WRITE, True),
    Route("GET", f"{_APP}/user_policy_checks", policytests.check_user, _A, _READ, True),
    Route("GET", f"{_APP}/policies", appcalls.list_policies, _A, _READ, True),
    Route("POST", f"{_APP}/policies", appcalls.create_policy, _A, _WRITE, True),
    Route("GET", f"{_APP}/policies/{{policy}}", appcalls.get_policy, _A, _READ, True),
    Route("PUT", f"{_APP}/policies/{{policy}}", appcalls.update_policy, _A, _WRITE, True),
    Route("DELETE", f"{_APP}/policies/{{policy}}", appcalls.delete_policy, _A, _WRITE, True),
    Route("PUT", f"{_APP}/policies/{{policy}}/make_reusable", appcalls.make_reusable, _A, _WRITE),
    Route("POST", f"{_TOKEN}/rotate", service_tokens.rotate, _S, _WRITE),
    Route("POST", f"{_TOKEN}/refresh", service_tokens.refresh, _S, _WRITE),
    Route("GET", _SETTINGS, certificates.get_settings, _C, _READ, True),
    Route("PUT", _SETTINGS, certificates.put_settings, _C, _WRITE, True),
    Route("PATCH", _LIST, listcalls.edit_list, _L, _WRITE),
    Route("GET", f"{_LIST}/items", listcalls.list_items, _L, _READ),
    Route("GET", _ORG, organization.get, _O, _READ, True),
    Route("POST", _ORG, organization.create, _O, _WRITE, True),
    Route("PUT", _ORG, organization.update, _O, _WRITE, True),
    Route("POST", f"{_ORG}/revoke_user", organization.revoke_user, _O, _REVOKE, True),
    Route("GET", "/access/keys", keys.get, _O, _READ),
    Route("PUT", "/access/keys", keys.put, _O, _WRITE),
    Route("POST", "/access/keys/rotate", keys.rotate, _O, _WRITE),
    Route("GET", "/access/users", people.list_users, _O, _READ),
    Route("POST", "/access/users", people.create_user, _O, _WRITE),
    Route("GET", _USER, people.get_user, _O, _READ),
    Route("PUT", _USER, people.update_user, _O, _WRITE),
    Route("DELETE", _USER, people.delete_user, _O, _WRITE),
    Route("GET", f"{_USER}/active_sessions", people.active_sessions, _O, _READ),
    Route("GET", f"{_USER}/active_sessions/{{nonce}}", people.active_session, _O, _READ),
    Route("GET", f"{_USER}/failed_logins", people.failed_logins, _O, _READ),
    Route("GET", f"{_USER}/last_seen_identity", people.last_seen_identity, _O, _READ),
    Route("GET", "/access/logs/access_requests", accesslog.access_requests, Area.AUDIT, _READ),
    Route("POST", _TESTS, policytests.create_test, _T, _WRITE),
    Route("GET", f"{_TESTS}/{{id}}", policytests.get_test, _T, _READ),
    Route("GET", f"{_TESTS}/{{id}}/users", policytests.test_users, _T, _READ),
    Route("POST", _SYNC, mcp.sync, Area.MCP, _WRITE),
    *(route for resource in RESOURCES for route in _of(resource)),
)


_OUT = frozenset({("access", "apps", "ca")})
"""Paths of the service that look like an object of ours and are none."""


def find(segments: tuple[str, ...], zone: bool) -> Iterable[tuple[Route, dict[str, str]]]:
    """Every route of a path, the first of each method being the one that answers."""
    taken: set[str] = set()
    for route in () if segments in _OUT else ROUTES:
        arguments = route.match(segments) if route.zones or not zone else None
        if arguments is not None and route.method not in taken:
            taken.add(route.method)
            yield route, arguments
