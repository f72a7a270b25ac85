"""Shows changes to people: what comes, what becomes something else, what goes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lychgate.config.items import SINGLES, called
from lychgate.config.naming import WORDS, mentions
from lychgate.core.model import TokenId
from lychgate.files.change import Change
from lychgate.files.form import Directory, Entry, Form, directory_of
from lychgate.files.members import Line, Sign, added, changed
from lychgate.files.stock import Body, Stock, own_policies
from lychgate.store.base import Kind, ObjectKey

_SINGLE_WORDS = {(one.kind, one.id): name.replace("_", " ") for name, one in SINGLES.items()}
_MOST_USERS = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """One object that would be different, and how."""

    sign: Sign
    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class _Side:
    """Every body before, or after."""

    bodies: Mapping[ObjectKey, Body]
    directory: Directory

    def body(self, kind: Kind, id: str) -> Body:
        """Empty when it does not exist."""
        return self.bodies.get((kind, id), {})

    def entry(self, key: ObjectKey) -> Entry:
        """As a file has it; empty when it does not exist."""
        body = self.bodies.get(key)
        if body is None:
            return {}
        return Form(self.directory, lambda id: self.body(Kind.POLICY, id)).entry(*key, body)


def difference(
    stock: Stock, changes: Sequence[Change], last_uses: Mapping[TokenId, datetime]
) -> list[Shown]:
    """Every object that would be different; policies inside applications belong to those."""
    before = {key: stored.body for key, stored in stock.objects.items()}
    after = {**before, **{change.key: change.after for change in changes}}
    left = {key: body for key, body in after.items() if body is not None}
    directory = directory_of((*key, body) for key, body in {**before, **left}.items())
    old, new = _Side(before, directory), _Side(left, directory)
    inside = _applications_of_policies(old) | _applications_of_policies(new)
    secrets = {change.key: tuple(change.secrets or ()) for change in changes}
    touched = dict.fromkeys(inside.get(change.key, change.key) for change in changes)
    users = _users(before) if len(left) < len(after) else {}
    return [
        _gone(key, before[key], users, last_uses)
        if key not in left
        else _kept(_title(key, left[key]), old.entry(key), new.entry(key), secrets.get(key, ()))
        for key in touched
    ]


def _applications_of_policies(side: _Side) -> dict[ObjectKey, ObjectKey]:
    """By each policy that lives in one application, that application."""
    return {
        (Kind.POLICY, id): key
        for key, body in side.bodies.items()
        if key[0] is Kind.APPLICATION
        for id in own_policies(body, side.body)
    }


def _kept(title: str, old: Entry, new: Entry, secrets: Sequence[str]) -> Shown:
    if not old:
        hidden = (Line(Sign.NEW, f"{name}: (hidden)") for name in secrets)
        return Shown(Sign.NEW, title, (*added(new), *hidden))
    replaced = (Line(Sign.CHANGED, f"{name}: replaced") for name in secrets)
    return Shown(Sign.CHANGED, title, (*changed(old, new), *replaced))


def _gone(
    key: ObjectKey,
    body: Body,
    users: Mapping[ObjectKey, Sequence[str]],
    last_uses: Mapping[TokenId, datetime],
) -> Shown:
    return Shown(Sign.GONE, _title(key, body), tuple(_what_goes(key, users, last_uses)))


def _what_goes(
    key: ObjectKey,
    users: Mapping[ObjectKey, Sequence[str]],
    last_uses: Mapping[TokenId, datetime],
) -> Iterator[Line]:
    """What stops with an object that goes."""
    kind, id = key
    if kind is Kind.SERVICE_TOKEN:
        last = last_uses.get(TokenId(id))
        said = f"last used {last:%Y-%m-%d %H:%M}" if last else "never used"
        yield Line(Sign.GONE, f"{said}; its secret stops working")
    if kind is Kind.APPLICATION:
        yield Line(Sign.GONE, "its tokens stop working")
    named = users.get(key, ())
    if named:
        more = f" and {len(named) - _MOST_USERS} more" if len(named) > _MOST_USERS else ""
        yield Line(Sign.GONE, f"now named by {', '.join(named[:_MOST_USERS])}{more}")


def _users(bodies: Mapping[ObjectKey, Body]) -> Mapping[ObjectKey, list[str]]:
    """Who names each object now."""
    users: dict[ObjectKey, dict[str, None]] = {}
    for key, body in bodies.items():
        for mention in mentions(key[0], body):
            users.setdefault((Kind(mention.kind), mention.text), {})[_title(key, body)] = None
    return {key: list(titles) for key, titles in users.items()}


def _title(key: ObjectKey, body: Body) -> str:
    """What people call an object."""
    single = _SINGLE_WORDS.get((key[0].value, key[1]))
    return single or f"{WORDS[key[0]]} `{called(body) or key[1]}`"
