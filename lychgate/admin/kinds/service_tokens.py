"""Service tokens: secrets appear in the one answer that makes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from lychgate import service_tokens as life
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
    name_is,
    name_or_id_has,
    times,
)
from lychgate.admin.scopes import Area
from lychgate.admin.shapes.acts import RotationBody
from lychgate.admin.shapes.objects import FRESH_TOKEN, SERVICE_TOKEN
from lychgate.admin.shapes.shown import Takes, one
from lychgate.api import parse_body
from lychgate.api.base import parse_time, wire
from lychgate.api.service_tokens import ServiceTokenBody
from lychgate.core.model import TokenId
from lychgate.store.base import Catalogue, Edit, Kind, Object, Put

_SHOWN = ("name", "client_id", "duration", "enabled", "client_secret_version")
_SENT = ("name", "duration", "enabled", "client_secret_version")
_PREVIOUS = "previous_client_secret_expires_at"


def _show(objects: Sequence[Object], office: Office) -> list[Body]:
    used = office.store.token_uses.last()
    return [_one(stored, used) for stored in objects]


def _one(stored: Object, used: Mapping[TokenId, Any]) -> Body:
    body = {name: stored.body[name] for name in _SHOWN if name in stored.body}
    last = used.get(TokenId(stored.id))
    return {
        "id": stored.id,
        "duration": life.DEFAULT_DURATION,
        "enabled": True,
        **body,
        "expires_at": shown_time(life.expires_at(stored.body)),
        **({} if last is None else {"last_seen_at": shown_time(last)}),
        **times(stored),
    }


def _prepare(wish: Wish) -> Prepared:
    sent = {name: wish.sent[name] for name in _SENT if wish.sent.get(name) is not None}
    checked = wire(parse_body(Kind.SERVICE_TOKEN, sent))
    if wish.before is None:
        return _created(wish, checked)
    return _updated(wish, wish.before.body, checked)


def _created(wish: Wish, sent: Mapping[str, Any]) -> Prepared:
    issued = life.create(sent["name"], sent.get("duration"), wish.random, wish.now)
    return _issued(wish, life.Issued({**issued.body, **sent}, issued.secret))


def _updated(wish: Wish, before: life.Body, sent: Mapping[str, Any]) -> Prepared:
    body: life.Body = {**before, "name": sent["name"], "enabled": sent.get("enabled", True)}
    if sent.get("duration", before.get("duration")) != before.get("duration"):
        body = life.change_duration(body, sent["duration"], wish.now)
    ends = _previous_end(wish.given.get(_PREVIOUS))
    moved = _version(sent, before)
    if moved:
        issued = life.rotate(body, ends, wish.random, wish.now)
        return _issued(wish, life.Issued({**issued.body, **moved}, issued.secret))
    if ends is not None:
        body = life.end_previous(body, ends, wish.now)
    return Prepared([Put(Kind.SERVICE_TOKEN, wish.id, body)])


def _version(sent: Mapping[str, Any], before: life.Body) -> Mapping[str, Any]:
    """The version that a PUT raises, which asks for a new secret."""
    now = before.get("client_secret_version", 1)
    wanted = sent.get("client_secret_version") or now
    if wanted < now:
        raise invalid("client_secret_version cannot go back")
    return {"client_secret_version": wanted} if wanted > now else {}


def _previous_end(text: Any) -> Any:
    if text is None:
        return None
    ends = parse_time(text) if isinstance(text, str) else None
    if ends is None:
        raise invalid(f"{_PREVIOUS} must be a time such as `2030-01-01T00:00:00Z`")
    return ends


def _issued(wish: Wish, issued: life.Issued) -> Prepared:
    put = Put(Kind.SERVICE_TOKEN, wish.id, issued.body)
    return Prepared([put], {"client_secret": issued.secret})


SERVICE_TOKENS = Resource(
    kind=Kind.SERVICE_TOKEN,
    path="/access/service_tokens",
    area=Area.SERVICE_TOKENS,
    word="service_tokens",
    takes=(ServiceTokenBody,),
    gives=(SERVICE_TOKEN,),
    gives_fresh=(FRESH_TOKEN,),
    gives_deleted=(SERVICE_TOKEN,),
    needs=(),
    zones=True,
    render=_show,
    prepare=_prepare,
    update=Update.PARTIAL,
    deleted=lambda _stored: None,
    filters={"name": name_is, "search": name_or_id_has},
)


@handler("rotate_service_token", one(FRESH_TOKEN), Takes((RotationBody,), optional=True))
def rotate(call: Call, office: Office) -> Answer:
    """Make a new secret; the old one dies now, or when the body says."""
    sent = call.body if isinstance(call.body, Mapping) else {}
    ends = _previous_end(sent.get(_PREVIOUS))
    secret: list[str] = []

    def next_body(stored: Object) -> life.Body:
        issued = life.rotate(stored.body, ends, office.random, office.clock())
        secret[:] = [issued.secret]
        return issued.body

    answer = _change(call, office, next_body)
    return done({**answer, "client_secret": secret[0]})


@handler("refresh_service_token", one(SERVICE_TOKEN))
def refresh(call: Call, office: Office) -> Answer:
    """Begin the lifetime of a service token again."""
    return done(_change(call, office, lambda stored: life.refresh(stored.body, office.clock())))


def _change(call: Call, office: Office, change: Any) -> Body:
    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        stored = call.may_edit(existing(SERVICE_TOKENS, call.id, catalogue))
        return [Put(Kind.SERVICE_TOKEN, stored.id, change(stored))]

    office.change(call, plan)
    return SERVICE_TOKENS.one(existing(SERVICE_TOKENS, call.id, office.store), office)
