"""List, get, create, update and delete, the same for every resource."""

import uuid
from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from typing import Any

from lychgate.admin.answers import Answer, done, listed
from lychgate.admin.calls import Call, Office, etag
from lychgate.admin.handler import Handler
from lychgate.admin.references import Lookup, refuse_unknown, users_of
from lychgate.admin.refusals import conflict, invalid, token_in_use
from lychgate.admin.resource import Filter, Prepared, Resource, Update, Wish
from lychgate.admin.shapes.shown import PAGES, Asks, Takes, every
from lychgate.admin.shapes.shown import one as one_of
from lychgate.admin.shapes.shown import page as page_of
from lychgate.store.base import Catalogue, Edit, Kind, Object, Put


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

    gives = page_of(*resource.gives) if resource.paged else every(*resource.gives)
    asks = (*(PAGES if resource.paged else ()), *map(Asks, resource.filters), *resource.asks)
    says = f"List {resource.word.replace('_', ' ')}, oldest first."
    return Handler(handle, f"list_{resource.word}", says, gives, asks=asks)


type Test = Callable[[Object], bool]


def _asked(resource: Resource, query: Mapping[str, str]) -> list[Test]:
    """The tests that the query asks for."""
    exact = resource.exact if query.get("exact") == "true" else {}
    filters = {**resource.filters, **exact}
    return [partial(_fits, filters[name], query[name]) for name in filters if query.get(name)]


def _fits(test: Filter, text: str, stored: Object) -> bool:
    return test(stored, text)


def _fitting(resource: Resource, office: Office, tests: Sequence[Test]) -> Sequence[Object]:
    found = office.store.listed(resource.kind)
    return [one for one in found if all(test(one) for test in tests)]


def get_of(resource: Resource) -> Handler:
    """GET of one object."""

    def handle(call: Call, office: Office) -> Answer:
        stored = existing(resource, call.id, office.store)
        return done(resource.one(stored, office), headers=(("etag", etag(stored)),))

    gives = one_of(*(resource.gives_detail or resource.gives))
    return Handler(handle, f"get_{resource.single}", f"Get {resource.said}.", gives)


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

    gives = one_of(*(resource.gives_fresh or resource.gives), status=201)
    says = f"Create {resource.said}."
    return Handler(handle, f"create_{resource.single}", says, gives, Takes(resource.takes))


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

    gives = one_of(*(resource.gives_fresh or resource.gives))
    partly = resource.update is Update.PARTIAL
    rest = "what is left out stays" if partly else "what is left out goes back to its default"
    says, takes = f"Update {resource.said}; {rest}.", Takes(resource.takes, resource.needs)
    return Handler(handle, f"update_{resource.single}", says, gives, takes)


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

    says = f"Delete {resource.said} that nothing names."
    gives = one_of(*resource.gives_deleted)
    return Handler(handle, f"delete_{resource.single}", says, gives)


def refuse_used(stored: Object, catalogue: Catalogue, going: Container[str] = ()) -> None:
    """Raise, naming them, when others that are not `going` with it still name the object."""
    users = users_of(stored.kind, stored.id, catalogue, going)
    if not users:
        return
    detail = f"`{stored.body.get('name', stored.id)}` is still used by {', '.join(users[:20])}"
    raise token_in_use(detail) if stored.kind is Kind.SERVICE_TOKEN else conflict(detail)
