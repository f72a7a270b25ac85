"""Which applications, people and sessions the filters know: the state of one moment, and the news.

The third filter is made of one `Edition` and is large. What happened since is small: `Base.news`
says it, for the second filter. An application that is not as it was is named there by the `rules`
its tokens carry, so that a change of policies is in force at once as well, before the third filter
is made anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xds.core.v3.extension_pb2 import TypedExtensionConfig

from extauthz.xds.filters import applications, recent
from extauthz.xds.matching import OnMatch, all_of, not_, present, read, written
from extauthz.xds.proof import on_grounds, ours
from lychgate.core.model import AppId
from lychgate.core.revocations import Revocations
from lychgate.core.routes import Entries
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.zerohop import Unfit, grounds, opening, rules_claim, unfit


@dataclass(frozen=True, slots=True)
class Seconds:
    """The newest second of each revocation, by the session or person that it ended."""

    sessions: Mapping[str, int]
    people: Mapping[str, int]

    @classmethod
    def of(cls, revocations: Revocations) -> "Seconds":
        """Those of a snapshot."""
        return cls(
            {key: second for key, (second, _) in revocations.sessions.items()},
            {key: second for key, (second, _) in revocations.users.items()},
        )

    def since(self, before: "Seconds") -> "Seconds":
        """Those that are not the same as before."""
        return Seconds(_new(self.sessions, before.sessions), _new(self.people, before.people))

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.sessions) + len(self.people)


def _new(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {key: second for key, second in now.items() if before.get(key) != second}


@dataclass(frozen=True, slots=True)
class Piece:
    """What the filters know of one application, and of what it was made."""

    made_of: tuple[object, ...] = field(repr=False)
    rules: str
    """The claim that its tokens carry now."""
    tree: bytes | None
    """Where its tokens prove something, written; None: nowhere."""
    unfit: Unfit | None

    def same(self, other: "Piece | None") -> bool:
        """Whether nothing that the filters go by is different."""
        return other is not None and (self.rules, self.tree) == (other.rules, other.tree)


@dataclass(frozen=True, slots=True)
class Edition:
    """The state of one moment."""

    snapshot: Snapshot = field(repr=False)
    headers: tuple[str, ...]
    pieces: Mapping[AppId, Piece]
    seconds: Seconds

    def outdated(self, now: "Edition") -> Sequence[str]:
        """The `rules` by which this edition would prove what is not so any more."""
        return [
            piece.rules
            for id, piece in self.pieces.items()
            if piece.tree is not None and not piece.same(now.pieces.get(id))
        ]


@dataclass(frozen=True, slots=True)
class Base:
    """An edition that the third filter was made of, and that filter."""

    edition: Edition
    filter: TypedExtensionConfig

    @classmethod
    def of(cls, edition: Edition) -> "Base":
        """The third filter by an edition."""
        pieces, seconds = edition.pieces.values(), edition.seconds
        proved = {one.rules: read(one.tree) for one in pieces if one.tree is not None}
        return cls(edition, applications(proved, seconds.sessions, seconds.people))

    def news(self, now: Edition) -> TypedExtensionConfig:
        """The second filter beside it, as of now."""
        since = now.seconds.since(self.edition.seconds)
        return recent(self.edition.outdated(now), since.sessions, since.people)


def edition(snapshot: Snapshot, headers: tuple[str, ...], before: Edition | None) -> Edition:
    """What is so by a snapshot; what has not changed since another edition is not made again.

    `headers` are the texts that tokens begin with, one for each key whose signatures count.
    """
    seconds = Seconds.of(snapshot.revocations)
    if before is not None and _same_applications(snapshot, headers, before):
        return Edition(snapshot, headers, before.pieces, seconds)
    known: Mapping[AppId, Piece] = {} if before is None else before.pieces
    pieces = {
        id: _piece(app, snapshot, headers, known.get(id)) for id, app in snapshot.apps.items()
    }
    return Edition(snapshot, headers, pieces, seconds)


def _same_applications(now: Snapshot, headers: tuple[str, ...], before: Edition) -> bool:
    then = before.snapshot
    same = now.apps is then.apps and now.routes is then.routes and headers == before.headers
    switched = now.organization.zero_hop == then.organization.zero_hop
    return same and switched and now.revocations.apps == then.revocations.apps


def _piece(
    app: CompiledApp, snapshot: Snapshot, headers: tuple[str, ...], before: Piece | None
) -> Piece:
    made_of = (headers, *_made_of(app, snapshot))
    if before is not None and _alike(before.made_of, made_of):
        return before
    reason = unfit(app, snapshot)
    tree = written(_tree(app, snapshot, headers)) if reason is None else None
    return Piece(made_of, rules_claim(app, snapshot.revocations), tree, reason)


def _tree(app: CompiledApp, snapshot: Snapshot, headers: tuple[str, ...]) -> OnMatch:
    opens = opening(app.app.audience, snapshot.team)
    besides = ours(f"{header}.{opens}" for header in headers)
    name = app.app.service_token_header
    if name is not None:
        besides = all_of(not_(present(name)), besides)
    return on_grounds(grounds(app, snapshot), snapshot.team, besides)


def _made_of(app: CompiledApp, snapshot: Snapshot) -> tuple[object, ...]:
    """Everything else that a piece depends on, such that another object means: look again."""
    hosts = {destination.host.lower() for destination in app.app.destinations}
    neighbours: list[Entries | object] = [snapshot.routes.exact.get(host) for host in sorted(hosts)]
    if any("*" in host for host in hosts):
        neighbours.append(snapshot.routes)
    revoked = snapshot.revocations.apps.get(app.app.id)
    return (app, snapshot.organization.zero_hop, revoked and revoked[0], *neighbours)


def _alike(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return len(one) == len(other) and all(
        mine is theirs or (isinstance(mine, int | tuple) and mine == theirs)
        for mine, theirs in zip(one, other, strict=True)
    )
