"""What each page needs to be told; a page is a value, `html_answer` makes HTML of it.

Texts that people or other systems supplied (names, messages, claims) are given as they are: the
templates escape them. URLs given here are ours unless a field says otherwise.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar

from lychgate.core.model import LoginDesign, Organization

HOUR = timedelta(hours=1)
APPROVAL_CHOICES: Mapping[str, timedelta] = {
    "30m": HOUR / 2,
    "1h": HOUR,
    "2h": 2 * HOUR,
    "4h": 4 * HOUR,
    "8h": 8 * HOUR,
    "24h": 24 * HOUR,
}
"""What an approver may choose from: the value of the field `duration`, and what it means."""


@dataclass(frozen=True, slots=True)
class Look:
    """Whose pages these are: name, colours, logo and texts of the organisation."""

    organization: str = "Lychgate"
    design: LoginDesign = field(default_factory=LoginDesign)

    @staticmethod
    def of(organization: Organization) -> "Look":
        """The look an organisation has configured."""
        return Look(organization.name, organization.login_design)


@dataclass(frozen=True, slots=True)
class Form:
    """Where a form is posted, and the hidden fields that go with it (CSRF token, state)."""

    action: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """One way to sign in: a button that leads to `url` (a link, so that it may end elsewhere)."""

    name: str
    url: str
    type: str = "oidc"


@dataclass(frozen=True, slots=True)
class LoginPage:
    """The choice of providers. `pin` is the form of the one-time PIN; its field is `email`.

    The page adds the fragment of its own URL to what is chosen: as the query parameter
    `fragment` of a provider's URL and as the field `fragment` of the form. Both hold it
    with its `#`, and are absent or empty when there is none.
    """

    template: ClassVar[str] = "login.html"
    script: ClassVar[str] = "fragment.js"
    status: ClassVar[int] = 200

    application: str
    providers: tuple[Provider, ...] = ()
    pin: Form | None = None
    email: str = ""
    """What the email field starts with."""
    message: str = ""
    """Why the visitor sees this page again."""
    logo_url: str = ""
    """The application's logo; shown only when it is https."""


@dataclass(frozen=True, slots=True)
class CodePage:
    """Entry of the mailed code: field `code`. `again` posts for a new one."""

    template: ClassVar[str] = "code.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 200

    form: Form
    again: Form
    email: str
    application: str = ""
    message: str = ""
    """Why the last code was not accepted."""
    code: str = ""
    """What the field starts with, when the visitor came by the link of the mail."""
    back_url: str = ""
    """Where to use another address or another way to sign in."""


@dataclass(frozen=True, slots=True)
class DeniedPage:
    """The visitor is known and may not enter."""

    template: ClassVar[str] = "denied.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 403

    application: str
    request_id: str
    email: str = ""
    """Who they are signed in as; empty: a machine."""
    message: str = ""
    """The application's own words (`custom_deny_message`)."""
    switch_url: str = ""
    """Where to sign in as somebody else."""
    home_url: str = ""
    back_url: str = ""
    """Where to tell the OAuth client that sent the visitor, and its name."""
    back_to: str = ""


@dataclass(frozen=True, slots=True)
class ForbiddenPage:
    """Refused before anybody was asked to sign in: signing in would not help."""

    template: ClassVar[str] = "forbidden.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 403

    request_id: str
    application: str = ""
    """Empty: no application is configured at this address."""
    message: str = ""


@dataclass(frozen=True, slots=True)
class UnauthorizedPage:
    """401 for a browser that cannot be redirected: sign in, then come back."""

    template: ClassVar[str] = "unauthorized.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 401

    application: str
    request_id: str
    sign_in_url: str = ""


@dataclass(frozen=True, slots=True)
class LoggedOutPage:
    """The session has ended everywhere."""

    template: ClassVar[str] = "logged_out.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 200

    sign_in_url: str = ""


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """Anything that went wrong, in plain words chosen by `status`."""

    template: ClassVar[str] = "error.html"
    script: ClassVar[str] = ""

    status: int
    request_id: str
    message: str = ""
    """Replaces the plain words; never a detail of the fault."""
    retry_url: str = ""
    title: str = ""
    """Replaces the words above them."""


@dataclass(frozen=True, slots=True)
class ProviderDownPage:
    """The identity provider could not be reached, or answered what nobody can use."""

    template: ClassVar[str] = "provider_down.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 502

    provider: str
    request_id: str
    message: str = ""
    """What happened, in words for the visitor."""
    retry_url: str = ""
    """The login page, with its other ways to sign in."""


@dataclass(frozen=True, slots=True)
class InvalidSessionPage:
    """The answer of a login came back to a browser that did not start it, or too late."""

    template: ClassVar[str] = "invalid_session.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 400

    request_id: str
    retry_url: str = ""


@dataclass(frozen=True, slots=True)
class PurposePage:
    """Purpose justification: field `purpose`."""

    template: ClassVar[str] = "purpose.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 200

    form: Form
    application: str
    email: str
    prompt: str = ""
    message: str = ""
    """What was wrong with the last answer."""
    purpose: str = ""
    max_length: int = 1000
    needs_approval: bool = False
    """Whether the answer goes to approvers."""


