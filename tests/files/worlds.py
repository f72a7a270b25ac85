"""Whole installations, drawn: objects of every kind that name each other, as the store has them."""

import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from pydantic import BaseModel

from lychgate.api import body_model, parse_body
from lychgate.api.base import Wire, wire
from lychgate.api.identity_providers import SUPPORTED as PROVIDERS
from lychgate.api.kept import CertificateSettingsBody, KeySettingsBody
from lychgate.config.completing import completed
from lychgate.config.edits import ORDER
from lychgate.config.judging import to_records
from lychgate.config.naming import ACCOUNT, id_for
from lychgate.config.resources import FileObject
from lychgate.core.keys import Keyring
from lychgate.core.model import EPOCH, Team
from lychgate.core.revocations import Revocations
from lychgate.core.selectors import ALL
from lychgate.core.snapshot import Setting, compile_snapshot
from lychgate.errors import InvalidConfiguration
from lychgate.files.stock import Stock
from lychgate.settings import Settings
from lychgate.store.base import Kind, Object, Source
from tests.files.bodies import NOTHING, ODD, PEM, TEXT, body

SETTINGS = Settings(Team("https://team.example.com"), name="Acme")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
APPLICATIONS = ("self_hosted", "saas", "mcp", "mcp_portal", "app_launcher", "bookmark", "warp")
_SETTINGS: dict[str, type[Wire]] = {
    "keys": KeySettingsBody,
    "certificates": CertificateSettingsBody,
}
_TYPES = {Kind.IDP: PROVIDERS, Kind.APPLICATION: APPLICATIONS, Kind.LIST: ("EMAIL", "IP")}
_SECRETS = ("client_secret", "auth_credentials")
_HASHES = ("client_secret_hash", "previous_client_secret_hash", "previous_client_secret_expires_at")

type Draw = Any


