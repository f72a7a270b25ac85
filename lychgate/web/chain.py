"""Eager cookies: one login gives a browser its cookie on every concrete host of an application.

The hosts are visited one after another through their own login, so that each ties the hand-over
to its own `CF_AppSession`; the host asked for comes last. What is left to visit travels sealed
and names the login it was made for.
"""

from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.web.sealed import Use, Visit, close, open_sealed
from lychgate.web.services import Services
from lychgate.web.visits import app_login_url

MAX_HOSTS = 5
"""Each host costs three redirects and browsers follow about twenty."""


def first_hop(
    services: Services, snapshot: Snapshot, app: CompiledApp, visit: Visit, session: str
) -> str | None:
    """Where to go before the host asked for; None when there is nothing to chain."""
    if not app.app.cookie.eager:
        return None
    concrete = {
        destination.host: _start(destination.path)
        for destination in reversed(app.app.destinations)
        if "*" not in destination.host and destination.host != visit.host
    }
    hosts = list(reversed(concrete.items()))
    if not hosts or len(hosts) >= MAX_HOSTS:
        return None
    return _hop(services, snapshot, [*hosts, (visit.host, visit.path)], session)


def _start(pattern: str) -> str:
    head, star, _ = pattern.partition("*")
    return (head[: head.rindex("/") + 1] if star else head) or "/"


def is_underway(services: Services, chain: str, session: str) -> bool:
    """Whether this visit is a hop of a chain that this login began."""
    opened = open_sealed(services, Use.NEXT, chain)
    return opened is not None and opened.payload["n"] == session


def next_hop(services: Services, snapshot: Snapshot, chain: str, session: str) -> str | None:
    """Where to go after this host; None when the chain ends here."""
    opened = open_sealed(services, Use.NEXT, chain)
    if opened is None or opened.payload["n"] != session:
        return None
    left = [(str(host), str(path)) for host, path in opened.payload["l"]]
    return _hop(services, snapshot, left, session) if left else None


def _hop(services: Services, snapshot: Snapshot, left: list[tuple[str, str]], session: str) -> str:
    (host, path), *rest = left
    sealed = close(services, Use.NEXT, {"l": rest, "n": session}, "")
    return app_login_url(snapshot, host, redirect_url=path, next=sealed)
