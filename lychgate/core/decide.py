"""Decides one request. The order, and nothing but this order:

1.  A request that two programs could read differently is refused (400), as is TRACE or CONNECT
    (405). The path is normalised once; what is judged is what is forwarded.
2.  The team domain (and the other hosts of the companion), and `/cdn-cgi/access/` on a host with
    an application, belong to the companion.
3.  Well-known OAuth documents of a protected host are answered here.
4.  The most specific application owns the request. None: refused, unless the organisation says
    that unmatched hosts pass.
5.  A path that a destination declares public passes without identity.
6.  Bypass and Service Auth policies, in the order of the list, on the facts of the request: its
    address, certificate, service token, and the token of a linked application. A service token
    that is wrong, or right and not allowed here, is refused in strict mode after Bypass had its
    say; it never leads to a login.
7.  Preflight requests, which carry no credential, are answered as configured.
8.  A session: an application token in `Cf-Access-Token` or in a cookie. What Allow and Block
    policies say of the person was settled at login and stands; what they say of the request is
    judged again.
9.  Without a session: refused when no login could help, else the login or a challenge.

Step 6 is written in `core.machines`, steps 8 and 9 in `core.persons`.

An admission must hold for both readings of a path with parameters (see `core.urls`). Whatever is
forwarded loses every header and cookie that only we may set. Anything unforeseen is an exception,
which the gate turns into a refusal.
"""

import re
from datetime import datetime

from lychgate.core.answers import (
    allows_preflight,
    is_preflight,
    preflight_headers,
    refuse,
)
from lychgate.core.case import Case
from lychgate.core.credentials import (
    Reader,
    split,
)
from lychgate.core.decision import (
    Allow,
    Because,
    Decision,
    Deny,
    Reason,
    Respond,
    Serve,
)
from lychgate.core.forward import Onward
from lychgate.core.machines import by_machine, presented
from lychgate.core.metadata import well_known
from lychgate.core.persons import by_person
from lychgate.core.request import Request
from lychgate.core.session import (
    Verify,
)
from lychgate.core.snapshot import Route, Snapshot
from lychgate.core.urls import PREFIX, Target, canonical_host, is_query, normalise
from lychgate.core.values import momentary

_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}")


def decide(request: Request, snapshot: Snapshot, verify: Verify, now: datetime) -> Decision:
    """What to do with a request, from the request, the configuration and the time alone."""
    placed = place(request, snapshot)
    if not isinstance(placed, Placed):
        return placed
    decision = _decide(_case(request, placed, snapshot, verify, now))
    return agree(placed) if isinstance(decision, Allow) and not placed.agreed else decision


@momentary
class Placed:
    """A well-formed request and the application that owns it.

    `agreed`: both readings of its path belong to the same destination.
    """

    host: str
    target: Target
    route: Route
    agreed: bool


def place(request: Request, snapshot: Snapshot) -> Placed | Decision:
    """Steps 1 to 4: the owner of a request, or what is decided without one."""
    host = canonical_host(request.host)
    if host is None or not _consistent(request, host):
        return _bad("host")
    target = _target(request, host, snapshot)
    if target is None or not is_query(request.query):
        return _bad("target")
    if not _METHOD.fullmatch(request.method):
        return _bad("method")
    if request.method in ("TRACE", "CONNECT"):
        return Deny(Because(Reason.METHOD_NOT_ALLOWED), 405)
    if "_" in "".join(request.headers):
        return _bad("header name with an underscore")
    if host in snapshot.companion_hosts:
        return Serve(Because(Reason.COMPANION))
    if target.path.startswith(PREFIX):
        known = snapshot.routes.knows_host(host)
        return Serve(Because(Reason.COMPANION)) if known else _bad("unknown host")
    document = well_known(request, host, target.path, snapshot)
    if document is not None:
        return document
    route = snapshot.route(host, target.bare)
    agreed = target.bare == target.path or snapshot.route(host, target.path) == route
    if route is None:
        return _unmatched(request, host, target, snapshot) if agreed else _bad("path parameters")
    return Placed(host, target, route, agreed)


def agree(placed: Placed) -> Deny:
    """The refusal of an admission that holds for one reading of the path only."""
    return Deny(Because(Reason.BAD_REQUEST, placed.route.app.app.id, detail="path parameters"), 400)


def _bad(what: str) -> Deny:
    return Deny(Because(Reason.BAD_REQUEST, detail=what), 400)


def _consistent(request: Request, host: str) -> bool:
    values = request.headers.get("host")
    return values is None or (len(values) == 1 and canonical_host(values[0]) == host)


def _target(request: Request, host: str, snapshot: Snapshot) -> Target | None:
    if len(request.path) > 16384:
        return None
    target = normalise(request.path)
    if target is None and "%2" in request.path:
        owners = {entry.app for entry in snapshot.routes.on_host(host)}
        if len(owners) == 1 and snapshot.apps[owners.pop()].app.allow_encoded_slash:
            return normalise(request.path, encoded_slash=True)
    return target


def _unmatched(request: Request, host: str, target: Target, snapshot: Snapshot) -> Allow | Deny:
    organization = snapshot.organization
    exempted = any(
        host == zone or host.endswith("." + zone)
        for zone in map(str.lower, organization.exempted_hosts)
    )
    if organization.deny_unmatched_requests and not exempted:
        return Deny(Because(Reason.NO_APPLICATION, detail=host), 403)
    because = Because(Reason.UNMATCHED_PASSED, detail=host)
    return Onward(request, target.path, split(request), None, snapshot.keyring).anonymous(because)


def _case(
    request: Request, placed: Placed, snapshot: Snapshot, verify: Verify, now: datetime
) -> Case:
    cookies, app = split(request), placed.route.app
    return Case(
        request=request,
        host=placed.host,
        target=placed.target,
        route=placed.route,
        snapshot=snapshot,
        now=now,
        cookies=cookies,
        reader=Reader(snapshot, app, verify, now),
        onward=Onward(request, placed.target.path, cookies, app.app, snapshot.keyring),
    )


def _decide(case: Case) -> Decision:
    """Steps 5 to 9."""
    if _is_public(case):
        return case.onward.anonymous(case.because(Reason.BYPASSED))
    machine = presented(case)
    decision = by_machine(case, machine)
    if decision is None:
        decision = _preflight(case)
    return by_person(case, machine) if decision is None else decision


def _is_public(case: Case) -> bool:
    entry = case.route.entry
    both = (case.target.path, case.target.bare)
    return bool(entry.public) and all(entry.open_without_login(path) for path in both)


def _preflight(case: Case) -> Decision | None:
    request, cors = case.request, case.app.cors
    if not is_preflight(request):
        return None
    if case.app.options_preflight_bypass:
        return case.onward.anonymous(case.because(Reason.PREFLIGHT_PASSED))
    if cors is None or not allows_preflight(cors, request):
        because = case.because(Reason.PREFLIGHT_REFUSED)
        return refuse(because, 403, case.compiled, request)
    headers = preflight_headers(cors, request)
    return Respond(case.because(Reason.PREFLIGHT_ANSWERED), 200, headers)
