"""Applications: every type, their policies expanded when shown and split off when stored."""

from collections.abc import Mapping, Sequence
from typing import Any

from lychgate.admin.calls import Office
from lychgate.admin.kinds.policies import is_reusable, show_policy
from lychgate.admin.kinds.policysplit import Split, split_policies
from lychgate.admin.kinds.saas import as_sent, new_client_secret, without_secrets
from lychgate.admin.refusals import conflict, invalid, unknown_application
from lychgate.admin.resource import Body, Prepared, Resource, Wish, name_is, times
from lychgate.admin.scopes import Area
from lychgate.admin.shapes.objects import APPLICATIONS as APPLICATIONS_SHOWN
from lychgate.admin.shapes.shown import Asks
from lychgate.api import audience_of, parse_body
from lychgate.api.applications import BY_TYPE, ApplicationBody, ReachableBody
from lychgate.api.base import wire
from lychgate.api.saas import to_keep
from lychgate.store.base import Catalogue, Delete, Edit, Kind, Object, Put

_ALWAYS: Mapping[str, Any] = {
    "allowed_idps": [],
    "tags": [],
    "auto_redirect_to_identity": False,
    "session_duration": "24h",
}
_ALWAYS_REACHABLE: Mapping[str, Any] = {
    "enable_binding_cookie": False,
    "http_only_cookie_attribute": False,
    "options_preflight_bypass": False,
}
REACHABLE = frozenset({"self_hosted", "mcp", "mcp_portal"})
"""The types that a proxy stands in front of."""
_ON_THE_LAUNCHER = frozenset({"self_hosted", "saas", "bookmark"})
"""The types whose tile is visible unless it is switched off; the others have none to speak of."""
_SINGLE = frozenset({"app_launcher", "warp"})
_COMPUTED = ("id", "uid", "aud", "created_at", "updated_at")


def show_applications(objects: Sequence[Object], office: Office) -> list[Body]:
    """Applications as they are shown."""
    ids = [link["id"] for one in objects for link in one.body.get("policies", ())]
    policies = office.store.some(Kind.POLICY, ids)
    return [{**_show(one, policies), **_saas(one, office)} for one in objects]


def _show(stored: Object, policies: Mapping[str, Object]) -> Body:
    body = {name: value for name, value in stored.body.items() if not _is_unset(name, value)}
    reachable = body["type"] in REACHABLE
    return {
        "id": stored.id,
        "uid": stored.id,
        **_ALWAYS,
        **({"app_launcher_visible": True} if body["type"] in _ON_THE_LAUNCHER else {}),
        **(_ALWAYS_REACHABLE if reachable else {}),
        **body,
        **(_places(stored) if reachable else {}),
        **_defaults_inside(body),
        "tags": sorted(body.get("tags", ())),
        "policies": linked_policies(stored, policies),
        **times(stored),
    }


def _saas(stored: Object, office: Office) -> Body:
    """The SaaS part with the certificate that its tokens are signed under, without secrets."""
    saas = stored.body.get("saas_app")
    if saas is None:
        return {}
    key = office.snapshot().keyring.current(office.clock())
    return {"saas_app": {**without_secrets(saas), "public_key": key.certificate_pem}}


def _is_unset(name: str, value: Any) -> bool:
    return name == "custom_pages" and not value


def _defaults_inside(body: Mapping[str, Any]) -> Body:
    design = body.get("landing_page_design")
    return {} if design is None else {"landing_page_design": {"title": "Welcome!", **design}}


def _places(stored: Object) -> Body:
    value = parse_body(Kind.APPLICATION, stored.body)
    if not isinstance(value, ReachableBody):
        return {}
    places = [{"type": "public", **wire(place)} for place in value.places()]
    uris = [place["uri"] for place in places if "uri" in place]
    domain = {"domain": uris[0]} if uris and "domain" not in stored.body else {}
    return {**domain, "destinations": places, "self_hosted_domains": uris}


def linked_policies(stored: Object, policies: Mapping[str, Object]) -> list[Body]:
    """The policies of an application in their order, each whole and with its precedence."""
    links = sorted(stored.body.get("policies", ()), key=lambda link: int(link["precedence"]))
    return [
        {**show_policy(policies[link["id"]]), "precedence": link["precedence"]}
        for link in links
        if link["id"] in policies
    ]


