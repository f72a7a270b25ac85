"""Makes of an account what `apply` can make of an installation, and says what it cannot be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lychgate.api.applications import SUPPORTED
from lychgate.config.naming import ACCOUNT
from lychgate.importing.account import Account, Raw
from lychgate.importing.bodies import Body, Unfit, fit, lost
from lychgate.importing.calls import ImportFailed
from lychgate.importing.rules import Rules, without_source
from lychgate.store.base import Kind, ObjectKey

_PLACES = ("public", "via_mcp_server_portal")
_MASKED = "*"


@dataclass(slots=True)
class Translated:
    """Bodies as the store would hold them, and everything a person should know of them."""

    bodies: dict[ObjectKey, Body] = field(default_factory=dict)
    comments: dict[ObjectKey, list[str]] = field(default_factory=dict)
    certificates: list[Raw] = field(default_factory=list)
    """Authorities whose PEM cannot be read there."""
    left_out: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    not_enforced: list[str] = field(default_factory=list)


def translate(account: Account) -> Translated:
    """Everything of an account that can be something here; raises ImportFailed for other forms."""
    work = _Work(account)
    try:
        work.run()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ImportFailed(
            "the answers of the API have another form than Cloudflare's",
            "is `--base-url` the address of such an API?",
        ) from error
    return work.done


class _Work:
    def __init__(self, account: Account) -> None:
        self._account = account
        self.done = Translated()
        self._rules = Rules(set(), self.done.changed)
        self._seen: set[str] = set()
        """Policies that were looked at."""

    def run(self) -> None:
        """Section by section, what is named before what names it."""
        self._plain(Kind.IDP, "identity_providers", _provider)
        self._plain(Kind.LIST, "lists", _list)
        self._plain(Kind.SERVICE_TOKEN, "service_tokens", dict)
        self._plain(Kind.TAG, "tags", dict)
        self._plain(Kind.CUSTOM_PAGE, "custom_pages", dict)
        self._plain(Kind.MCP_SERVER, "mcp_servers", _server)
        self._plain(Kind.MCP_PORTAL, "mcp_portals", self._portal)
        self.done.certificates = self._account.objects("certificates")
        applications = self._account.objects("applications")
        whole = [raw for raw in applications if self._application(raw)]
        self._groups()
        for raw in self._account.objects("policies"):
            self._policy(raw, reusable=True)
        for raw in whole:
            self._link(raw)
        self._settings()
        for kind in without_source(self.done.bodies.values()):
            self.done.not_enforced.append(f"rules of kind `{kind}` are kept and never count")

    def _put(self, kind: Kind, id: str, body: Body, raw: Mapping[str, Any]) -> None:
        self.done.bodies[kind, id] = body
        self._rules.known.add((kind.value, id))
        gone = list(lost({**raw, "policies": None}, body))
        if gone:
            self._comment((kind, id), f"not here: {', '.join(gone)}")
        if "mfa_config" in body:
            self.done.not_enforced.append(f"mfa_config of `{body.get('name', id)}` is kept only")

    def _comment(self, key: ObjectKey, text: str) -> None:
        self.done.comments.setdefault(key, []).append(text)

    def _plain(self, kind: Kind, section: str, prepare: Any) -> None:
        for raw in self._account.objects(section):
            id = str(raw.get("uid") or raw.get("id") or raw.get("name") or "")
            try:
                body = fit(kind.value, prepare(raw))
            except Unfit as error:
                self._leave_out(section, raw, str(error))
                continue
            self._put(kind, id, body, raw)
            if body.get("type") == "saml":
                self.done.not_enforced.append(f"nobody can log in with `{body['name']}` (SAML)")

    def _leave_out(self, section: str, raw: Mapping[str, Any], why: str) -> None:
        self.done.left_out.append(f"{section}: `{raw.get('name') or raw.get('id')}`: {why}")

    def _portal(self, raw: Raw) -> Raw:
        known = self.done.bodies
        servers = [
            {**_renamed(one), "server_id": id}
            for one in raw.get("servers") or ()
            if (Kind.MCP_SERVER, id := str(one.get("server_id") or one.get("id"))) in known
        ]
        return {**raw, "servers": servers}

    def _groups(self) -> None:
        for raw in self._rules.groups(self._account.objects("groups")):
            try:
                self._put(Kind.GROUP, str(raw["id"]), fit("group", raw), raw)
            except Unfit as error:
                self._leave_out("groups", raw, str(error))
                self._rules.known.discard(("group", str(raw["id"])))

    def _policy(self, raw: Raw, *, reusable: bool) -> bool:
        """Whether the policy is among those that are written now."""
        id = str(raw.get("id"))
        self._seen.add(id)
        sound = self._rules.policy(raw)
        if sound is None:
            return False
        try:
            body = fit("policy", {**sound, "reusable": reusable})
        except Unfit as error:
            if str(raw.get("decision")) != "deny":
                self._leave_out("policies", raw, str(error))
                return False
            body = fit("policy", {**_block_everybody(raw), "reusable": reusable})
            self.done.changed.append(f"the Block policy `{raw.get('name')}` now blocks everybody")
        self._put(Kind.POLICY, id, body, sound)
        return True

    def _application(self, raw: Raw) -> bool:
        """Whether the application is written as what it is."""
        id = str(raw.get("id") or raw.get("uid"))
        try:
            self._put(Kind.APPLICATION, id, self._fit_application(raw), raw)
        except Unfit as error:
            self._leave_out("applications", raw, str(error))
            self._close(id, raw)
            return False
        return True

    def _link(self, raw: Raw) -> None:
        key = (Kind.APPLICATION, str(raw.get("id") or raw.get("uid")))
        try:
            self.done.bodies[key]["policies"] = self._links(raw)
        except Unfit as error:
            self.done.bodies[key]["policies"] = []
            self.done.changed.append(f"nobody enters `{raw.get('name')}`: {error}")

    def _fit_application(self, raw: Raw) -> Body:
        if not _is_supported(raw):
            raise Unfit(f"there is nothing like the type `{_type(raw)}` here")
        body = {**raw, "policies": [], "scim_config": None}
        if raw.get("destinations"):
            places = [one for one in raw["destinations"] if self._place(one)]
            if len(places) < len(raw["destinations"]):
                self.done.changed.append(f"`{raw.get('name')}` loses destinations of other types")
            body |= {"destinations": places, "self_hosted_domains": None}
        for member, kind in (("allowed_idps", "identity_provider"), ("tags", "tag")):
            given = raw.get(member) or ()
            body[member] = [one for one in given if (kind, one) in self._rules.known]
            if len(body[member]) < len(given):
                self.done.changed.append(f"`{raw.get('name')}` loses some of its {member}")
        pages = raw.get("custom_pages") or ()
        body["custom_pages"] = [one for one in pages if ("custom_page", one) in self._rules.known]
        if raw.get("allowed_idps") and not body["allowed_idps"]:
            raise Unfit("none of the identity providers that it allows is imported")
        if not body.get("http_only_cookie_attribute"):
            # There it reads back as off when nobody ever set it.
            body["http_only_cookie_attribute"] = None
        if _type(raw) in ("app_launcher", "warp"):
            body["domain"] = None
        if isinstance(raw.get("saas_app"), Mapping):
            body["saas_app"] = {**raw["saas_app"], "client_secret": None, "public_key": None}
        return fit("application", body)

    def _place(self, place: Any) -> bool:
        if not isinstance(place, Mapping) or place.get("type", "public") not in _PLACES:
            return False
        server = place.get("mcp_server_id")
        return server is None or ("mcp_server", server) in self._rules.known

    def _links(self, raw: Raw) -> list[Body]:
        """The policies that can be written, those of this application alone among the objects."""
        links: list[Body] = []
        for index, one in enumerate(raw.get("policies") or (), start=1):
            policy = one if isinstance(one, dict) else {"id": one}
            id = str(policy.get("id"))
            if id not in self._seen:
                if not policy.get("include"):
                    raise Unfit(f"its policy `{id}` could not be read")
                self._policy(policy, reusable=bool(policy.get("reusable")))
            if (Kind.POLICY, id) in self.done.bodies:
                number = policy.get("precedence")
                links.append({"id": id, "precedence": number if isinstance(number, int) else index})
        return links

    def _close(self, id: str, raw: Raw) -> None:
        """Keep the hosts of an application closed: a wider one must not take its place."""
        uris = [
            place.get("uri")
            for place in raw.get("destinations") or ()
            if isinstance(place, Mapping) and place.get("type", "public") == "public"
        ]
        uris = [uri for uri in uris if uri] or [raw.get("domain")]
        stands_in = {
            "type": "self_hosted",
            "name": raw.get("name") or id,
            "aud": raw.get("aud"),
            "destinations": [{"type": "public", "uri": uri} for uri in uris],
        }
        if _type(raw) in ("saas", "bookmark", "app_launcher", "warp", "dash_sso", "infrastructure"):
            return
        try:
            body = fit("application", stands_in)
        except Unfit:
            return
        self.done.bodies[Kind.APPLICATION, id] = {**body, "policies": []}
        self._rules.known.add(("application", id))
        self._comment((Kind.APPLICATION, id), "in place of one that cannot be here: nobody enters")

    def _settings(self) -> None:
        organization = dict(self._account.single("organization"))
        if organization:
            organization.pop("auth_domain", None)
            if organization.pop("deny_unmatched_requests", None) is False:
                text = "what no application matches is refused here, until you switch it off"
                self.done.changed.append(f"deny_unmatched_requests: {text}")
            pages = organization.get("custom_pages") or {}
            known = {k: v for k, v in pages.items() if ("custom_page", v) in self._rules.known}
            organization["custom_pages"] = known or None
            self._single(Kind.ORGANIZATION, ACCOUNT, "organization", organization)
        days = self._account.single("keys").get("key_rotation_interval_days")
        if isinstance(days, int) and 21 <= days <= 365:
            self.done.bodies[Kind.SETTINGS, "keys"] = {"key_rotation_interval_days": days}
        hosts = self._account.objects("certificate_settings")
        if hosts:
            self.done.bodies[Kind.SETTINGS, "certificates"] = {"settings": hosts}

    def _single(self, kind: Kind, id: str, section: str, raw: Raw) -> None:
        try:
            self._put(kind, id, fit(kind.value, raw), raw)
        except Unfit as error:
            self._leave_out(section, {"name": section}, str(error))


def _provider(raw: Raw) -> Raw:
    config = {
        name: value
        for name, value in (raw.get("config") or {}).items()
        if name != "redirect_url" and not (name == "client_secret" and _MASKED in str(value))
    }
    config.pop("client_secret", None)
    return {**raw, "config": config, "scim_config": None, "saml_certificate_set_id": None}


def _server(raw: Raw) -> Raw:
    # Text from there could be a secret, or name a variable of whoever applies the file.
    return {**raw, "auth_credentials": None, "client_secret": None}


def _list(raw: Raw) -> Raw:
    entries = [
        {name: one[name] for name in ("value", "description") if one.get(name)}
        for one in raw.get("items", ())
    ]
    return {**raw, "items": entries}


def _renamed(server: Mapping[str, Any]) -> Body:
    """A server as a portal names it: its changes under their own names."""
    body: Body = {
        name: server[name] for name in ("default_disabled", "on_behalf") if name in server
    }
    for part in ("updated_tools", "updated_prompts"):
        if server.get(part):
            body[part] = [
                {name.removeprefix("portal_"): value for name, value in one.items()}
                for one in server[part]
            ]
    return body


def _type(raw: Mapping[str, Any]) -> str:
    return str(raw.get("type", "")).lower()


def _is_supported(raw: Mapping[str, Any]) -> bool:
    saas = raw.get("saas_app")
    oidc = not isinstance(saas, Mapping) or saas.get("auth_type") == "oidc"
    return _type(raw) in SUPPORTED and oidc


def _block_everybody(raw: Raw) -> Body:
    return {"name": raw.get("name") or "-", "decision": "deny", "include": [{"everyone": {}}]}
