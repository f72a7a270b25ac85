"""What an application offers besides being edited: its settings, its policies, its tokens."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lychgate.admin.answers import Answer, done, listed
from lychgate.admin.calls import Call, Office, editable, etag
from lychgate.admin.generic import existing, list_of
from lychgate.admin.kinds.applications import (
    APPLICATIONS,
    EXACT_APPLICATIONS,
    REACHABLE,
    linked_policies,
)
from lychgate.admin.kinds.policies import is_reusable, policy_body
from lychgate.admin.kinds.policysplit import CANNOT_UPDATE
from lychgate.admin.references import refuse_unknown
from lychgate.admin.refusals import invalid, not_found
from lychgate.admin.validating import validated
from lychgate.api.base import Flag, Wire
from lychgate.core.model import AppId
from lychgate.store.base import Catalogue, Delete, Edit, Kind, Object, Put

type Links = list[dict[str, Any]]


class SettingsBody(Wire):
    """The two settings that have a call of their own."""

    allow_iframe: Flag | None = None
    skip_interstitial: Flag | None = None


def list_applications(call: Call, office: Office) -> Answer:
    """GET apps; `exact=true` turns parts of names and domains into whole ones."""
    if call.query.get("exact") != "true":
        return list_of(APPLICATIONS)(call, office)
    filters = {**APPLICATIONS.filters, **EXACT_APPLICATIONS}
    return list_of(replace(APPLICATIONS, filters=filters))(call, office)


def edit_settings(call: Call, office: Office) -> Answer:
    """PATCH settings: the setting that is left out stays."""
    return _settings(call, office, lambda before: before)


def put_settings(call: Call, office: Office) -> Answer:
    """PUT settings: the setting that is left out is off."""
    return _settings(call, office, lambda _before: {})


def _settings(
    call: Call, office: Office, base: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> Answer:
    sent = validated(SettingsBody, call.members).model_dump(exclude_none=True)
    names = tuple(SettingsBody.model_fields)
    after: dict[str, bool] = {}

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        stored = call.may_edit(existing(APPLICATIONS, call.id, catalogue))
        if stored.body["type"] not in REACHABLE:
            raise invalid(f"an application of type {stored.body['type']} has no settings")
        kept = base({name: stored.body.get(name, False) for name in names})
        after.update({name: bool(sent.get(name, kept.get(name, False))) for name in names})
        return [Put(Kind.APPLICATION, stored.id, {**stored.body, **after})]

    office.change(call, plan)
    return done(after)


def revoke_tokens(call: Call, office: Office) -> Answer:
    """POST revoke_tokens: every token of the application so far is dead."""
    stored = existing(APPLICATIONS, call.id, office.store)
    office.store.revocations.revoke_app(AppId(stored.id), office.clock())
    office.note(call, "revoke_app", app=stored.id)
    return done({})


def list_policies(call: Call, office: Office) -> Answer:
    """GET the policies of an application, both kinds, by precedence."""
    page = call.paging
    stored = existing(APPLICATIONS, call.id, office.store)
    ids = [link["id"] for link in stored.body.get("policies", ())]
    found = linked_policies(stored, office.store.some(Kind.POLICY, ids))
    return listed(page.cut(found), page, len(found))


def get_policy(call: Call, office: Office) -> Answer:
    """GET one policy of an application."""
    return _policy(call, call.arguments["policy"], office)


def create_policy(call: Call, office: Office) -> Answer:
    """POST a policy that lives in this application."""
    id = str(uuid.uuid4())

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        stored = call.may_edit(existing(APPLICATIONS, call.id, catalogue))
        links = _links(stored)
        number = _precedence(call.members)
        if number is None:
            number = 1 + max((link["precedence"] for link in links), default=0)
        put = _own_policy(call, id, catalogue)
        return [put, _relinked(stored, [*links, {"id": id, "precedence": number}])]

    office.change(call, plan)
    return _policy(call, id, office, 201)


def update_policy(call: Call, office: Office) -> Answer:
    """PUT a policy that lives in this application."""
    id = call.arguments["policy"]

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        stored = editable(existing(APPLICATIONS, call.id, catalogue))
        policy, number = _linked(stored, id, catalogue), _precedence(call.members)
        call.expects(policy)
        if is_reusable(policy):
            raise invalid(CANNOT_UPDATE)
        links = _links(stored)
        for link in links:
            if link["id"] == id and number is not None:
                link["precedence"] = number
        return [_own_policy(call, id, catalogue), _relinked(stored, links)]

    office.change(call, plan)
    return _policy(call, id, office)


def delete_policy(call: Call, office: Office) -> Answer:
    """DELETE a policy of an application; a reusable one is only detached."""
    id = call.arguments["policy"]

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        stored = editable(existing(APPLICATIONS, call.id, catalogue))
        policy = _linked(stored, id, catalogue)
        call.expects(policy)
        relinked = _relinked(stored, [link for link in _links(stored) if link["id"] != id])
        return [relinked] if is_reusable(policy) else [relinked, Delete(Kind.POLICY, id)]

    office.change(call, plan)
    return done({"id": id})


def make_reusable(call: Call, office: Office) -> Answer:
    """PUT make_reusable: the policy may be used by other applications from now on."""
    id = call.arguments["policy"]

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        stored = existing(APPLICATIONS, call.id, catalogue)
        policy = call.may_edit(_linked(stored, id, catalogue))
        return [Put(Kind.POLICY, id, {**policy.body, "reusable": True})]

    office.change(call, plan)
    return _policy(call, id, office)


def _own_policy(call: Call, id: str, catalogue: Catalogue) -> Put:
    body = policy_body(call.members, reusable=False)
    refuse_unknown(Kind.POLICY, body, catalogue)
    return Put(Kind.POLICY, id, body)


def _precedence(sent: Mapping[str, Any]) -> int | None:
    number = sent.get("precedence")
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 2**31:
        raise invalid("precedence must be a whole number")
    return number


def _relinked(stored: Object, links: Links) -> Put:
    numbers = [link["precedence"] for link in links]
    if len(set(numbers)) != len(numbers):
        raise invalid("policy precedences must be unique")
    return Put(Kind.APPLICATION, stored.id, {**stored.body, "policies": links})


def _links(stored: Object) -> Links:
    return [dict(link) for link in stored.body.get("policies", ())]


def _linked(stored: Object, id: str, catalogue: Catalogue) -> Object:
    if all(link["id"] != id for link in stored.body.get("policies", ())):
        raise not_found()
    policy = catalogue.object(Kind.POLICY, id)
    if policy is None:
        raise not_found()
    return policy


def _policy(call: Call, id: str, office: Office, status: int = 200) -> Answer:
    """One policy as its application shows it."""
    stored = existing(APPLICATIONS, call.id, office.store)
    policies = office.store.some(Kind.POLICY, [id])
    shown = next((one for one in linked_policies(stored, policies) if one["id"] == id), None)
    if shown is None:
        raise not_found()
    return done(shown, status, (("etag", etag(policies[id])),))
