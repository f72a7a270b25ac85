"""Terraform's way with the API: what its plans send, and which answers it takes for a change.

The provider itself is no Python program; its rules are those of its models and normalisations.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.admin.running import Running

type Plan = Mapping[str, Any]
"""The attributes that are set, defaults of the provider included."""


@dataclass(frozen=True)
class Kind:
    """One resource of the provider."""

    path: str
    optional: tuple[str, ...] = ()
    """Attributes that are null in the plan when nobody sets them, and must stay so."""
    false_is_null: tuple[str, ...] = ()
    empty_is_null: tuple[str, ...] = ()
    """An empty list, object or text counts as unset."""
    sets: tuple[str, ...] = ()
    """Lists whose order does not count."""
    defaults: Plan = field(default_factory=dict)
    """What is sent although nobody wrote it."""
    unread: tuple[str, ...] = ()
    """Attributes whose planned value is kept, whatever is answered."""
    singleton: bool = False

    def plan(self, written: Plan) -> Plan:
        """What the provider plans for what the user wrote."""
        return {**self.defaults, **written}

    def drift(self, plan: Plan, read: Mapping[str, Any]) -> list[str]:
        """The attributes that the next plan would want to change."""
        names = [name for name in {*plan, *self.optional} if name not in self.unread]
        return sorted(
            f"{name}: {self._seen(name, plan.get(name))!r} -> {self._seen(name, read.get(name))!r}"
            for name in names
            if self._seen(name, plan.get(name)) != self._seen(name, read.get(name))
        )

    def _seen(self, name: str, value: Any) -> Any:
        if name in self.false_is_null and value is False:
            return None
        if name in self.empty_is_null and value in ([], {}, ""):
            return None
        if name in self.sets and isinstance(value, list):
            return sorted(value, key=repr)
        return value


@dataclass(frozen=True)
class Managed:
    """An object under Terraform."""

    server: Running
    kind: Kind
    http: httpx.Client
    id: str = ""

    def create(self, plan: Plan) -> "Managed":
        """Only what is not null is sent."""
        url = self.server.account(self.kind.path)
        answer = self.http.put(url, json=plan) if self.kind.singleton else self._post(url, plan)
        self._same(plan, answer)
        made = answer.json()["result"]
        return Managed(self.server, self.kind, self.http, made.get("id") or made.get("name"))

    def _post(self, url: str, plan: Plan) -> httpx.Response:
        return self.http.post(url, json=plan)

    def update(self, before: Plan, plan: Plan) -> None:
        """The whole plan, and an explicit null for what was set and is set no more."""
        nulls = {name: None for name in before if name not in plan}
        self._same(plan, self.http.put(self._url, json={**plan, **nulls}))
        self.refresh(plan)

    def refresh(self, plan: Plan) -> None:
        """Reads the object; nothing may have moved."""
        self._same(plan, self.http.get(self._url))

    def delete(self) -> None:
        """Gone, which the provider tells by a 404 and by nothing else."""
        assert self.http.delete(self._url).status_code == 200
        assert self.http.get(self._url).status_code == 404

    @property
    def _url(self) -> str:
        own = "" if self.kind.singleton else f"/{self.id}"
        return self.server.account(self.kind.path + own)

    def _same(self, plan: Plan, answer: httpx.Response) -> None:
        assert answer.status_code in (200, 201), answer.text
        assert self.kind.drift(plan, answer.json()["result"]) == []
