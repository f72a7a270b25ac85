"""Asks the external evaluation services of an application about a login; no answer, no login."""

from collections.abc import Iterable, Mapping
from typing import Any

from lychgate.core.selectors import Evaluation
from lychgate.core.snapshot import Snapshot
from lychgate.core.tokens import sign
from lychgate.idp.base import LoginFailed
from lychgate.idp.evaluation import Question
from lychgate.store.base import Session
from lychgate.web.errors import Unavailable
from lychgate.web.services import Services

_LIFE = 60


def ask_all(
    services: Services, snapshot: Snapshot, needed: Iterable[Evaluation], session: Session
) -> Mapping[Evaluation, bool]:
    """What each service says of the person. An error ends the login: in a Block or an Exclude a
    silent no would let people in."""
    said: dict[Evaluation, bool] = {}
    for urls in needed:
        question = _question(services, snapshot, session)
        outcome = services.evaluations.evaluator(urls).ask(
            question, services.outbound, services.clock()
        )
        if isinstance(outcome, LoginFailed):
            raise Unavailable(
                "a service that has to be asked about your login did not answer as it should",
                outcome.detail,
            )
        said[urls] = outcome
    return said


def _question(services: Services, snapshot: Snapshot, session: Session) -> Question:
    now, nonce = services.clock(), services.token()
    issued = int(now.timestamp())
    claims: dict[str, Any] = {
        "type": "evaluation",
        "iss": snapshot.team.url,
        "iat": issued,
        "exp": issued + _LIFE,
        "nonce": nonce,
        "identity": dict(session.identity_json),
    }
    return Question(sign(claims, snapshot.keyring.current(now)), nonce)
