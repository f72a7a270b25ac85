"""Which applications a proxy may prove alone, and what their tokens say so that it can.

The common request carries a good token in its cookie and comes to an application whose policies
need nothing of the request itself. `decide` would look at the token and let it pass; so may a
proxy that checks the same. This module says where that holds (`unfit`, `grounds`) and gives the
token two claims by which the proxy can tell that it is one of these, and not out of date:

- `rules`, the second of the last change of the application's policies (or of the revocation of all
  its tokens, if that is later), and a digest of what they were. The proxy knows today's; an older
  token has another.
- `times`, when it was issued and ends, and the second of the person's newest revocation. A token is
  issued in a later second, so one that names the newest revocation of today lies after it. They
  are in one text, because a proxy takes long to copy a claim.

Both are given only to tokens for which `decide` says yes for as long as the rules stay and the
person is not revoked, and whose other claims are all plain: a person's own, in shapes that a proxy
may copy into headers. So it need not look at any of the claims that other tokens have; and whoever
makes a token of the claims of another leaves the two out. Everything else of a request (its path,
its cookies, its other credentials) is the adapter's to prove, and whatever it cannot prove goes to
`decide`.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lychgate.core.formula import Formula, Node, Opened
from lychgate.core.model import Action, AppType, Team
from lychgate.core.policy import CompiledPolicy
from lychgate.core.revocations import Revocations
from lychgate.core.routes import Entry, entries_of
from lychgate.core.session import RULES, TIMES, TokenType
from lychgate.core.snapshot import CompiledApp, Snapshot

CROWD = 64
"""So many more specific destinations of others inside one's own are told apart; more are not."""
_CREDENTIALS = frozenset({"service_token", "any_valid_service_token", "linked_app_token"})
"""Rules that hold only for a request with a header that the proxy sends to `decide` anyway."""


class Unfit(StrEnum):
    """Why every request of an application goes to `decide`; stable, shown by `explain`."""

    SWITCHED_OFF = "switched_off"
    """`zero_hop` is false, of the application or of the organization."""
    TYPE = "type"
    """It is not self-hosted."""
    NO_LOGIN = "no_login"
    """No Allow policy: nobody's token opens it."""
    EACH_REQUEST = "each_request"
    """An Allow or Block policy tests each request: an address, a country, a certificate."""
    WITHOUT_LOGIN = "without_login"
    """A Bypass or Service Auth policy may match a request that shows no credential."""
    BINDING_COOKIE = "binding_cookie"
    """Its token counts only together with a second cookie."""
    DESTINATIONS = "destinations"
    """All of its destinations have public paths, a star inside a label, or are too crowded."""


def unfit(app: CompiledApp, snapshot: Snapshot) -> Unfit | None:
    """Why an application must be decided request by request; None: a proxy may prove it."""
    reason = _unfit_by_policies(app, snapshot)
    if reason is None and not grounds(app, snapshot):
        return Unfit.DESTINATIONS
    return reason


def _unfit_by_policies(app: CompiledApp, snapshot: Snapshot) -> Unfit | None:
    if not (app.app.zero_hop and snapshot.organization.zero_hop):
        return Unfit.SWITCHED_OFF
    if app.app.type is not AppType.SELF_HOSTED:
        return Unfit.TYPE
    if not app.settled:
        tested = any(policy.action is Action.ALLOW for policy in app.person)
        return Unfit.EACH_REQUEST if tested else Unfit.NO_LOGIN
    if any(map(_may_hold_bare, app.machine)):
        return Unfit.WITHOUT_LOGIN
    return Unfit.BINDING_COOKIE if app.app.cookie.binding else None


def _may_hold_bare(policy: CompiledPolicy) -> bool:
    """Whether some request without a credential header could match; excludes count for nothing."""
    return _formula_may(policy.formula)


def _formula_may(formula: Formula) -> bool:
    return any(map(_may_hold, formula.include)) and all(map(_may_hold, formula.require))


def _may_hold(node: Node) -> bool:
    if isinstance(node, Opened):
        return _formula_may(node.formula)
    return not node.void and node.rule.kind not in _CREDENTIALS


@dataclass(frozen=True, slots=True)
class Ground:
    """One destination of an application, less what more specific ones of others own inside it."""

    entry: Entry
    without: tuple[Entry, ...] = ()
    without_hosts: tuple[str, ...] = ()
    """Literal hosts under a star that belong to others, or to the companion."""


def grounds(app: CompiledApp, snapshot: Snapshot) -> tuple[Ground, ...]:
    """The destinations of an application that a proxy can tell from those of others."""
    found = (_ground(entry, snapshot) for entry in entries_of(app.app))
    return tuple(ground for ground in found if ground is not None)


