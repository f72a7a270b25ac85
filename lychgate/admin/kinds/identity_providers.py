"""Identity providers: their secrets come in and never go out."""

import copy
from collections.abc import Sequence
from typing import Any

from lychgate.admin.calls import Office
from lychgate.admin.refusals import conflict, invalid
from lychgate.admin.resource import Body, Prepared, Resource, Wish
from lychgate.admin.scopes import Area
from lychgate.admin.shapes.objects import PROVIDERS
from lychgate.api import parse_body
from lychgate.api.base import wire
from lychgate.api.identity_providers import (
    BY_TYPE,
    ProviderBody,
    goes_elsewhere,
    takes_secret,
)
from lychgate.core.urls import CALLBACK
from lychgate.store.base import Kind, Object, Put

_PIN = "onetimepin"
_NO_SCIM = {
    "enabled": False,
    "identity_update_behavior": "no_action",
    "seat_deprovision": False,
    "user_deprovision": False,
}
"""Directories are not synchronised; whoever asks for it is told so."""


def _show(objects: Sequence[Object], office: Office) -> list[Body]:
    return [_one(stored, office) for stored in objects]


def _one(stored: Object, office: Office) -> Body:
    config = dict(stored.body.get("config") or {})
    config.pop("redirect_url", None)
    if stored.body["type"] == _PIN:
        config["redirect_url"] = f"{office.settings.team.url}{CALLBACK}"
    body = {"id": stored.id, "name": "", **stored.body, "config": config, "read_only": False}
    if "scim_config" in stored.body:
        body["scim_config"] = dict(_NO_SCIM)
    return body


def _prepare(wish: Wish) -> Prepared:
    sent = dict(wish.sent)
    if wish.before is not None:
        kind = wish.before.body["type"]
        if str(sent.setdefault("type", kind)).lower() != kind.lower():
            raise invalid("the type of an identity provider cannot change")
    if "config" not in sent and sent.get("type") != _PIN:
        raise invalid("config is a required field")
    value = parse_body(Kind.IDP, sent)
    body: dict[str, Any] = copy.deepcopy(wire(value))
    if body.get("scim_config") is not None:
        body["scim_config"] = dict(_NO_SCIM)
    secret = body.setdefault("config", {}).pop("client_secret", None)
    _single_pin(wish, body["type"])
    if secret is None and wish.before is None and _needs_secret(value):
        raise invalid("client_secret is a required field")
    if secret is None and wish.before is not None and goes_elsewhere(wish.before.body, body):
        raise invalid("client_secret is a required field when an address of the provider changes")
    secrets = None if secret is None else {"client_secret": secret}
    return Prepared([Put(Kind.IDP, wish.id, body, secrets)])


def _needs_secret(value: object) -> bool:
    return isinstance(value, ProviderBody) and takes_secret(value)


def _single_pin(wish: Wish, type: str) -> None:
    if type != _PIN or wish.before is not None:
        return
    if any(one.body["type"] == _PIN for one in wish.catalogue.objects(Kind.IDP)):
        raise conflict("there is a onetimepin identity provider already")


IDENTITY_PROVIDERS = Resource(
    kind=Kind.IDP,
    path="/access/identity_providers",
    area=Area.ORGANIZATION,
    word="identity_providers",
    takes=tuple(dict.fromkeys(BY_TYPE.values())),
    gives=PROVIDERS,
    zones=True,
    render=_show,
    prepare=_prepare,
    # Only those that take part in SCIM, and none does.
    filters={"scim_enabled": lambda _stored, text: text.lower() != "true"},
)
