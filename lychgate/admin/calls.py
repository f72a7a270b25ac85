"""What handlers are given: the call, and the parts of the installation they may use."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from lychgate.admin.answers import Paging, paging
from lychgate.admin.refusals import (
    Refused,
    changed_meanwhile,
    conflict,
    does_not_compile,
    invalid,
    not_found,
    unavailable,
)
from lychgate.core.snapshot import Snapshot
from lychgate.errors import InvalidConfiguration
from lychgate.settings import Settings
from lychgate.store.base import (
    Actor,
    ApiToken,
    AuditEvent,
    Catalogue,
    Clock,
    Conflict,
    Edit,
    InvalidAddress,
    NotFound,
    Object,
    SecretInBody,
    Source,
    Store,
)


class Follower(Protocol):
    """Follows the store; `lychgate.store.feed.Feed` does."""

    def current(self) -> Snapshot | None:
        """The snapshot in force; None until the store was read once."""


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated call."""

    method: str
    path: str
    arguments: Mapping[str, str]
    """What stands in the places of the path."""
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, tuple[str, ...]]
    token: ApiToken
    request_id: str

    @property
    def id(self) -> str:
        """The object named in the path."""
        return self.arguments["id"]

    @property
    def actor(self) -> Actor:
        """Who makes a change."""
        return Actor(self.token.email or self.token.name, "api", self.request_id)

    @property
    def members(self) -> Mapping[str, Any]:
        """The body, which must be an object."""
        if not isinstance(self.body, Mapping):
            raise invalid("the body must be an object")
        return self.body

    @property
    def paging(self) -> Paging:
        """The page that is asked for."""
        return paging(self.query)

    def may_edit(self, stored: Object) -> Object:
        """The object; refused when `If-Match` names another state, or the file owns it."""
        self.expects(stored)
        return editable(stored)

    def expects(self, stored: Object) -> None:
        """Refuse when `If-Match` names another state of an object."""
        wanted = self.headers.get("if-match", ())
        tags = {tag.strip() for value in wanted for tag in value.split(",")}
        if tags and not tags & {"*", etag(stored)}:
            raise changed_meanwhile()


def etag(stored: Object) -> str:
    """The state of an object in `ETag` and `If-Match`."""
    return f'"{stored.revision}"'


type Plan = Callable[[Catalogue], Sequence[Edit]]


@dataclass(frozen=True, slots=True)
class Office:
    """What handlers work with."""

    store: Store
    feed: Follower
    clock: Clock
    random: Callable[[int], bytes] = field(repr=False)
    settings: Settings

    def snapshot(self) -> Snapshot:
        """The snapshot in force."""
        current = self.feed.current()
        if current is None:
            raise unavailable()
        return current

    def change(self, call: Call, plan: Plan) -> None:
        """Carry out a change; what the store refuses becomes an answer of the API.

        Whatever the plan is, it touches nothing of the configuration file.
        """
        try:
            self.store.change(call.actor, _sparing_the_file(plan))
        except InvalidConfiguration as error:
            raise does_not_compile(error.problems) from None
        except Conflict as error:
            raise conflict(error.message) from None
        except (SecretInBody, InvalidAddress) as error:
            raise invalid(error.message) from None
        except NotFound:
            raise not_found() from None

    def note(
        self,
        call: Call,
        action: str,
        *,
        email: str = "",
        app: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Write an action that changes no object of the store to the audit log."""
        actor = call.actor
        event = AuditEvent(
            at=self.clock(),
            action=action,
            actor=actor.name,
            actor_kind=actor.kind,
            email=email,
            app=app,
            request_id=actor.request_id,
            details=details or {},
        )
        self.store.audit.write([event])


def _sparing_the_file(plan: Plan) -> Plan:
    def checked(catalogue: Catalogue) -> Sequence[Edit]:
        edits = plan(catalogue)
        for edit in edits:
            stored = catalogue.object(edit.kind, edit.id)
            if stored is not None:
                editable(stored)
        return edits

    return checked


def editable(stored: Object) -> Object:
    """The object, unless the configuration file owns it."""
    if stored.source is Source.FILE:
        raise in_the_file(stored)
    return stored


def in_the_file(stored: Object) -> Refused:
    """Edits of what the configuration file says are made there."""
    name = stored.body.get("name") or stored.kind.value
    return conflict(f"`{name}` is in the configuration file, change it there")


def shown_time(at: datetime) -> str:
    """RFC 3339, whole seconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