class World:
    """Draws objects one after the other; later ones may name earlier ones."""

    def __init__(self, draw: Draw, *, whole: bool) -> None:
        self.draw = draw
        self.whole = whole
        self.ids: dict[Kind, list[str]] = {kind: [] for kind in Kind}
        self.bodies: dict[tuple[Kind, str], dict[str, Any]] = {}
        self._hosts = (f"h{number}.example.com" for number in range(1000))

    def make(self) -> None:
        """Objects of every kind."""
        team = {"name": "Acme", "auth_domain": "team.example.com"}
        organization = self._body(body_model("organization", {}))
        self._put(Kind.ORGANIZATION, ACCOUNT, {**organization, **team})
        for id, model in _SETTINGS.items():
            if self._maybe():
                self._put(Kind.SETTINGS, id, self._body(model))
        for kind in ORDER[2:]:
            for type in self._types(kind):
                self._object(kind, type)
        pages = {"forbidden": self._some_id(Kind.CUSTOM_PAGE), "identity_denied": "<p>no</p>"}
        if pages["forbidden"] is not None and self._maybe():
            self.bodies[Kind.ORGANIZATION, ACCOUNT]["custom_pages"] = pages

    def _types(self, kind: Kind) -> Sequence[str]:
        known = _TYPES.get(kind, ("", ""))
        return known if self.whole else self.draw(st.lists(st.sampled_from(known), max_size=3))

    def _maybe(self) -> bool:
        return self.whole or self.draw(st.booleans())

    def _object(self, kind: Kind, type: str) -> None:
        if type in ("onetimepin", "app_launcher", "warp") and self._has(kind, type):
            return
        if type == "mcp" and not self.ids[Kind.MCP_SERVER]:
            return
        name = self.draw(st.one_of(TEXT, st.sampled_from(ODD)).filter(str.strip))[:90]
        taken = any(one.get("name") == name for (of, _), one in self.bodies.items() if of is kind)
        id = str(uuid.UUID(int=self.draw(st.integers(0, 2**128 - 1))))
        if not taken and self.draw(st.booleans()):
            id = id_for(kind.value, name)
        if kind is Kind.TAG:
            id = name
        if kind in (Kind.MCP_SERVER, Kind.MCP_PORTAL):
            id = f"tool-{len(self.ids[kind])}"
        model = body_model(kind.value, {"type": type})
        drawn = self._body(model, type=type, name=name)
        if type in ("self_hosted", "mcp_portal"):
            drawn["domain"] = next(self._hosts)
        self._put(kind, id, _repaired(kind, {**drawn, "name": name}, id))

    def _has(self, kind: Kind, type: str) -> bool:
        return any(one.get("type") == type for (of, _), one in self.bodies.items() if of is kind)

    def _body(self, model: type[BaseModel], type: str = "", name: str = "") -> dict[str, Any]:
        given: dict[str, Any] = {
            "name": TEXT.filter(str.strip),
            "aud": st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}"),
            "certificate": st.just(PEM),
            "crl": st.just(""),
            "custom_pages": self._ids(Kind.CUSTOM_PAGE),
            "OrganizationBody.custom_pages": st.just(NOTHING),
            "OrganizationBody.auth_domain": st.just("team.example.com"),
            "allowed_idps": self._ids(Kind.IDP),
            "tags": self._ids(Kind.TAG),
            "email_list_uuid": self._email_list(),
            "mcp_server_id": st.just(NOTHING),
            "server_id": self._id(Kind.MCP_SERVER),
            "policies": st.just([]),
            "destinations": st.just(NOTHING),
            "self_hosted_domains": st.just(NOTHING),
            "overrides": st.just([]),
            "name_by_idp": self._claims(),
            "CertificateBody.associated_hostnames": st.just([next(self._hosts)]),
            "email_addresses": st.just(["a@example.com"]),
        }
        for part in ("include", "require", "exclude"):
            given[part] = self._rules(least=part == "include")
        if type:
            given[f"{model.__name__}.type"] = st.just(type)
        return dict(self.draw(body(model, given, whole=self.whole)))

    def _id(self, kind: Kind) -> Any:
        known = self.ids[kind]
        return st.sampled_from(known) if known else st.just(NOTHING)

    def _email_list(self) -> Any:
        id = next(self._lists("EMAIL"), None)
        return st.just(NOTHING if id is None else id)

    def _some_id(self, kind: Kind) -> str | None:
        return self.ids[kind][0] if self.ids[kind] else None

    def _ids(self, kind: Kind) -> Any:
        known = self.ids[kind]
        return st.lists(st.sampled_from(known), unique=True, max_size=2) if known else st.just([])

    def _claims(self) -> Any:
        known = self.ids[Kind.IDP]
        return (
            st.dictionaries(st.sampled_from(known), TEXT.filter(str.strip))
            if known
            else st.just({})
        )

    def _rules(self, least: bool) -> Any:
        rules = list(self.rules())
        return st.lists(st.sampled_from(rules), min_size=int(least), max_size=4)

    def rules(self) -> Iterator[dict[str, Any]]:
        """One rule of each kind that can be written now."""
        first = {kind: self._some_id(kind) for kind in Kind}
        values = {
            "id": "x",
            "email": "a@example.com",
            "domain": "example.com",
            "ip": "203.0.113.0/24",
            "country_code": "PT",
            "common_name": "svc",
            "auth_method": "mfa",
            "evaluate_url": "https://a.example/e",
            "keys_url": "https://a.example/k",
            "user_risk_score": ["low"],
            "identity_provider_id": first[Kind.IDP],
            "token_id": first[Kind.SERVICE_TOKEN],
        }
        lists = {"email_list": "EMAIL", "ip_list": "IP"}
        for selector in ALL:
            found = {**values}
            if selector.kind in lists:
                found["id"] = next(self._lists(lists[selector.kind]), None)
            if selector.kind == "login_method":
                found["id"] = first[Kind.IDP]
            rule = {name: found.get(name, "some text") for name in selector.members}
            if None not in rule.values() and selector.kind != "linked_app_token":
                yield {selector.kind: rule}
        if first[Kind.GROUP]:
            yield {"group": {"id": first[Kind.GROUP]}}

    def _lists(self, type: str) -> Iterator[str]:
        return (id for id in self.ids[Kind.LIST] if self.bodies[Kind.LIST, id]["type"] == type)

    def _put(self, kind: Kind, id: str, drawn: dict[str, Any]) -> None:
        if (kind, id) in self.bodies:
            return
        if kind is Kind.APPLICATION:
            drawn["policies"] = list(self._links(id))
        self.bodies[kind, id] = stored(kind, id, drawn)
        self.ids[kind].append(id)

    def _links(self, application: str) -> Iterator[dict[str, Any]]:
        """Reusable policies and own ones, in any order of precedence."""
        ids = list(self.draw(self._ids(Kind.POLICY)))
        for nth in range(2 if self.whole else self.draw(st.integers(0, 2))):
            drawn = _repaired(Kind.POLICY, self._body(body_model("policy", {}), name="-"), "")
            own = self.draw(st.sampled_from(["own", "1e5"]))
            id = (
                id_for("policy", application, own, str(nth))
                if self._maybe()
                else f"p-{nth}-{application}"
            )
            self.bodies[Kind.POLICY, id] = stored(
                Kind.POLICY, id, {**drawn, "name": own, "reusable": False}
            )
            ids.append(id)
        numbers = self.draw(st.permutations(range(1, len(ids) + 1)))
        for id, number in zip(ids, numbers, strict=True):
            yield {"id": id, "precedence": number}


