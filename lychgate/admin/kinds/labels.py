"""Tags and custom pages."""

from collections.abc import Iterator
from typing import Any

from lychgate.admin.refusals import conflict
from lychgate.admin.resource import Body, Prepared, Resource, Wish, each, plain, times
from lychgate.admin.scopes import Area
from lychgate.admin.shapes.objects import CUSTOM_PAGE, TAG, WHOLE_PAGE, DeletedTag
from lychgate.api import parse_body
from lychgate.api.base import wire
from lychgate.api.kept import CustomPageBody, TagBody
from lychgate.store.base import Delete, Kind, Object, Put


def _show_tag(stored: Object) -> Body:
    return {"name": stored.id, **times(stored)}


def _prepare_tag(wish: Wish) -> Prepared:
    body = wire(parse_body(Kind.TAG, wish.sent))
    name = body["name"]
    if wish.before is None or name == wish.id:
        return Prepared([Put(Kind.TAG, name, body)])
    if wish.catalogue.object(Kind.TAG, name) is not None:
        raise conflict(f"there is a tag `{name}` already")
    renamed = list(_retagged(wish, name))
    return Prepared([Put(Kind.TAG, name, body), *renamed, Delete(Kind.TAG, wish.id)])


def _retagged(wish: Wish, name: str) -> Iterator[Put]:
    """The applications that bear the old name, with the new one."""
    for app in wish.catalogue.holding(Kind.APPLICATION, wish.id):
        tags = app.body.get("tags", ())
        if wish.id in tags:
            after = [name if tag == wish.id else tag for tag in tags]
            body = {**app.body, "tags": after}
            yield Put(Kind.APPLICATION, app.id, body, source=app.source)


def _name(stored: Object) -> Any:
    return {"name": stored.id}


TAGS = Resource(
    kind=Kind.TAG,
    path="/access/tags",
    area=Area.APPS,
    word="tags",
    takes=(TagBody,),
    gives=(TAG,),
    gives_deleted=(DeletedTag,),
    render=each(_show_tag),
    prepare=_prepare_tag,
    deleted=_name,
    chosen_id="name",
)


def _show_page(stored: Object) -> Body:
    body = {name: value for name, value in stored.body.items() if name != "custom_html"}
    return {"id": stored.id, "uid": stored.id, **body, **times(stored)}


def _show_whole_page(stored: Object) -> Body:
    return {**_show_page(stored), "custom_html": stored.body["custom_html"]}


CUSTOM_PAGES = Resource(
    kind=Kind.CUSTOM_PAGE,
    path="/access/custom_pages",
    area=Area.CUSTOM_PAGES,
    word="custom_pages",
    takes=(CustomPageBody,),
    gives=(CUSTOM_PAGE,),
    gives_detail=(WHOLE_PAGE,),
    render=each(_show_page),
    detail=each(_show_whole_page),
    prepare=plain,
)
