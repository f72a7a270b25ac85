"""What one Envoy is told when: the order of things on one stream of delta discovery.

Whatever second filter Envoy still has from another stream is withdrawn first: it goes with another
third filter, perhaps of another server, and beside ours what was revoked could be missing in both.
Then come the keys and the third filter. Once Envoy has taken both, the second filter follows, with
an end. While nothing changes it is confirmed, without being sent again, several times within that
time; so it never outlives the bound after the store was last heard of. It is not confirmed, and
ends by itself, while Envoy has not taken the newest keys and the newest third filter, or has not
answered what it was sent last. Where Envoy refuses one of those two, or the store was not heard of
for longer than the bound, the second filter is withdrawn.

Envoy says that the second filter has ended meanwhile by refusing its confirmation; then it gets all
of it anew. Nothing here reads a clock: times are seconds of a steady one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from xds.core.v3.extension_pb2 import TypedExtensionConfig

from extauthz.xds.edition import Base, Edition
from extauthz.xds.filters import APPLICATIONS, KEYS, RECENT

CONFIRMATIONS = 5
"""So many times within the bound the second filter is confirmed."""
_FILTERS = frozenset((KEYS, RECENT, APPLICATIONS))


@dataclass(frozen=True, slots=True)
class State:
    """What is so, and since when nobody knows better."""

    keys: TypedExtensionConfig
    base: Base
    now: Edition
    heard_at: float
    """When the store was last known to say the same."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A filter for Envoy; None confirms the version that it has."""

    name: str
    version: int
    filter: TypedExtensionConfig | None
    ends_after: float | None = None
    """Seconds until Envoy drops it; None: never."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to Envoy."""

    nonce: str
    resources: tuple[Resource, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(slots=True)
class Conversation:
    """One stream: `due` says what to send, the other methods take what Envoy says."""

    bound: float
    _began: bool = False
    _asked: set[str] = field(default_factory=set)
    _sent: dict[str, object] = field(default_factory=dict)
    """Of what the first and third filter were made that Envoy was sent last."""
    _taken: dict[str, object] = field(default_factory=dict)
    _open: dict[str, dict[str, object]] = field(default_factory=dict)
    """What was sent under each nonce that Envoy has not answered."""
    _news: tuple[Base, Edition] | None = None
    """Of which two the second filter says the difference that Envoy was sent."""
    held: bool = False
    """Whether Envoy has said that it has that one, so that it can prove something."""
    _next_at: float = 0.0
    """When the second filter is to be confirmed, or may be tried again."""
    _version: int = 0
    _count: int = 0

    def asked(self, more: Iterable[str], less: Iterable[str] = ()) -> None:
        """Envoy wants these filters, and those no longer."""
        for name in less:
            self._asked.discard(name)
            self._sent.pop(name, None)
            self._taken.pop(name, None)
            self._forget(name)
        self._asked.update(_FILTERS.intersection(more))

    def taken(self, nonce: str) -> None:
        """Envoy goes by what it was sent under this nonce."""
        for name, made_of in self._open.pop(nonce, {}).items():
            self._taken[name] = made_of
            self.held |= name == RECENT

    def refused(self, nonce: str) -> bool:
        """Envoy does not. True: it goes on by what it had; False: what it had was over anyway."""
        named = self._open.pop(nonce, {})
        for name in named:
            self._forget(name)
        return any(made_of is not None for made_of in named.values())

    def _forget(self, name: str) -> None:
        if name == RECENT:
            self._news, self.held = None, False

    def due(self, state: State, now: float) -> Iterator[Message]:
        """What to send now."""
        if self._asked and not self._began:
            self._began = True
            yield Message(self._noted({}), removed=(RECENT,))
        made_of: dict[str, object] = {KEYS: state.keys, APPLICATIONS: state.base}
        fresh = {name: one for name, one in made_of.items() if self._lacks(name, one)}
        if fresh:
            self._sent.update(fresh)
            yield self._fixed(fresh, state)
        left = self.bound - (now - state.heard_at)
        settled = all(self._taken.get(name) is one for name, one in made_of.items())
        if left <= 0 or not (settled or self._open):
            yield from self._withdraw(now)
        elif settled and not self._open and RECENT in self._asked:
            yield from self._recent(state, now, left)

    def _lacks(self, name: str, made_of: object) -> bool:
        return name in self._asked and self._sent.get(name) is not made_of

    def _fixed(self, made_of: Mapping[str, object], state: State) -> Message:
        filters = {KEYS: lambda: state.keys, APPLICATIONS: lambda: state.base.filter}
        nonce = self._noted(made_of)
        version = int(nonce)
        return Message(nonce, tuple(Resource(one, version, filters[one]()) for one in made_of))

    def _recent(self, state: State, now: float, left: float) -> Iterator[Message]:
        known = self._news
        same = known is not None and known[0] is state.base and known[1] is state.now
        if now < self._next_at and (same or known is None):
            return
        self._next_at = now + self.bound / CONFIRMATIONS
        news = None
        if not (same and self.held):
            news, self._version = state.base.news(state.now), self._version + 1
        self._news, self.held = (state.base, state.now), same and self.held
        nonce = self._noted({RECENT: news})
        yield Message(nonce, (Resource(RECENT, self._version, news, left),))

    def _withdraw(self, now: float) -> Iterator[Message]:
        if self._news is not None:
            self._forget(RECENT)
            self._next_at = now + self.bound / CONFIRMATIONS
            yield Message(self._noted({}), removed=(RECENT,))

    def _noted(self, made_of: Mapping[str, object]) -> str:
        self._count += 1
        nonce = str(self._count)
        self._open[nonce] = dict(made_of)
        return nonce
