"""List, get, create, update and delete, the same for every resource."""

import uuid
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from lychgate.admin.answers import Answer, done, listed
from lychgate.admin.calls import Call, Office, etag
from lychgate.admin.references import Lookup, refuse_unknown, users_of
from lychgate.admin.refusals import conflict, invalid, token_in_use
from lychgate.admin.resource import Prepared, Resource, Update, Wish
from lychgate.store.base import Catalogue, Edit, Kind, Object, Put

type Handler = Callable[[Call, Office], Answer]


def list_of(resource: Resource) -> Handler:
    """GET of the collection."""

    def handle(call: Call, office: Office) -> Answer:
        page, asked = call.paging, _asked(resource, call.query)
        if not resource.paged:
            found = _fitting(resource, office, asked)
            return done(resource.render(found, office))
        if not asked:
            some = office.store.page(resource.kind, page.per_page, page.offset)
            return listed(resource.render(some.items, office), page, some.total)
        found = _fitting(resource, office, asked)
        return listed(resource.render(page.cut(found), office), page, len(found))

    return handle


def _asked(resource: Resource, query: Mapping[str, str]) -> Mapping[str, str]:
    return {name: query[name] for name in resource.filters if query.get(name)}


def _fitting(resource: Resource, office: Office, asked: Mapping[str, str]) -> Sequence[Object]:
    return [
        one
        for one in office.store.listed(resource.kind)
        if all(resource.filters[name](one, text) for name, text in asked.items())
    ]


def get_of(resource: Resource) -> Handler:
    """GET of one object."""

    def handle(call: Call, office: Office) -> Answer:
        stored = existing(resource, call.id, office.store)
        return done(resource.one(stored, office), headers=(("etag", etag(stored)),))

    return handle


def existing(resource: Resource, id: str, among: Lookup) -> Object:
    """The object of that id; raises Refused when the resource has none."""
    stored = among.object(resource.kind, id)
    if stored is None or stored.owned:
        raise resource.missing()
    return stored


def create_of(resource: Resource) -> Handler:
    """POST to the collection."""

    def handle(call: Call, office: Office) -> Answer:
        id = _new_id(resource, call.members)
        shown: dict[str, Any] = {}

        def plan(catalogue: Catalogue) -> Sequence[Edit]:
            if resource.chosen_id and catalogue.object(resource.kind, id) is not None:
                raise conflict(f"there is one with the {resource.chosen_id} `{id}` already")
            prepared = resource.prepare(_wish(resource, call, id, None, catalogue, office))
            shown.update(prepared.shown)
            return _checked(prepared, catalogue)

        office.change(call, plan)
        return _stored(resource, id, office, shown, 201)

    return handle


def _new_id(resource: Resource, sent: Mapping[str, Any]) -> str:
    if not resource.chosen_id:
        return str(uuid.uuid4())
    given = sent.get(resource.chosen_id)
    if not isinstance(given, str) or not given:
        raise invalid(f"{resource.chosen_id} is a required field")
    return given


def update_of(resource: Resource) -> Handler:
    """PUT of one object."""

    def handle(call: Call, office: Office) -> Answer:
        shown: dict[str, Any] = {}
        target = [call.id]

        def plan(catalogue: Catalogue) -> Sequence[Edit]:
            before = call.may_edit(existing(resource, call.id, catalogue))
            prepared = resource.prepare(_wish(resource, call, call.id, before, catalogue, office))
            shown.update(prepared.shown)
            target[:] = [_main(prepared, resource.kind, call.id)]
            return _checked(prepared, catalogue)

        office.change(call, plan)
        return _stored(resource, target[0], office, shown, 200)

    return handle


def _main(prepared: Prepared, kind: Kind, id: str) -> str:
    """The id under which the object is found afterwards: a tag that is renamed gets another."""
    puts = [edit.id for edit in prepared.edits if isinstance(edit, Put) and edit.kind is kind]
    return id if id in puts or not puts else puts[0]


def _wish(
    resource: Resource,
    call: Call,
    id: str,
    before: Object | None,
    catalogue: Catalogue,
    office: Office,
) -> Wish:
    met = {} if before is None or resource.update is Update.FULL else before.body
    chosen = {resource.chosen_id: id} if resource.chosen_id else {}
    return Wish(
        kind=resource.kind,
        id=id,
        given=call.members,
        sent={**met, **chosen, **call.members},
        before=before,
        catalogue=catalogue,
        now=office.clock(),
        random=office.random,
        sealed=lambda: office.store.secrets(resource.kind, id),
    )


def _checked(prepared: Prepared, catalogue: Catalogue) -> Sequence[Edit]:
    coming = frozenset(edit.id for edit in prepared.edits if isinstance(edit, Put))
    for edit in prepared.edits:
        if isinstance(edit, Put):
            refuse_unknown(edit.kind, edit.body, catalogue, coming)
    return prepared.edits


def _stored(
    resource: Resource, id: str, office: Office, shown: Mapping[str, Any], status: int
) -> Answer:
    stored = existing(resource, id, office.store)
    body = _merged(resource.render([stored], office)[0], shown)
    return done(body, status, (("etag", etag(stored)),))


def _merged(body: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """The body with what is shown once put in its places."""
    merged = dict(body)
    for name, value in shown.items():
        inner = merged.get(name)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping)
        merged[name] = {**inner, **value} if both and inner is not None else value
    return merged


def delete_of(resource: Resource) -> Handler:
    """DELETE of one object that nothing names any more."""

    def handle(call: Call, office: Office) -> Answer:
        answer: list[Any] = []

        def plan(catalogue: Catalogue) -> Sequence[Edit]:
            before = call.may_edit(existing(resource, call.id, catalogue))
            edits = resource.remove(before, catalogue)
            refuse_used(before, catalogue, going={edit.id for edit in edits})
            answer[:] = [resource.deleted(before)]
            return edits

        # A deletion that answers the object shows it as it was.
        was = existing(resource, call.id, office.store)
        whole = resource.one(was, office)
        office.change(call, plan)
        return done(whole if answer[0] is None else answer[0])

    return handle


def refuse_used(stored: Object, catalogue: Catalogue, going: Container[str] = ()) -> None:
    """Raise, naming them, when others that are not `going` with it still name the object."""
    users = users_of(stored.kind, stored.id, catalogue, going)
    if not users:
        return
    detail = f"`{stored.body.get('name', stored.id)}` is still used by {', '.join(users[:20])}"
    raise token_in_use(detail) if stored.kind is Kind.SERVICE_TOKEN else conflict(detail)
