"""MCP servers and portals, as stored objects: nothing here talks to a server."""

from collections.abc import Sequence
from typing import Any

from lychgate.admin.answers import Answer, done
from lychgate.admin.calls import Call, Office, shown_time
from lychgate.admin.generic import existing
from lychgate.admin.handler import handler
from lychgate.admin.refusals import invalid
from lychgate.admin.resource import (
    Body,
    Prepared,
    Resource,
    Update,
    Wish,
    each,
    name_or_id_has,
)
from lychgate.admin.scopes import Area
from lychgate.admin.shapes.objects import MCP_PORTAL, MCP_SERVER, Synced
from lychgate.admin.shapes.shown import one
from lychgate.api import parse_body
from lychgate.api.base import wire
from lychgate.api.mcp import McpPortalBody, McpServerBody
from lychgate.store.base import Kind, Object, Put

_SECRETS = ("auth_credentials", "client_secret")
_FIXED = ("hostname", "auth_type")
_STATUS = "waiting"
_NOT_READ = {
    "status": _STATUS,
    "error": "the tools of servers are not read by this version",
    "error_details": {
        "cause": "not_supported",
        "is_upstream": False,
        "mcp_code": None,
        "retryable": False,
        "status_code": None,
    },
}


def show_server(stored: Object) -> Body:
    """A server; its tools are unknown as long as nobody asks it."""
    open_to_all = stored.body["auth_type"] == "unauthenticated"
    return {
        "is_shared_oauth_callback_enabled": False,
        "secure_web_gateway": False,
        **stored.body,
        "tools": [],
        "prompts": [],
        "status": _STATUS,
        "error": "",
        "error_details": None,
        "authentication_status": "not_required" if open_to_all else "required",
        "auth_config_summary": None,
        "last_synced": None,
        "last_successful_sync": None,
        **_when(stored),
    }


def _when(stored: Object) -> Body:
    return {
        "created_at": shown_time(stored.created_at),
        "created_by": stored.created_by or None,
        "modified_at": shown_time(stored.updated_at),
        "modified_by": stored.updated_by or None,
    }


def _prepare_server(wish: Wish) -> Prepared:
    if wish.before is not None:
        for member in _FIXED:
            if wish.sent.get(member, wish.before.body[member]) != wish.before.body[member]:
                raise invalid(f"{member} cannot change")
    body = wire(parse_body(Kind.MCP_SERVER, {**wish.sent, "id": wish.id}))
    given = {name: body.pop(name, None) for name in _SECRETS if name in wish.given}
    kept = {**wish.sealed(), **given} if given else {}
    secrets = {name: value for name, value in kept.items() if value is not None}
    return Prepared([Put(Kind.MCP_SERVER, wish.id, body, secrets if given else None)])


SERVERS = Resource(
    kind=Kind.MCP_SERVER,
    path="/access/ai-controls/mcp/servers",
    area=Area.MCP,
    word="mcp_servers",
    takes=(McpServerBody,),
    gives=(MCP_SERVER,),
    gives_deleted=(MCP_SERVER,),
    needs=(),
    render=each(show_server),
    prepare=_prepare_server,
    update=Update.PARTIAL,
    deleted=lambda _stored: None,
    filters={"search": name_or_id_has},
    chosen_id="id",
)


@handler("sync_mcp_server", one(Synced))
def sync(call: Call, office: Office) -> Answer:
    """Ask an MCP server what it offers, which this version does not do."""
    existing(SERVERS, call.id, office.store)
    return done(_NOT_READ)


def _show_portals(objects: Sequence[Object], office: Office) -> list[Body]:
    ids = [server["server_id"] for one in objects for server in one.body.get("servers", ())]
    servers = office.store.some(Kind.MCP_SERVER, ids)
    return [
        _show_portal(one, {id: show_server(found) for id, found in servers.items()})
        for one in objects
    ]


def _show_portal(stored: Object, servers: dict[str, Body]) -> Body:
    return {
        "code_mode": _mode(stored.body),
        "allow_code_mode": _mode(stored.body) != "off",
        "secure_web_gateway": False,
        **stored.body,
        "servers": [
            _in_portal(servers[entry["server_id"]], entry)
            for entry in stored.body.get("servers", ())
            if entry["server_id"] in servers
        ],
        **_when(stored),
    }


def _mode(body: Any) -> str:
    if "code_mode" in body:
        return str(body["code_mode"])
    return "opt_in" if body.get("allow_code_mode", True) else "off"


def _in_portal(server: Body, entry: Body) -> Body:
    """A server as a portal shows it: with the portal's own names of its tools."""
    own = {name: value for name, value in server.items() if not name.startswith("updated_")}
    changed: Body = {
        part: [_renamed(one, "portal") for one in entry.get(part, ())]
        for part in ("updated_tools", "updated_prompts")
        if part in entry
    }
    return {
        **own,
        "server_id": server["id"],
        "default_disabled": entry.get("default_disabled", False),
        "on_behalf": entry.get("on_behalf", True),
        **changed,
    }


def _renamed(capability: Body, owner: str) -> Body:
    aliases = ("alias", "description")
    return {f"{owner}_{name}" if name in aliases else name: v for name, v in capability.items()}


def _prepare_portal(wish: Wish) -> Prepared:
    sent = dict(wish.sent)
    if wish.before is not None:
        # One of the two spellings replaces the other.
        for one, other in (("code_mode", "allow_code_mode"), ("allow_code_mode", "code_mode")):
            changed = sent.get(one) != wish.before.body.get(one)
            if changed and sent.get(other) == wish.before.body.get(other):
                sent.pop(other, None)
    body = wire(parse_body(Kind.MCP_PORTAL, {**sent, "id": wish.id}))
    return Prepared([Put(Kind.MCP_PORTAL, wish.id, body)])


PORTALS = Resource(
    kind=Kind.MCP_PORTAL,
    path="/access/ai-controls/mcp/portals",
    area=Area.MCP,
    word="mcp_portals",
    takes=(McpPortalBody,),
    gives=(MCP_PORTAL,),
    gives_deleted=(MCP_PORTAL,),
    needs=(),
    render=_show_portals,
    prepare=_prepare_portal,
    update=Update.PARTIAL,
    deleted=lambda _stored: None,
    filters={"search": name_or_id_has},
    chosen_id="id",
)
