"""How a stored object is written in a file: names in place of ids, nothing that is computed."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lychgate.api import audience_of, client_id_of
from lychgate.api.saas import saas_client_id
from lychgate.config.completing import SECRET_OF_TOKENS
from lychgate.config.items import called
from lychgate.config.naming import id_for, mentions
from lychgate.files.stock import Body
from lychgate.store.base import Kind
from lychgate.store.deciding import owned_by_another

_FIRST = ("id", "name", "type", "decision", "domain", "include", "require", "exclude")
_HASHES = tuple(name for name in SECRET_OF_TOKENS if name.endswith("hash"))
_OF_HASHES = (*_HASHES, "previous_client_secret_expires_at")
CHOSEN_IDS = (Kind.MCP_SERVER, Kind.MCP_PORTAL)
"""Kinds whose ids their authors chose; they are known by those."""
_WITHOUT_ID = (Kind.ORGANIZATION, Kind.SETTINGS, Kind.TAG, *CHOSEN_IDS)

type Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Directory:
    """Which objects a name alone tells from all others of their kind."""

    names: Mapping[tuple[str, str], str]
    """By kind and id."""

    @classmethod
    def of(cls, objects: Iterable[tuple[str, str, str]]) -> "Directory":
        """From kind, id and name of every object that can be named."""
        known = list(objects)
        ids = {(kind, id) for kind, id, _ in known}
        many: dict[tuple[str, str], int] = {}
        for kind, _, name in known:
            many[kind, name] = many.get((kind, name), 0) + 1
        return cls(
            {
                (kind, id): name
                for kind, id, name in known
                if name and many[kind, name] == 1 and (name == id or (kind, name) not in ids)
            }
        )

    def name(self, kind: str, id: str) -> str:
        """What a file calls an object."""
        return self.names.get((kind, id), id)


@dataclass(frozen=True, slots=True)
class Form:
    """Writes bodies for a file."""

    directory: Directory
    policy: Callable[[str], Body | None]
    """The body of a policy by its id."""
    hashes: bool = False
    """Whether hashes of secrets are written, so that their holders can go on."""

    def entry(self, kind: Kind, id: str, stored: Body) -> Entry:
        """One object as its section lists it."""
        body = copy.deepcopy(dict(stored))
        match kind:
            case Kind.ORGANIZATION:
                body.pop("auth_domain", None)
            case Kind.IDP:
                body = {"name": "", **body}
            case Kind.APPLICATION:
                self._application(id, body)
            case Kind.SERVICE_TOKEN:
                self._service_token(id, body)
            case Kind.POLICY:
                body.pop("reusable", None)
            case _:
                pass
        for mention in mentions(kind, body):
            mention.put(self.directory.name(mention.kind, mention.text))
        if kind is Kind.APPLICATION and "policies" in body:
            body["policies"] = _shortened(body["policies"])
        if kind not in _WITHOUT_ID and self._needs_id(kind, id, called(stored)):
            body["id"] = id
        return in_order(body)

    def _needs_id(self, kind: Kind, id: str, name: str) -> bool:
        known = self.directory.names.get((kind.value, id)) == name
        return not known or id != id_for(kind.value, name)

    def _application(self, id: str, body: Entry) -> None:
        if body.get("aud") == audience_of(id):
            del body["aud"]
        saas = body.get("saas_app", {})
        if saas.get("client_id") == saas_client_id(id):
            del saas["client_id"]
        if not self.hashes:
            saas.pop("client_secret_hash", None)
        if "policies" in body:
            seen: list[str] = []
            body["policies"] = [self._policy(id, link, seen) for link in body["policies"]]

    def _policy(self, application: str, link: Body, seen: list[str]) -> Entry:
        """A policy of an application: written out where it lives there and nowhere else."""
        policy = self.policy(link["id"])
        if policy is None or not owned_by_another(Kind.POLICY, policy):
            return dict(link)
        name = str(policy.get("name"))
        made = id_for("policy", application, name, str(seen.count(name)))
        seen.append(name)
        body = copy.deepcopy({key: value for key, value in policy.items() if key != "reusable"})
        own = {} if link["id"] == made else {"id": link["id"]}
        return {**body, **own, "precedence": link["precedence"]}

    def _service_token(self, id: str, body: Entry) -> None:
        if body.get("client_id") == client_id_of(id):
            del body["client_id"]
        for name in () if self.hashes else _OF_HASHES:
            body.pop(name, None)


def _shortened(policies: Iterable[Entry]) -> list[Any]:
    """Policies without the precedence that they have by their place, and links as bare names."""
    short: list[Any] = []
    before = 0
    for policy in policies:
        number = policy["precedence"]
        if number == before + 1:
            policy.pop("precedence")
        before = number
        short.append(policy["id"] if set(policy) == {"id"} else policy)
    return short


def in_order(body: Body) -> Entry:
    """Members in an order that does not depend on how they are stored."""
    names = sorted(body, key=lambda name: (_place(name), name))
    return {name: _inner(body[name]) for name in names}


def _inner(value: Any) -> Any:
    if isinstance(value, Mapping):
        return in_order(value)
    return [_inner(one) for one in value] if isinstance(value, list) else value


def _place(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def directory_of(bodies: Iterable[tuple[Kind, str, Body]]) -> Directory:
    """The names of all objects that stand in a section of their own."""
    return Directory.of(
        (kind.value, id, _known_by(kind, body))
        for kind, id, body in bodies
        if not owned_by_another(kind, body)
    )


def _known_by(kind: Kind, body: Body) -> str:
    """The name that may stand for the id; empty for none."""
    name = called(body)
    # Where a custom page may be named, HTML may stand as well.
    taken_for_html = kind is Kind.CUSTOM_PAGE and "<" in name
    return "" if kind in CHOSEN_IDS or taken_for_html else name
