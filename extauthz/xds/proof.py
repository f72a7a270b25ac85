"""What must be so of a request, beside its token, that its token alone decides it.

Each condition is one that `decide` knows, or a stricter one: a request that fails here has only not
been proved, and is asked about.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from extauthz.xds.matching import (
    RUN,
    SKIP,
    OnMatch,
    Predicate,
    all_of,
    any_of,
    begins,
    equals,
    fits,
    judged,
    looked_up,
    not_,
    present,
    when,
)
from lychgate.core.model import Team
from lychgate.core.patterns import HostPattern, PathPattern
from lychgate.core.routes import Entry
from lychgate.core.urls import (
    CLIENT_ID,
    CLIENT_SECRET,
    METADATA_REQUEST,
    TOKEN_HEADER,
)
from lychgate.core.zerohop import Ground

USER, EMAIL = "x-lychgate-user", "x-lychgate-email"
SESSION, RULES, TIMES = "x-lychgate-session", "x-lychgate-rules", "x-lychgate-times"
TOKEN, COOKIES = "x-lychgate-token", "x-lychgate-cookies"
CLAIMS = (
    (USER, "sub"),
    (EMAIL, "email"),
    (SESSION, "identity_nonce"),
    (RULES, "rules"),
    (TIMES, "times"),
)
"""Which claims of a verified token become which header; no client can set these headers.

Only a token that has the last one counts: `core.zerohop` gives it to those whose claims are plain,
and the rest of them need not be looked at.
"""

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_FIRST, _LATER = r"[A-Za-z0-9_~!$&'()*+,=:@-]", r"[A-Za-z0-9._~!$&'()*+,=:@-]"
TARGET = rf"/(?:{_FIRST}{_LATER}*/?)*(?:\?[\x21\x22\x24-\x7e]*)?"
"""A target with one reading only (see `core.urls`), so neither dot segments nor parameters."""
FOREIGN = r"(?i:basic) [A-Za-z0-9+/=]*|(?i:bearer) ey[A-Za-z0-9_.-]*"
"""Authorization that can be none of ours: our bearers begin with `oauth:` or a key id in hex."""
_JUMP = "cf-access-jump-destination"
_ELSEWHERE = (CLIENT_ID, CLIENT_SECRET, TOKEN_HEADER, METADATA_REQUEST, _JUMP)
"""Headers that `decide` looks at, and one of the family that goes on to the origin."""
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"


def _lua(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def conditions() -> Predicate:
    """What must be so at any application; the cheap questions first."""
    return all_of(
        any_of(*(equals(":method", method) for method in _METHODS)),
        *(not_(present(name)) for name in _ELSEWHERE),
        any_of(not_(present("authorization")), fits("authorization", FOREIGN)),
        fits(":path", TARGET),
        judged(":path", _lua("target.lua")),
        judged(TIMES, _lua("times.lua")),
    )


def ours(beginnings: Iterable[str]) -> Predicate:
    """Whether the token begins like those of an application.

    Which of its policies admitted is part of what `rules` are a digest of.
    """
    return any_of(*(begins(TOKEN, one) for one in beginnings))


def on_grounds(grounds: Iterable[Ground], team: Team, besides: Predicate) -> OnMatch:
    """SKIP for a request to one of these for which the rest holds as well; else RUN."""
    tree = RUN
    for ground in sorted(grounds, key=lambda one: one.entry.host.literal):
        tree = _on_ground(ground, team, tree)
    return when(besides, tree, RUN)


def _on_ground(ground: Ground, team: Team, otherwise: OnMatch) -> OnMatch:
    entry = ground.entry
    tests = [on_host(entry.host, team)]
    if entry.path.text != "/":
        tests.append(below(entry.path))
    tests += [not_(_owned(rival, entry, team)) for rival in ground.without]
    tree = when(all_of(*tests), SKIP, otherwise)
    others = {host + port: RUN for host in ground.without_hosts for port in _ports(team)}
    return looked_up(":authority", others, tree)


def _owned(rival: Entry, entry: Entry, team: Team) -> Predicate:
    """Whether a request on our ground is another's; on the same host the path says it all."""
    path = below(rival.path)
    return path if rival.host == entry.host else all_of(on_host(rival.host, team), path)


def on_host(host: HostPattern, team: Team) -> Predicate:
    """Whether the authority is this host in its one spelling, with our public port or without."""
    if host.literal:
        return any_of(*(equals(":authority", host.text + port) for port in _ports(team)))
    labels = r"\.".join(map(_label, host.text.split(".")))
    return fits(":authority", f"{labels}(?:{'|'.join(_ports(team))})")


def _ports(team: Team) -> Sequence[str]:
    return ("", f":{team.public_port}") if team.public_port else ("",)


def _label(label: str) -> str:
    return _LABEL if label == "*" else "[a-z0-9_-]*".join(map(re.escape, label.split("*")))


def below(path: PathPattern) -> Predicate:
    """Whether the path is the pattern or below it, as `PathPattern.covers` has it."""
    text = path.text
    if text == "/":
        return begins(":path", "/")
    if "*" not in text:
        starts = (begins(":path", text + end) for end in "/?")
        return any_of(equals(":path", text), *starts)
    glob = "[^?]*".join(map(re.escape, text.split("*")))
    return fits(":path", rf"{glob}(?:/[^?]*)?(?:\?.*)?")
