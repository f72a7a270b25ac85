"""What becomes of `policies` of an application: links to keep, inline policies to store or drop."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lychgate.admin.kinds.policies import is_reusable, policy_body, show_policy
from lychgate.admin.refusals import invalid
from lychgate.api.applications import ApplicationBody, precedences
from lychgate.api.base import wire
from lychgate.api.policies import AppPolicyBody
from lychgate.store.base import Catalogue, Delete, Kind, Put

_OF_THE_LINK = ("id", "precedence")
CANNOT_UPDATE = "can not update reusable policies through this endpoint"

type Links = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Split:
    """Links for the application's body, and the edits of its own policies."""

    links: list[dict[str, Any]]
    edits: list[Put]
    gone: list[Delete]


def split_policies(value: ApplicationBody, before: Links, catalogue: Catalogue) -> Split:
    """Split the policies of an application whose links were `before`."""
    own = frozenset(str(link["id"]) for link in before)
    links: list[dict[str, Any]] = []
    edits: list[Put] = []
    for entry, number in zip(value.policies, precedences(value.policies), strict=True):
        id = entry.id or str(uuid.uuid4())
        put = None if entry.is_link else _inline(entry, id, own, catalogue)
        if put is None:
            _linkable(id, own, catalogue)
        else:
            edits.append(put)
        links.append({"id": id, "precedence": number})
    ids = [link["id"] for link in links]
    if len(set(ids)) != len(ids):
        raise invalid("policies names a policy twice")
    return Split(links, edits, _dropped(own - set(ids), catalogue))


def _inline(entry: AppPolicyBody, id: str, own: frozenset[str], catalogue: Catalogue) -> Put | None:
    """The policy that is written inline; None for a reusable one repeated as it is."""
    written = {name: inner for name, inner in wire(entry).items() if name not in _OF_THE_LINK}
    if entry.id is not None:
        stored = catalogue.object(Kind.POLICY, id)
        if stored is not None and is_reusable(stored):
            shown = show_policy(stored)
            if any(shown.get(name, inner or None) != inner for name, inner in written.items()):
                raise invalid(CANNOT_UPDATE)
            return None
        if stored is None or id not in own:
            raise invalid(f"policies: policy not found: `{id}`")
    return Put(Kind.POLICY, id, policy_body(written, reusable=False))


def _linkable(id: str, own: frozenset[str], catalogue: Catalogue) -> None:
    stored = catalogue.object(Kind.POLICY, id)
    if stored is None or not (is_reusable(stored) or id in own):
        raise invalid(f"policies: policy not found: `{id}`")


def _dropped(ids: frozenset[str], catalogue: Catalogue) -> list[Delete]:
    """A policy of one application that it does not name any more is gone for good."""
    found = [catalogue.object(Kind.POLICY, id) for id in sorted(ids)]
    own = [one for one in found if one is not None and not is_reusable(one)]
    return [Delete(Kind.POLICY, one.id) for one in own]
