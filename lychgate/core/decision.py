"""What the gate decides about a request, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lychgate.core.identity import ANONYMOUS, Principal
from lychgate.core.model import AppId, PolicyId
from lychgate.core.values import momentary

type HeaderList = tuple[tuple[str, str], ...]


class Reason(StrEnum):
    """Why a request was decided so; stable, logged, never sent to the client with detail."""

    ALLOWED = "allowed"
    BYPASSED = "bypassed"
    SERVICE_AUTH = "service_auth"
    UNMATCHED_PASSED = "unmatched_passed"
    PREFLIGHT_PASSED = "preflight_passed"
    PREFLIGHT_ANSWERED = "preflight_answered"
    PREFLIGHT_REFUSED = "preflight_refused"
    METADATA = "metadata"
    COMPANION = "companion"
    NO_APPLICATION = "no_application"
    BAD_REQUEST = "bad_request"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NO_SESSION = "no_session"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_REVOKED = "token_revoked"
    TOKEN_INVALID = "token_invalid"
    TOKEN_OUTDATED = "token_outdated"
    BINDING_MISSING = "binding_missing"
    AMBIGUOUS_SESSION = "ambiguous_session"
    BLOCKED = "blocked"
    NO_POLICY_MATCHED = "no_policy_matched"
    SERVICE_TOKEN_INVALID = "service_token_invalid"
    SERVICE_TOKEN_NOT_ALLOWED = "service_token_not_allowed"
    LINKED_TOKEN_NOT_ALLOWED = "linked_token_not_allowed"
    STALE = "stale"
    ERROR = "error"


@momentary
class Because:
    """The grounds of a decision; for log and audit only."""

    reason: Reason
    app: AppId | None = None
    policy: PolicyId | None = None
    principal: Principal = ANONYMOUS
    detail: str = ""
    """What else an administrator should know; never a secret or a token."""


@dataclass(frozen=True, slots=True)
class SetCookie:
    """A cookie to set on the answer; `max_age` 0 deletes it, None makes a session cookie."""

    name: str
    value: str
    path: str = "/"
    max_age: int | None = None
    http_only: bool = True
    secure: bool = True
    same_site: str = "None"


@dataclass(frozen=True, slots=True)
class Mint:
    """An application token to sign for the upstream, and whether the client gets it as a cookie."""

    claims: Mapping[str, Any]
    key: tuple[str, ...]
    """What the claims follow from, save the times: the same key, the same token may serve again."""
    cookie: SetCookie | None = None
    """Its value is left empty; the gate puts the signed token there."""
    in_cookie_header: bool = False
    """Whether the upstream also gets it as its `CF_Authorization` cookie."""


@momentary
class Allow:
    """Forward the request. `set_headers` replace; `remove_headers` go in every copy.

    The two never share a name. `path` is the normalised target (path and query) to forward,
    `cookie` the Cookie header to forward, None when none is left.
    """

    because: Because
    path: str
    cookie: str | None
    set_headers: HeaderList = ()
    remove_headers: tuple[str, ...] = ()
    mint: Mint | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the client to the login of the team domain, or to a configured URL.

    With `meta` set, the gate signs those claims and appends them to `location`; with
    `new_app_session` it draws a new `CF_AppSession` first and puts its hash into them.
    """

    because: Because
    location: str
    meta: Mapping[str, Any] | None = None
    new_app_session: bool = False
    headers: HeaderList = ()


@dataclass(frozen=True, slots=True)
class Challenge:
    """401: the client must authenticate by other means than a redirect."""

    because: Because
    headers: HeaderList = ()


@dataclass(frozen=True, slots=True)
class Deny:
    """Refuse with a status (400, 401, 403, 405, 503) and a page or problem body."""

    because: Because
    status: int
    headers: HeaderList = ()


@dataclass(frozen=True, slots=True)
class Respond:
    """A document the core renders itself: OAuth metadata, a preflight answer."""

    because: Because
    status: int
    headers: HeaderList = ()
    body: str = ""


@dataclass(frozen=True, slots=True)
class Serve:
    """Hand the request to the companion app."""

    because: Because


type Decision = Allow | Redirect | Challenge | Deny | Respond | Serve
