"""What an application offers besides being edited: its settings, its policies, its tokens."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from lychgate.admin.answers import Answer, done, listed
from lychgate.admin.calls import Call, Office, editable, etag
from lychgate.admin.generic import existing
from lychgate.admin.handler import handler
from lychgate.admin.kinds.applications import APPLICATIONS, REACHABLE, linked_policies
from lychgate.admin.kinds.policies import is_reusable, policy_body
from lychgate.admin.kinds.policysplit import CANNOT_UPDATE
from lychgate.admin.references import refuse_unknown
from lychgate.admin.refusals import invalid, not_found
from lychgate.admin.shapes.acts import AppSettings
from lychgate.admin.shapes.objects import LINKED_POLICY, Deleted, Nothing
from lychgate.admin.shapes.shown import PAGES, Takes, one, page
from lychgate.admin.validating import validated
from lychgate.api.base import Flag, Wire
from lychgate.api.policies import PolicyBody
from lychgate.core.model import AppId
from lychgate.store.base import Catalogue, Delete, Edit, Kind, Object, Put

type Links = list[dict[str, Any]]


class OwnPolicyBody(PolicyBody):
    """A policy that lives in one application."""

    precedence: Annotated[int, Field(ge=0, le=2**31)] | None = None


class SettingsBody(Wire):
    """The two settings that have a call of their own."""

    allow_iframe: Flag | None = None
    skip_interstitial: Flag | None = None


@handler("edit_application_settings", one(AppSettings), Takes((SettingsBody,)))
def edit_settings(call: Call, office: Office) -> Answer:
    """Change settings of an application; the one that is left out stays."""
    return _settings(call, office, lambda before: before)


@handler("put_application_settings", one(AppSettings), Takes((SettingsBody,)))
def put_settings(call: Call, office: Office) -> Answer:
    """Change settings of an application; the one that is left out is off."""
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


@handler("revoke_application_tokens", one(Nothing))
def revoke_tokens(call: Call, office: Office) -> Answer:
    """End every token of an application that was issued so far."""
    stored = existing(APPLICATIONS, call.id, office.store)
    office.store.revocations.revoke_app(AppId(stored.id), office.clock())
    office.note(call, "revoke_app", app=stored.id)
    return done({})


@handler("list_application_policies", page(LINKED_POLICY), asks=PAGES)
def list_policies(call: Call, office: Office) -> Answer:
    """List the policies of an application, both kinds, by precedence."""
    some = call.paging
    stored = existing(APPLICATIONS, call.id, office.store)
    ids = [link["id"] for link in stored.body.get("policies", ())]
    found = linked_policies(stored, office.store.some(Kind.POLICY, ids))
    return listed(some.cut(found), some, len(found))


@handler("get_application_policy", one(LINKED_POLICY))
def get_policy(call: Call, office: Office) -> Answer:
    """Get one policy of an application."""
    return _policy(call, call.arguments["policy"], office)


@handler("create_application_policy", one(LINKED_POLICY, status=201), Takes((OwnPolicyBody,)))
def create_policy(call: Call, office: Office) -> Answer:
    """Create a policy that lives in this application."""
    id = str(uuid.uuid4())

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        stored = call.may_edit(existing(APPLICATIONS, call.id, catalogue))
        links = _links(stored)
        number = validated(OwnPolicyBody, call.members).precedence
        if number is None:
            number = 1 + max((link["precedence"] for link in links), default=0)
        put = _own_policy(call, id, catalogue)
        return [put, _relinked(stored, [*links, {"id": id, "precedence": number}])]

    office.change(call, plan)
    return _policy(call, id, office, 201)


@handler("update_application_policy", one(LINKED_POLICY), Takes((OwnPolicyBody,)))
def update_policy(call: Call, office: Office) -> Answer:
    """Update a policy that lives in this application."""
    id = call.arguments["policy"]

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        stored = editable(existing(APPLICATIONS, call.id, catalogue))
        policy = _linked(stored, id, catalogue)
        number = validated(OwnPolicyBody, call.members).precedence
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


@handler("delete_application_policy", one(Deleted))
def delete_policy(call: Call, office: Office) -> Answer:
    """Delete a policy of an application; a reusable one is only detached."""
    id = call.arguments["policy"]

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        stored = editable(existing(APPLICATIONS, call.id, catalogue))
        policy = _linked(stored, id, catalogue)
        call.expects(policy)
        relinked = _relinked(stored, [link for link in _links(stored) if link["id"] != id])
        return [relinked] if is_reusable(policy) else [relinked, Delete(Kind.POLICY, id)]

    office.change(call, plan)
    return done({"id": id})


@handler("make_application_policy_reusable", one(LINKED_POLICY))
def make_reusable(call: Call, office: Office) -> Answer:
    """Let other applications use a policy from now on."""
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
