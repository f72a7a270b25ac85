"""One of each page, with the data of a made-up organisation: for looking at them, and for tests."""

from collections.abc import Mapping

from lychgate.core.model import LoginDesign
from lychgate.pages.page import (
    AnyPage,
    ApprovalPage,
    ApprovalState,
    ApprovePage,
    CodePage,
    ConsentPage,
    DeniedPage,
    DevicePage,
    ErrorPage,
    ForbiddenPage,
    Form,
    GoOnPage,
    HomePage,
    InvalidSessionPage,
    LoggedOutPage,
    LoginPage,
    Look,
    NoticePage,
    Provider,
    ProviderDownPage,
    ProviderTestPage,
    PurposePage,
    TerminalDonePage,
    TerminalPage,
    Tile,
    UnauthorizedPage,
)

LOOKS: Mapping[str, Look] = {
    "plain": Look("Example Works"),
    "branded": Look(
        "Example Works",
        LoginDesign(
            background_color="#1d3557",
            text_color="#f1faee",
            header_text="Example Works, staff entrance",
            footer_text="Trouble signing in? Call the help desk on extension 4711.",
        ),
    ),
}

_ID = "0b6d2c1e-7f0a-4c8e-9a51-3d2f60c4b7aa"
_APP = "Wiki"
_ADA = "ada@example.com"
_FORM = Form("/cdn-cgi/access/submit", (("csrf", "c2FtcGxl"),))
_LOGIN = "/cdn-cgi/access/login"
_CLAIMS = {
    "sub": "248289761001",
    "name": "Ada Lovelace",
    "email": _ADA,
    "email_verified": False,
    "groups": ["engineering", "wiki-editors"],
    "amr": ["pwd", "otp"],
    "address": {"country": "GB", "locality": "London"},
    "iss": "https://sso.example.com/application/o/lychgate/",
}
_PROVIDERS = (
    Provider("Example SSO", f"{_LOGIN}/start?idp=1"),
    Provider("GitHub", f"{_LOGIN}/start?idp=2", "github"),
)
_TILES = tuple(
    Tile(name, f"https://{host}.example.com/")
    for name, host in (
        ("Wiki", "wiki"),
        ("Dashboards", "grafana"),
        ("Payroll", "payroll"),
        ("Source code", "git"),
        ("A name that goes on for rather longer than most", "long.name.of.a.host"),
    )
)


def sample_pages() -> dict[str, AnyPage]:
    """A name for each sample, and the page."""
    return _entrance() | _refusals() | _faults() | _questions() | _others()


def _entrance() -> dict[str, AnyPage]:
    return {
        "login": LoginPage(_APP, _PROVIDERS, _FORM),
        "login-pin": LoginPage(_APP, pin=_FORM, message="That account does not have access"),
        "login-providers": LoginPage(_APP, _PROVIDERS),
        "login-none": LoginPage(_APP),
        "code": CodePage(_FORM, _FORM, _ADA, _APP, back_url=_LOGIN),
        "code-wrong": CodePage(
            _FORM,
            _FORM,
            _ADA,
            _APP,
            "That code is not right. You have 4 tries left.",
            "123456",
        ),
        "logged-out": LoggedOutPage(_LOGIN),
        "unauthorized": UnauthorizedPage(_APP, _ID, _LOGIN),
        "home": HomePage(_ADA, _TILES, "Ada", "/cdn-cgi/access/logout"),
        "home-empty": HomePage(_ADA, sign_out_url="/cdn-cgi/access/logout"),
        "go-on": GoOnPage("https://wiki.example.com/", "Taking you to the Wiki."),
    }


def _refusals() -> dict[str, AnyPage]:
    message = "The Wiki is for staff.\nWrite to it@example.com if you have just joined."
    return {
        "denied": DeniedPage(_APP, _ID, _ADA, switch_url=_LOGIN, home_url="/"),
        "denied-message": DeniedPage(_APP, _ID, _ADA, message, _LOGIN),
        "denied-machine": DeniedPage(_APP, _ID),
        "forbidden": ForbiddenPage(_ID, _APP),
        "forbidden-unmatched": ForbiddenPage(_ID),
    }


def _faults() -> dict[str, AnyPage]:
    errors = {f"error-{status}": ErrorPage(status, _ID) for status in (400, 404, 429, 500)}
    return {
        **errors,
        "error-503": ErrorPage(503, _ID, retry_url="/"),
        "provider-down": ProviderDownPage(
            "Example SSO", _ID, "It did not answer within 10 seconds.", _LOGIN
        ),
        "invalid-session": InvalidSessionPage(_ID, _LOGIN),
    }


def _questions() -> dict[str, AnyPage]:
    purpose = "Checking the March invoices with the auditors, who are here until five."
    asking = ApprovalPage(
        ApprovalState.REQUESTED,
        "Payroll",
        _ADA,
        ("grace@example.com", "alan@example.com"),
        "https://team.example.com/cdn-cgi/access/approve/6f1c7f0a4c8e",
        "/cdn-cgi/access/approval/6f1c7f0a4c8e",
    )
    return {
        "purpose": PurposePage(_FORM, "Payroll", _ADA, needs_approval=True),
        "purpose-prompt": PurposePage(
            _FORM,
            "Payroll",
            _ADA,
            "Which ticket is this for?",
            "Please write something.",
        ),
        "approval-requested": asking,
        "approval-waiting": ApprovalPage(
            ApprovalState.WAITING, "Payroll", _ADA, refresh_url=asking.refresh_url
        ),
        "approval-approved": ApprovalPage(
            ApprovalState.APPROVED,
            "Payroll",
            _ADA,
            continue_url="/",
            until="today, 18:00 UTC",
        ),
        "approval-refused": ApprovalPage(ApprovalState.REFUSED, "Payroll", _ADA),
        "approve": ApprovePage(
            _FORM, _ADA, "Payroll", purpose, "grace@example.com", "10:42 UTC today"
        ),
        "consent": ConsentPage(_FORM, "Claude Code", "localhost:33418", "Tools", _ADA, True),
        "device": DevicePage(_FORM, "BCDF-GHJK", "No device waits with this code."),
        "consent-web": ConsentPage(_FORM, "Assistant", "assistant.example.net", "Tools", _ADA),
        "terminal": TerminalPage(_FORM, "Payroll", "payroll.example.com", _ADA, everywhere=True),
    }


def _others() -> dict[str, AnyPage]:
    unverified = "The provider says that this email address is not verified."
    return {
        "terminal-done": TerminalDonePage("Payroll"),
        "notice": NoticePage("Approved", f"{_ADA} may enter Payroll for one hour.", "/", "Home"),
        "provider-test": ProviderTestPage(
            "Example SSO", True, _ADA, warnings=(unverified,), claims=_CLAIMS
        ),
        "provider-test-failed": ProviderTestPage(
            "Example SSO",
            False,
            message="The token endpoint answered 401 invalid_client: "
            "the client secret is probably wrong.",
            request_id=_ID,
        ),
    }
