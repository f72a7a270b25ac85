"""The random values that tell one browser from another, and the cookies that keep them.

`CF_Session` on the team domain and `CF_AppSession` on an application host are kept when they are
well formed: many tabs log in at once, and each must find the value the others know.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable

from lychgate.core.answers import app_session
from lychgate.core.decision import SetCookie
from lychgate.core.session import APP_SESSION_LIFE, TEAM_COOKIE_LIFE, hash_app_session
from lychgate.core.urls import APP_SESSION_COOKIE, SESSION_COOKIE, split_cookies
from lychgate.web.request import WebRequest

_WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{32,128}")


def team_browser(request: WebRequest) -> SetCookie:
    """The `CF_Session` of this browser, drawn when it has none."""
    kept = next(filter(_WELL_FORMED.fullmatch, request.cookies(SESSION_COOKIE)), "")
    value = kept or request.fresh
    return SetCookie(SESSION_COOKIE, value, max_age=int(TEAM_COOKIE_LIFE.total_seconds()))


def app_browser(request: WebRequest) -> SetCookie:
    """The `CF_AppSession` of this browser on this host, drawn when it has none."""
    value = app_session(split_cookies(request.headers)) or request.fresh
    return SetCookie(APP_SESSION_COOKIE, value, max_age=int(APP_SESSION_LIFE.total_seconds()))


def browser_hash(value: str) -> str:
    """What of a `CF_Session` goes into sealed values: enough to recognise it."""
    return hashlib.sha256(b"team browser " + value.encode("latin-1", "replace")).hexdigest()


def same_team_browser(request: WebRequest, hashed: str) -> bool:
    """Whether a sealed value was made for this browser on the team domain."""
    return _any_equal(map(browser_hash, request.cookies(SESSION_COOKIE)), hashed)


def same_app_browser(request: WebRequest, hashed: str) -> bool:
    """Whether a hand-over was made for this browser on this application host."""
    return _any_equal(map(hash_app_session, request.cookies(APP_SESSION_COOKIE)), hashed)


def _any_equal(candidates: Iterable[str], hashed: str) -> bool:
    return any(secrets.compare_digest(one, hashed) for one in candidates)
