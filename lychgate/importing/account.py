"""Reads all of an account that an installation of ours could hold."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from lychgate.importing.calls import Api, ImportFailed, Missing, items

_APPS = "Access: Apps and Policies Read"
_ORGANIZATION = "Access: Organizations, Identity Providers, and Groups Read"
_CERTIFICATES = "Access: Mutual TLS Certificates Read"

type Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the objects of one section are read."""

    section: str
    path: str
    permission: str
    paged: bool = True
    zones: bool = False


SOURCES = (
    Source("organization", "access/organizations", _ORGANIZATION, paged=False),
    Source("keys", "access/keys", _ORGANIZATION, paged=False),
    Source("identity_providers", "access/identity_providers", _ORGANIZATION, zones=True),
    Source("groups", "access/groups", _ORGANIZATION, zones=True),
    Source("applications", "access/apps", _APPS, zones=True),
    Source("policies", "access/policies", _APPS),
    Source("tags", "access/tags", _APPS),
    Source("service_tokens", "access/service_tokens", "Access: Service Tokens Read", zones=True),
    Source("lists", "gateway/lists", "Zero Trust Read", paged=False),
    Source("custom_pages", "access/custom_pages", "Access: Custom Pages Read"),
    Source("certificates", "access/certificates", _CERTIFICATES, zones=True),
    Source("certificate_settings", "access/certificates/settings", _CERTIFICATES, paged=False),
    Source("mcp_servers", "access/ai-controls/mcp/servers", "MCP Portals Read"),
    Source("mcp_portals", "access/ai-controls/mcp/portals", "MCP Portals Read"),
)
SECTIONS = tuple(source.section for source in SOURCES)


@dataclass(frozen=True, slots=True)
class Account:
    """What was read, section by section, as it was answered."""

    sections: Mapping[str, Any]

    def objects(self, section: str) -> list[Raw]:
        """The objects of a section."""
        return list(items(self.sections.get(section)))

    def single(self, section: str) -> Raw:
        """A section that is one object; empty when there is none."""
        found = self.sections.get(section)
        return found if isinstance(found, dict) else {}


def read_account(
    api: Api, account: str, zones: Iterable[str] = (), skip: Collection[str] = ()
) -> Account:
    """Read every section but those to skip; raises ImportFailed naming missing permissions."""
    found: dict[str, Any] = {}
    lacking: dict[str, None] = {}
    root, below = f"accounts/{_segment(account)}", [f"zones/{_segment(zone)}" for zone in zones]
    for source in SOURCES:
        if source.section in skip:
            continue
        places = (root, *below) if source.zones else (root,)
        read = [_read(api, f"{place}/{source.path}", source) for place in places]
        if any(isinstance(one, Missing) and one.permission for one in read):
            lacking[f"{source.permission} ({source.section})"] = None
        found[source.section] = _merged(read)
    if lacking:
        raise ImportFailed(
            f"the token may not read all of account `{account}`, it lacks: {'; '.join(lacking)}",
            "add these permissions, or leave a section out with --skip",
        )
    _complete(api, root, found)
    return Account(found)


def _read(api: Api, path: str, source: Source) -> Any | Missing:
    return api.pages(path) if source.paged else api.one(path)


def _merged(read: list[Any]) -> Any:
    """What several places answered; an object that two of them have counts once."""
    there = [one for one in read if not isinstance(one, Missing)]
    if len(there) < 2:
        return there[0] if there else None
    by_id: dict[str, Raw] = {}
    for one in (one for part in there for one in items(part)):
        by_id.setdefault(str(one.get("id") or one.get("name")), one)
    return list(by_id.values())


def _complete(api: Api, root: str, found: dict[str, Any]) -> None:
    """What lists do not tell: the entries of lists, the HTML of pages."""
    for one in items(found.get("lists")):
        entries = api.pages(f"{root}/gateway/lists/{_segment(one.get('id'))}/items")
        one["items"] = list(items(entries))
    for one in items(found.get("custom_pages")):
        whole = api.one(f"{root}/access/custom_pages/{_segment(one.get('uid') or one.get('id'))}")
        if isinstance(whole, dict):
            one |= whole


def _segment(id: Any) -> str:
    return quote(str(id), safe="")
