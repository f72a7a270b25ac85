"""Which rules of an account can be written here; what cannot never lets anybody more in."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lychgate.config.naming import WORDS, mentions
from lychgate.core.selectors import ALL

_PARTS = ("include", "require", "exclude")
_EVERYONE: dict[str, Any] = {"everyone": {}}
_KINDS = {one.kind: one for one in ALL}

type Body = dict[str, Any]


@dataclass(slots=True)
class Rules:
    """Judges rules by what they name; `known` holds the kinds and ids that are imported."""

    known: set[tuple[str, str]]
    remarks: list[str] = field(default_factory=list)

    def policy(self, raw: Body) -> Body | None:
        """The policy with the rules that can be written; None for one that would match nobody.

        A rule that cannot be written counts against the visitor: an Allow policy gets narrower or
        goes, a Block policy gets wider.
        """
        body = _without_nulls(raw)
        broken = {part: self._broken(body, part) for part in _PARTS}
        if not any(broken.values()):
            return body
        name = body.get("name", "")
        sound = {part: _besides(body.get(part, []), broken[part]) for part in _PARTS}
        if body.get("decision") == "deny":
            if broken["include"]:
                sound["include"] = [_EVERYONE]
                self.remarks.append(f"the Block policy `{name}` now blocks everybody")
            return {**body, **sound}
        if broken["require"] or broken["exclude"] or not sound["include"]:
            self.remarks.append(f"the policy `{name}` is left out, it would admit nobody for sure")
            return None
        return {**body, **sound}

    def groups(self, raw: Iterable[Body]) -> list[Body]:
        """The groups whose every rule can be written, those that name another group included."""
        left = {str(one.get("id")): _without_nulls(one) for one in raw}
        self.known |= {("group", id) for id in left}
        while broken := [id for id, one in left.items() if self._any_broken(one)]:
            for id in broken:
                self.remarks.append(f"the group `{left.pop(id).get('name', id)}` is left out")
                self.known.discard(("group", id))
        return list(left.values())

    def _any_broken(self, body: Body) -> bool:
        return any(self._broken(body, part) for part in _PARTS)

    def _broken(self, body: Body, part: str) -> list[Any]:
        found = []
        for rule in body.get(part) or []:
            why = self._why_not(rule)
            if why:
                found.append(rule)
                self.remarks.append(f"a rule of `{body.get('name', '')}` cannot be written: {why}")
        return found

    def _why_not(self, rule: Any) -> str:
        if not isinstance(rule, Mapping) or len(rule) != 1:
            return "it is not one selector"
        kind, value = next(iter(rule.items()))
        if kind != "group" and kind not in _KINDS:
            return f"there is no selector `{kind}` here"
        if not isinstance(value, Mapping):
            return f"`{kind}` holds no object"
        for mention in mentions("", {"include": [dict(rule)]}):
            if (mention.kind, mention.text) not in self.known:
                return f"its {WORDS[mention.kind]} `{mention.text}` is not imported"
        return ""


def without_source(bodies: Iterable[Mapping[str, Any]]) -> Collection[str]:
    """Selectors in these bodies that are kept here and never count."""
    return dict.fromkeys(
        kind
        for body in bodies
        for part in _PARTS
        for rule in body.get(part, ())
        for kind in rule
        if kind in _KINDS and not _KINDS[kind].source
    )


def _without_nulls(raw: Body) -> Body:
    body = dict(raw)
    for part in _PARTS:
        rules = body.get(part)
        if isinstance(rules, list):
            body[part] = [_dense(rule) for rule in rules]
    return body


def _dense(rule: Any) -> Any:
    """A rule without members that are null, as typed clients write them."""
    if not isinstance(rule, Mapping):
        return rule
    return {
        kind: {k: v for k, v in value.items() if v is not None}
        if isinstance(value, Mapping)
        else value
        for kind, value in rule.items()
        if value is not None
    }


def _besides(rules: list[Any], broken: list[Any]) -> list[Any]:
    return [rule for rule in rules if rule not in broken]
