"""What a file may not do to objects that exist: those of the configuration file, fixed members."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lychgate.api.identity_providers import goes_elsewhere
from lychgate.config.edits import Secrets
from lychgate.config.items import ONLY_ONE, Finding, called
from lychgate.config.naming import WORDS
from lychgate.config.resources import FileObject
from lychgate.files.change import Change
from lychgate.files.stock import Stock, from_configuration, own_policies
from lychgate.store.base import Kind, Object

_FIXED: Mapping[Kind, tuple[str, ...]] = {
    Kind.APPLICATION: ("type",),
    Kind.IDP: ("type",),
    Kind.LIST: ("type",),
    Kind.MCP_SERVER: ("hostname", "auth_type"),
}
"""Members that are what they are for as long as the object exists."""

type Pair = tuple[FileObject, Change]


def check(
    pairs: Sequence[Pair], stock: Stock, others: Sequence[Object], secrets: Secrets
) -> Iterator[Finding]:
    """Everything wrong about changes of a stock, of which `others` stay as they are."""
    owners = {
        id: called(one.body)
        for one in others
        if one.kind is Kind.APPLICATION
        for id in own_policies(one.body, stock.body)
    }
    only = {one.body["type"]: one for one in others if one.body.get("type") in ONLY_ONE}
    for one, change in pairs:
        if change.is_one and change.before is not None and change.after is not None:
            yield from _changed(one, change.before, change.after, secrets)
        if change.after is not None and change.after.get("type") in only:
            there = called(only[change.after["type"]].body)
            message = f"there is one of type {change.after['type']} already, `{there}`"
            yield Finding((*one.path, "type"), message)
        if (
            change.kind is Kind.POLICY
            and change.id in owners
            and not one.body.get("reusable", True)
        ):
            message = f"the policy `{one.name}` lives in the application `{owners[one.id]}`"
            yield Finding((*one.path, "id"), message)


def _changed(
    one: FileObject, before: Object, after: Mapping[str, Any], secrets: Secrets
) -> Iterator[Finding]:
    word = WORDS.get(one.kind, one.kind)
    if from_configuration(before):
        message = f"`{one.name or word}` is in the configuration file of the installation"
        yield Finding(one.path, message, "change it there")
    for member in _FIXED.get(before.kind, ()):
        if after.get(member) != before.body.get(member):
            message = f"{member} of the {word} `{one.name}` cannot change"
            yield Finding((*one.path, member), message, "give the new one another name or id")
    if before.kind is Kind.POLICY and not after["reusable"] and before.body.get("reusable", True):
        message = f"the policy `{one.name}` can be used by several applications"
        yield Finding(one.path, message, "name it here in place of writing it out")
    if before.kind is Kind.IDP and not one.secrets and goes_elsewhere(before.body, after):
        if secrets(before.kind, before.id):
            message = "client_secret is a required field when an address of the provider changes"
            yield Finding((*one.path, "config"), message)
