"""Which of our tokens were ended before their time."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from lychgate.core.model import AppId, Revocation, RevocationKind
from lychgate.core.session import Token

type Ended = Mapping[str, tuple[int, int]]
"""By key: the last second whose tokens are dead, and when this entry may be dropped."""

_NONE: Ended = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Revocations:
    """Not-before times of people, applications, logins and grants, in seconds since 1970."""

    users: Ended = _NONE
    apps: Ended = _NONE
    sessions: Ended = _NONE
    grants: Ended = _NONE
    count: int = field(default=0)

    def cover(self, token: Token, app: AppId | None) -> bool:
        """Whether the token is dead; one issued in the very second of the revocation is."""
        issued = token.issued_at
        return (
            _dead(self.users, token.subject, issued)
            or _dead(self.sessions, token.session, issued)
            or (app is not None and _dead(self.apps, app, issued))
            or (bool(self.grants) and _dead(self.grants, token.grant, issued))
        )

    def ended(self, app: AppId, issued: int) -> bool:
        """Whether tokens of the application issued in that second are dead."""
        return _dead(self.apps, app, issued)

    def newest(self, subject: str, session: str, app: AppId | None) -> int:
        """The newest second that a token minted for these must lie after; -1 for none."""
        keyed = (
            (self.users, subject),
            (self.sessions, session),
            (self.apps, app or ""),
        )
        return max(table[key][0] if key in table else -1 for table, key in keyed)

    def adding(self, revocations: Iterable[Revocation], now: datetime) -> "Revocations":
        """These and the given ones, less those that nothing valid can fall under any more."""
        tables = {
            RevocationKind.USER: _live(self.users, now),
            RevocationKind.APP: _live(self.apps, now),
            RevocationKind.SESSION: _live(self.sessions, now),
            RevocationKind.GRANT: _live(self.grants, now),
        }
        for one in revocations:
            table = tables[one.kind]
            not_before, until = table.get(one.key, (-1, -1))
            table[one.key] = (
                max(not_before, int(one.not_before.timestamp())),
                max(until, math.ceil(one.expires_at.timestamp())),
            )
        users, apps, sessions, grants = tables.values()
        return Revocations(users, apps, sessions, grants, sum(map(len, tables.values())))


def _dead(table: Ended, key: str, issued: int) -> bool:
    entry = table.get(key)
    return entry is not None and issued <= entry[0]


def _live(table: Ended, now: datetime) -> dict[str, tuple[int, int]]:
    limit = now.timestamp()
    return {key: entry for key, entry in table.items() if entry[1] > limit}