def _repaired(kind: Kind, drawn: dict[str, Any], id: str) -> dict[str, Any]:
    """What was drawn, without members that do not go together."""
    match kind:
        case Kind.POLICY:
            drawn |= {"isolation_required": False, "reusable": True}
            if not drawn.get("approval_groups"):
                drawn["approval_required"] = False
            if drawn["decision"] != "allow":
                drawn |= {part: [{"everyone": {}}] for part in ("include", "require", "exclude")}
        case Kind.APPLICATION:
            return _application(drawn)
        case Kind.IDP if drawn["type"] == "onetimepin":
            drawn.pop("scim_config", None)
        case Kind.IDP if drawn["type"] == "oidc":
            urls = ("auth_url", "token_url", "certs_url")
            drawn["config"] |= dict.fromkeys(urls, "https://idp.example/x")
        case Kind.LIST:
            values = ["a@example.com", "b@example.com"]
            if drawn["type"] == "IP":
                values = ["203.0.113.7", "2001:DB8::/32"]
            drawn["items"] = [
                {**item, "value": value}
                for item, value in zip(drawn.get("items", []), values, strict=False)
            ]
        case Kind.MCP_SERVER:
            drawn["id"] = id
        case Kind.MCP_PORTAL:
            drawn |= {"id": id, "code_mode": "opt_in", "allow_code_mode": True}
            servers = [one for one in drawn.get("servers", ()) if "server_id" in one]
            drawn["servers"] = list({one["server_id"]: one for one in servers}.values())
        case _:
            pass
    return drawn


def _application(drawn: dict[str, Any]) -> dict[str, Any]:
    if drawn.get("cors_headers") is not None:
        drawn["options_preflight_bypass"] = False
        drawn["cors_headers"] |= {"allow_all_methods": False, "allow_all_origins": True}
        drawn["cors_headers"] |= {"allowed_methods": ["GET"], "allowed_origins": []}
        drawn["cors_headers"] |= {"allow_credentials": False, "allow_all_headers": False}
    host = drawn.get("domain", "")
    match drawn["type"]:
        case "self_hosted":
            opened = [{"path_pattern": "/open/*", "behavior": "public"}]
            drawn["destinations"] = [
                {"type": "public", "uri": f"{host}/docs"},
                {"type": "public", "uri": host, "overrides": opened},
            ]
        case "mcp":
            drawn.pop("domain", None)
            place = {"type": "via_mcp_server_portal", "mcp_server_id": "tool-0"}
            drawn["destinations"] = [place]
        case "bookmark":
            drawn["domain"] = "https://wiki.example.com/x"
        case "saas":
            drawn["saas_app"]["redirect_uris"] = ["https://saas.example/callback"]
        case _:
            pass
    return drawn


def stored(kind: Kind, id: str, drawn: dict[str, Any]) -> dict[str, Any]:
    """A body as the store keeps it: valid, complete, and without secrets."""
    value: Wire = (
        _SETTINGS[id].model_validate(drawn)
        if kind is Kind.SETTINGS
        else parse_body(kind.value, drawn)
    )
    shown = json.loads(json.dumps(wire(value)))
    for holder in (shown, shown.get("config") or {}, shown.get("saas_app") or {}):
        for name in _SECRETS:
            holder.pop(name, None)
    if kind is Kind.APPLICATION and "policies" in drawn:
        shown["policies"] = drawn["policies"]
    return completed(FileObject(kind.value, id, "", shown, ()), {})


@st.composite
def stocks(draw: Draw, *, whole: bool = False) -> Stock:
    """What an installation holds."""
    world = World(draw, whole=whole)
    world.make()
    stock = stock_of(world.bodies)
    assume(compiles(stock))
    return stock


def stock_of(bodies: dict[tuple[Kind, str], dict[str, Any]]) -> Stock:
    """Bodies as stored objects."""
    return Stock(
        1,
        {
            (kind, id): Object(kind, id, body, NOW, NOW, NOW, 1, Source.API, seq)
            for seq, ((kind, id), body) in enumerate(bodies.items())
        },
    )


def compiles(stock: Stock) -> bool:
    """Whether the core takes all of it."""
    objects = [
        FileObject(one.kind.value, one.id, "", one.body, ()) for one in stock.objects.values()
    ]
    try:
        records = to_records(objects, SETTINGS)
        setting = Setting(SETTINGS.team, country_known=True)
        compile_snapshot(records, setting, Keyring((), ()), Revocations(), 0, EPOCH)
    except InvalidConfiguration:
        return False
    return True
