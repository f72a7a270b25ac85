"""The last look before a token is issued: the newest configuration, and a time after all of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lychgate.core.admit import Admitted
from lychgate.core.session import Grounds, app_claims, seconds, token_life
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.zerohop import vouched
from lychgate.oauth.admission import Judged
from lychgate.store.base import Session
from lychgate.web.door import judge, shortest
from lychgate.web.errors import Unavailable
from lychgate.web.people import live_session
from lychgate.web.request import WebRequest
from lychgate.web.sealed import Entrance
from lychgate.web.services import Services

_TRIES = 4


@dataclass(frozen=True, slots=True)
class Settled:
    """Everything a token needs.

    The time was booked before the configuration was read, so that a token issued at `now` is older
    than any change that this snapshot does not hold yet.
    """

    now: datetime
    snapshot: Snapshot
    app: CompiledApp
    session: Session
    judged: Judged

    def life(self, admitted: Admitted) -> timedelta:
        """How long the token may live."""
        return shortest(token_life(admitted.duration), self.judged.ends, self.now)

    def claims(self, admitted: Admitted, life: timedelta) -> dict[str, Any]:
        """The claims of the application token."""
        session = self.session
        grounds = Grounds(session.nonce, admitted.policy, admitted.facts, session.country or None)
        team, app = self.snapshot.team, self.app.app
        claims = app_claims(team, app, session.identity, grounds, self.now, life)
        return vouched(claims, self.app, self.snapshot.revocations)


def settle(
    request: WebRequest,
    services: Services,
    entrance: Entrance,
    owner: Callable[[Snapshot], CompiledApp | None],
) -> Settled | None:
    """What the newest configuration says of the person; None when their login is over.

    A token must be younger than every revocation and change that concerns it, by whole seconds:
    within the same second this waits, and then looks again.
    """
    for _ in range(_TRIES):
        now, snapshot = services.booked()
        session = live_session(entrance.session, services, snapshot)
        app = owner(snapshot)
        if session is None or app is None:
            return None
        revocations = snapshot.revocations
        last = revocations.newest(session.subject, session.nonce, app.app.id)
        last = max(last, app.rules_changed_at)
        if last < seconds(now):
            judged = judge(request, services, app, entrance, session)
            return Settled(now, snapshot, app, session, judged)
        services.moment_after(last)
    raise Unavailable("the configuration is changing too fast")
