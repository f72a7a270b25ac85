"""What handlers work with: store, snapshot, clock, randomness and the ways out, handed in whole."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from lychgate.core.request import Address
from lychgate.core.snapshot import Snapshot
from lychgate.idp import LoginMethods
from lychgate.mail import Message
from lychgate.oauth.documents import Documents
from lychgate.outbound import Outbound
from lychgate.settings import Settings
from lychgate.store.base import Clock, Store
from lychgate.web.errors import Unavailable
from lychgate.web.evaluations import Evaluations
from lychgate.web.issuers import Issuers
from lychgate.web.limits import Limiter
from lychgate.web.metrics import Metrics

CATCH_UP = timedelta(seconds=3)
"""How long a request waits for the newest configuration before it gives up."""
_SILENT = timedelta(seconds=5)
"""After this long without a word from the store, requests that need it do not wait for it."""


class Follower(Protocol):
    """Follows the store; `lychgate.store.feed.Feed` does."""

    def current(self) -> Snapshot | None:
        """The snapshot in force; None until the store was read once."""

    def wait_for(self, revision: int, timeout: timedelta) -> bool:
        """Whether that revision, or a later one, is in force before the timeout."""

    def age(self) -> timedelta | None:
        """How long ago the store was last heard of; None before the first time."""


class Post(Protocol):
    """Takes mails and returns at once: nobody can tell by the time whether one was sent."""

    def post(self, message: Message) -> None:
        """Take one mail."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything outside a handler."""

    settings: Settings
    store: Store
    feed: Follower
    clock: Clock
    random: Callable[[int], bytes] = field(repr=False)
    wait: Callable[[float], None]
    methods: LoginMethods
    issuers: Issuers
    evaluations: Evaluations
    documents: Documents
    outbound: Outbound
    post: Post
    limiter: Limiter
    metrics: Metrics
    country: Callable[[Address | None], str | None]

    def token(self) -> str:
        """A fresh unguessable value: 256 bits, safe in a URL and a cookie."""
        return base64.urlsafe_b64encode(self.random(32)).rstrip(b"=").decode()

    def current(self) -> Snapshot:
        """The snapshot in force."""
        snapshot = self.feed.current()
        if snapshot is None:
            raise Unavailable("the configuration has not been read yet")
        return snapshot

    def newest(self) -> Snapshot:
        """The snapshot of the store's newest revision: what was just changed already counts."""
        self._listen()
        return self._at(self.store.revision())

    def _listen(self) -> None:
        age = self.feed.age()
        if age is None or age > _SILENT:
            raise Unavailable("the store does not answer")

    def _at(self, revision: int) -> Snapshot:
        if not self.feed.wait_for(revision, CATCH_UP):
            raise Unavailable("the newest configuration is not in force here yet")
        return self.current()

    def booked(self) -> tuple[datetime, Snapshot]:
        """A time for tokens, and the snapshot to judge them by.

        Whatever is changed or revoked from then on, on any node, ends tokens of that time.
        """
        self._listen()
        now = self.clock()
        return now, self._at(self.store.book(now))

    def moment_after(self, second: int) -> datetime:
        """The time once that second is over: a token of the same second would be dead at birth."""
        now = self.clock()
        while int(now.timestamp()) <= second:
            if second - now.timestamp() > 3:
                raise Unavailable("the clocks of this installation disagree")
            self.wait(second + 1 - now.timestamp())
            now = self.clock()
        return now
