"""Policies: reusable ones, and those that live in one application."""

from collections.abc import Mapping, Sequence
from typing import Any

from lychgate.admin.calls import Office
from lychgate.admin.resource import (
    Body,
    Prepared,
    Resource,
    Wish,
    name_is,
    name_or_id_has,
    times,
)
from lychgate.admin.scopes import Area
from lychgate.admin.shapes.objects import POLICY
from lychgate.api import parse_body
from lychgate.api.base import wire
from lychgate.api.policies import PolicyBody
from lychgate.store.base import Kind, Object, Put


def is_reusable(stored: Object) -> bool:
    """Whether a policy stands by itself, and several applications may use it."""
    return not stored.owned


def policy_body(sent: Mapping[str, Any], reusable: bool) -> dict[str, Any]:
    """What is stored of a policy as it was sent; raises InvalidConfiguration."""
    return {**wire(parse_body(Kind.POLICY, {**sent, "reusable": reusable})), "reusable": reusable}


def show_policy(stored: Object) -> Body:
    """A policy as it is shown everywhere; lists that were never given are empty."""
    return {
        "id": stored.id,
        "exclude": [],
        "require": [],
        **stored.body,
        "reusable": is_reusable(stored),
        **times(stored),
    }


def _show(objects: Sequence[Object], office: Office) -> list[Body]:
    applications = office.snapshot().records.applications.values()
    ids = {one.id for one in objects}
    counts = dict.fromkeys(ids, 0)
    for application in applications:
        for id in set(application.policies) & ids:
            counts[id] += 1
    return [{**show_policy(one), "app_count": counts[one.id]} for one in objects]


def _prepare(wish: Wish) -> Prepared:
    return Prepared([Put(Kind.POLICY, wish.id, policy_body(wish.sent, reusable=True))])


POLICIES = Resource(
    kind=Kind.POLICY,
    path="/access/policies",
    area=Area.APPS,
    word="policies",
    takes=(PolicyBody,),
    gives=(POLICY,),
    render=_show,
    prepare=_prepare,
    filters={"name": name_is, "search": name_or_id_has},
)