def _ground(entry: Entry, snapshot: Snapshot) -> Ground | None:
    if entry.public or not _whole_labels(entry):
        return None
    hosts: tuple[str, ...] = ()
    rivals: Iterable[Entry] = snapshot.routes.exact.get(entry.host.text, ())
    if not entry.host.literal:
        hosts = tuple(_literal_below(entry, snapshot))
        rivals = _stars_near(entry, snapshot)
    without = tuple(_winning(entry, rivals))
    return Ground(entry, without, hosts) if len(without) <= CROWD else None


def _whole_labels(entry: Entry) -> bool:
    return all(label == "*" or "*" not in label for label in entry.host.text.split("."))


def _literal_below(entry: Entry, snapshot: Snapshot) -> Iterator[str]:
    end = "." + entry.host.suffix
    for hosts in (snapshot.routes.exact, snapshot.companion_hosts):
        yield from (host for host in hosts if host.endswith(end) and entry.host.covers(host))


def _stars_near(entry: Entry, snapshot: Snapshot) -> Iterator[Entry]:
    mine = entry.host.suffix
    for suffix, others in snapshot.routes.stars.items():
        if suffix.endswith(mine) or mine.endswith(suffix):
            yield from others


def _winning(entry: Entry, rivals: Iterable[Entry]) -> Iterator[Entry]:
    """Those that own some request which the entry covers as well."""
    mine = (entry.host.rank, entry.path.rank)
    for rival in rivals:
        if rival == entry or (rival.app == entry.app and not rival.public):
            continue
        wins = (rival.host.rank, rival.path.rank) <= mine
        if wins and rival.host.overlaps(entry.host) and rival.path.overlaps(entry.path):
            yield rival


def rules_claim(app: CompiledApp, revocations: Revocations) -> str:
    """What a token of the application must have been issued under."""
    revoked_at, _ = revocations.apps.get(app.app.id, (0, 0))
    newest = max(app.rules_changed_at, revoked_at)
    parts = (app.app.audience, str(newest), *sorted(app.settled))
    return f"{newest}.{hashlib.sha256('\0'.join(parts).encode()).hexdigest()[:32]}"


def vouched(
    claims: Mapping[str, Any], app: CompiledApp, revocations: Revocations
) -> dict[str, Any]:
    """The claims of a token, with the two if it deserves them; and without them if not."""
    bare = {name: value for name, value in claims.items() if name not in (RULES, TIMES)}
    if not (_plain(bare) and bare.get("aud") == [app.app.audience]):
        return bare
    subject, session, issued = bare["sub"], bare["identity_nonce"], bare["iat"]
    newest = max(revocations.newest(subject, session, app.app.id), app.rules_changed_at)
    if bare["policy_id"] not in app.settled or issued <= newest:
        return bare
    of_person = max(revocations.newest(subject, session, None), 0)
    times = f"{issued},{bare['exp']},{of_person}"
    return {**bare, RULES: rules_claim(app, revocations), TIMES: times}


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_NONCE = re.compile(r"[A-Za-z0-9_-]{21,128}")
_EMAIL = re.compile(r"(?:[!-~]+@[!-~]+)?")
_OF_OTHERS = (
    "facts",
    "common_name",
    "service_token_status",
    "linked_from",
    "linked_at",
    "grant_id",
    "client_id",
)
"""Claims of tokens that are decided by more than their person's own."""


def _plain(claims: Mapping[str, Any]) -> bool:
    """Whether a token is a person's own, and says so in the shapes that most tokens have."""
    shaped = (("sub", _ID), ("identity_nonce", _NONCE), ("email", _EMAIL))
    texts = all(
        isinstance(text := claims.get(name, ""), str) and shape.fullmatch(text)
        for name, shape in shaped
    )
    times = [claims.get(name) for name in ("iat", "nbf", "exp")]
    return (
        claims.get("type") == TokenType.APP.value
        and texts
        and isinstance(claims.get("policy_id"), str)
        and all(type(time) is int and 0 <= time < 2**40 for time in times)
        and times[0] == times[1]
        and not any(name in claims for name in _OF_OTHERS)
    )


def opening(audience: str, team: Team) -> str:
    """How the payload of every token of an application begins, as text; see `app_claims`."""
    claims = {"type": TokenType.APP.value, "aud": [audience], "iss": team.url, "sub": ""}
    text = json.dumps(claims, separators=(",", ":")).removesuffix('"}').encode()
    return base64.urlsafe_b64encode(text[: len(text) // 3 * 3]).decode()
