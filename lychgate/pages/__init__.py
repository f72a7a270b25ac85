"""The HTML pages that people see, and the small JSON bodies that programs get instead.

A page is a value (`LoginPage`, `DeniedPage`, …); `html_answer(page, look)` gives status, headers
and body together.
"""

from lychgate.pages.links import UnsafeLink, web_link
from lychgate.pages.page import (
    APPROVAL_CHOICES,
    AnyPage,
    ApprovalPage,
    ApprovalState,
    ApprovePage,
    CodePage,
    ConsentPage,
    DeniedPage,
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
from lychgate.pages.problem import problem, problem_answer
from lychgate.pages.render import Page, custom_answer, html_answer

__all__ = [
    "APPROVAL_CHOICES",
    "AnyPage",
    "ApprovalPage",
    "ApprovalState",
    "ApprovePage",
    "CodePage",
    "ConsentPage",
    "DeniedPage",
    "ErrorPage",
    "ForbiddenPage",
    "Form",
    "GoOnPage",
    "HomePage",
    "InvalidSessionPage",
    "LoggedOutPage",
    "LoginPage",
    "Look",
    "NoticePage",
    "Page",
    "Provider",
    "ProviderDownPage",
    "ProviderTestPage",
    "PurposePage",
    "TerminalDonePage",
    "TerminalPage",
    "Tile",
    "UnauthorizedPage",
    "UnsafeLink",
    "custom_answer",
    "html_answer",
    "problem",
    "problem_answer",
    "web_link",
]
