"""Whether a person may have a token: by the policies, and what they justified or were given."""

from dataclasses import dataclass
from datetime import datetime

from lychgate.core.admit import Admission, Admitted, NeedsApproval, NeedsPurpose, Refused, admit
from lychgate.core.selectors import Evidence
from lychgate.core.snapshot import CompiledApp
from lychgate.store.base import Session, Store


@dataclass(frozen=True, slots=True)
class Judged:
    """What the policies and the extras together say, and until when at most."""

    admission: Admission
    ends: datetime | None = None
    """When an approval runs out."""


def judge(
    store: Store, app: CompiledApp, evidence: Evidence, session: Session, now: datetime
) -> Judged:
    """Ask the policies, then count what the person has already justified or been granted."""
    admission = admit(app, evidence)
    match admission:
        case NeedsPurpose(then=admitted):
            given = store.purposes.given(session.nonce, app.app.id)
            return Judged(admitted if given else admission)
        case NeedsApproval(then=admitted):
            grant = store.approvals.granted(session.subject, app.app.id, now)
            if grant is None or grant.granted_until is None or grant.policy != admitted.policy:
                return Judged(admission)
            return Judged(admitted, grant.granted_until)
        case Admitted() | Refused():
            return Judged(admission)