class ApprovalState(StrEnum):
    """How far a request for temporary access has come."""

    REQUESTED = "requested"
    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ApprovalPage:
    """Where a request for temporary access stands, for the one who asked.

    While it is open the page loads `refresh_url` again every `REFRESH` seconds.
    """

    template: ClassVar[str] = "approval.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 200
    REFRESH: ClassVar[int] = 10

    state: ApprovalState
    application: str
    email: str
    approvers: tuple[str, ...] = ()
    share_url: str = ""
    """The link the visitor can hand to an approver."""
    refresh_url: str = ""
    continue_url: str = ""
    """Where to enter once it is approved."""
    until: str = ""
    """When the granted time ends, for people."""


@dataclass(frozen=True, slots=True)
class ApprovePage:
    """For an approver: fields `decision` (`approve` or `refuse`) and `duration` (a choice)."""

    template: ClassVar[str] = "approve.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 200

    form: Form
    person: str
    """Who asks."""
    application: str
    purpose: str
    approver: str
    """Who is signed in."""
    asked_at: str = ""
    choices: tuple[str, ...] = tuple(APPROVAL_CHOICES)
    chosen: str = "1h"
    message: str = ""


@dataclass(frozen=True, slots=True)
class ConsentPage:
    """May this client act for this person: field `decision` (`allow` or `refuse`)."""

    template: ClassVar[str] = "consent.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 200

    form: Form
    client: str
    redirect_host: str
    application: str
    email: str
    localhost_only: bool = False
    """Whether the client can only be reached on the visitor's own machine."""
    form_target: str = ""
    """Where the answer leads, as a source of the content security policy."""
    logo_url: str = ""


@dataclass(frozen=True, slots=True)
class TerminalPage:
    """May a command line have this person's session: field `decision` (`approve` or `refuse`)."""

    template: ClassVar[str] = "terminal.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 200

    form: Form
    application: str
    host: str
    email: str
    everywhere: bool = False
    """Whether it gets the team session too, which opens every application of this person."""


@dataclass(frozen=True, slots=True)
class TerminalDonePage:
    """The command line has what it waited for; with `closing` the window tries to close."""

    template: ClassVar[str] = "terminal_done.html"
    script: ClassVar[str] = "close.js"
    status: ClassVar[int] = 200

    application: str
    closing: bool = False


@dataclass(frozen=True, slots=True)
class DevicePage:
    """Entry of the code that a device shows: field `user_code`."""

    template: ClassVar[str] = "device.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 200

    form: Form
    code: str = ""
    """What the field starts with, when the visitor came by the device's link."""
    message: str = ""
    """Why the last code was not accepted."""


@dataclass(frozen=True, slots=True)
class NoticePage:
    """Something is done, or is not to be done; one sentence and perhaps one way on."""

    template: ClassVar[str] = "notice.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 200

    title: str
    text: str
    url: str = ""
    label: str = "Continue"


@dataclass(frozen=True, slots=True)
class GoOnPage:
    """Goes on to `url` by itself; the answer to a form whose target is another origin.

    `url` is http or https, or a path of this host; anything else raises `UnsafeLink`.
    """

    template: ClassVar[str] = "go_on.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 200

    url: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class ProviderTestPage:
    """What a login through one provider brought, without a session having been made."""

    template: ClassVar[str] = "provider_test.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 200

    provider: str
    works: bool
    email: str = ""
    message: str = ""
    """Why it does not work, for an administrator; never a secret."""
    warnings: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    request_id: str = ""

    def rows(self) -> list[tuple[str, str]]:
        """The claims as a table: name, and value as people read it."""
        return [(name, _readable(value)) for name, value in self.claims.items()]

    def text(self) -> str:
        """The claims as indented JSON."""
        return json.dumps(self.claims, indent=2, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class Tile:
    """One application of the home page. `url` and `logo_url` may come from an administrator."""

    name: str
    url: str
    logo_url: str = ""

    def host(self) -> str:
        """What is shown below the name."""
        return self.url.partition("://")[2].rstrip("/") or self.url


@dataclass(frozen=True, slots=True)
class HomePage:
    """The team domain's own page: who is signed in, and the applications they may enter."""

    template: ClassVar[str] = "home.html"
    script: ClassVar[str] = ""
    status: ClassVar[int] = 200

    email: str
    tiles: tuple[Tile, ...] = ()
    name: str = ""
    sign_out_url: str = ""


type AnyPage = (
    LoginPage
    | CodePage
    | DeniedPage
    | ForbiddenPage
    | UnauthorizedPage
    | LoggedOutPage
    | ErrorPage
    | ProviderDownPage
    | InvalidSessionPage
    | PurposePage
    | ApprovalPage
    | ApprovePage
    | ConsentPage
    | DevicePage
    | TerminalPage
    | TerminalDonePage
    | NoticePage
    | GoOnPage
    | ProviderTestPage
    | HomePage
)


def _readable(value: object) -> str:
    """A claim's value for people: lists joined, the rest as JSON, text as it is."""
    match value:
        case str():
            return value
        case list() | tuple() if all(isinstance(item, str) for item in value):
            return ", ".join(value)
        case _:
            return json.dumps(value, ensure_ascii=False, default=str)