def prepare_application(wish: Wish) -> Prepared:
    """The application, the policies that live in it, and those that go with this change."""
    sent = {name: value for name, value in wish.sent.items() if name not in _COMPUTED}
    before = wish.before
    if before is not None:
        _same_type(sent, before)
    kept = before.body.get("policies", []) if before is not None else []
    if sent.get("policies") is None:
        sent["policies"] = kept
    sent["scim_config"] = _without_credentials(sent.get("scim_config"))
    saas = sent.get("saas_app")
    if isinstance(saas, Mapping):
        sent["saas_app"] = as_sent(saas)
    value = parse_body(Kind.APPLICATION, sent)
    if not isinstance(value, ApplicationBody):
        raise invalid("unsupported type")
    _only_one(wish, value.type)
    split = split_policies(value, kept, wish.catalogue)
    body = _body(wish, value, split)
    shown = _saas_secret(wish, body)
    return Prepared([*split.edits, Put(Kind.APPLICATION, wish.id, body), *split.gone], shown)


def _body(wish: Wish, value: ApplicationBody, split: Split) -> Body:
    before = wish.before.body if wish.before is not None else {}
    body = wire(value)
    body["aud"] = before.get("aud") or audience_of(wish.id)
    body["policies"] = split.links
    if not body.get("custom_pages"):
        body.pop("custom_pages", None)
    return body


def _saas_secret(wish: Wish, body: Body) -> Body:
    """Complete `saas_app`; on creation its secret, which is shown in that one answer."""
    if "saas_app" not in body:
        return {}
    before = (wish.before.body if wish.before is not None else {}).get("saas_app")
    if before is not None:
        kept = {
            name: before[name] for name in ("client_id", "client_secret_hash") if name in before
        }
        body["saas_app"] = {**body["saas_app"], **kept}
        return {}
    secret = new_client_secret(wish.random)
    body["saas_app"] = to_keep(wish.id, {**body["saas_app"], "client_secret": secret})
    return {"saas_app": {"client_secret": secret}}


def _same_type(sent: Mapping[str, Any], before: Object) -> None:
    if str(sent.get("type", "")).lower() not in ("", before.body["type"]):
        raise invalid("the type of an application cannot change")


def _only_one(wish: Wish, type: str) -> None:
    if wish.before is not None or type not in _SINGLE:
        return
    if any(one.body["type"] == type for one in wish.catalogue.holding(Kind.APPLICATION, type)):
        raise conflict(f"there is an application of type {type} already")


_CREDENTIALS = frozenset({"password", "token", "client_secret"})


def _without_credentials(value: Any) -> Any:
    """SCIM towards applications does nothing here, so that its credentials are not even kept."""
    if isinstance(value, Mapping):
        return {
            name: _without_credentials(inner)
            for name, inner in value.items()
            if name not in _CREDENTIALS
        }
    if isinstance(value, list):
        return [_without_credentials(inner) for inner in value]
    return value


def _remove(stored: Object, catalogue: Catalogue) -> Sequence[Edit]:
    ids = [link["id"] for link in stored.body.get("policies", ())]
    found = (catalogue.object(Kind.POLICY, id) for id in ids)
    own = [one for one in found if one is not None and not is_reusable(one)]
    gone = [Delete(Kind.POLICY, one.id) for one in own]
    return [Delete(Kind.APPLICATION, stored.id), *gone]


def _domains(stored: Object) -> list[str]:
    places = [place.get("uri", "") for place in stored.body.get("destinations", ())]
    return [*filter(None, [stored.body.get("domain"), *places])]


def _searched(stored: Object, text: str) -> bool:
    words = [str(stored.body.get("name", "")), stored.id, *_domains(stored)]
    return any(text.lower() in word.lower() for word in words)


APPLICATIONS = Resource(
    kind=Kind.APPLICATION,
    path="/access/apps",
    area=Area.APPS,
    word="applications",
    takes=tuple(BY_TYPE.values()),
    gives=APPLICATIONS_SHOWN,
    zones=True,
    render=show_applications,
    prepare=prepare_application,
    remove=_remove,
    missing=unknown_application,
    filters={
        "name": lambda stored, text: text.lower() in str(stored.body.get("name", "")).lower(),
        "domain": lambda stored, text: any(text in one for one in _domains(stored)),
        "aud": lambda stored, text: bool(stored.body.get("aud") == text),
        "search": _searched,
    },
    exact={
        "name": name_is,
        "domain": lambda stored, text: text in _domains(stored),
    },
    asks=(Asks("exact", bool, "`name` and `domain` are whole ones."),),
)
