"""One object that a file makes, changes or ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lychgate.api import audience_of, client_id_of
from lychgate.config.items import called
from lychgate.files.stock import Body
from lychgate.store.base import Delete, Edit, Kind, Object, ObjectKey, Put


@dataclass(frozen=True, slots=True)
class Change:
    """What an object is before and after; one that stays the same is no change."""

    kind: Kind
    id: str
    before: Object | None
    after: Body | None
    """None: it goes."""
    secrets: Mapping[str, str] | None = field(default=None, repr=False)
    """All its secrets; None: those that are stored stay."""

    @property
    def key(self) -> ObjectKey:
        """Its kind and id."""
        return self.kind, self.id

    @property
    def edit(self) -> Edit:
        """The edit that makes it so."""
        if self.after is None:
            return Delete(self.kind, self.id)
        return Put(self.kind, self.id, self.after, self.secrets)

    @property
    def is_one(self) -> bool:
        """Whether anything would be different."""
        if self.before is None or self.after is None or self.secrets is not None:
            return True
        return self._meant(self.before.body) != self._meant(self.after)

    def _meant(self, body: Body) -> Body:
        return meant(self.kind, self.id, body)


def meant(kind: Kind, id: str, body: Body) -> Body:
    """The body with what it means where it says nothing, if a file cannot say nothing there."""
    match kind:
        case Kind.POLICY:
            return {"reusable": True, **body}
        case Kind.IDP:
            return {"name": "", **body}
        case Kind.APPLICATION:
            return {"name": called(body), "aud": audience_of(id), **body}
        case Kind.SERVICE_TOKEN:
            return {"client_id": client_id_of(id), **body}
        case _:
            return body
