"""Identity providers: everything the companion app needs to log a person in."""

from lychgate.idp.base import (
    Attempt,
    Failure,
    LoginFailed,
    LoginMethod,
    Profile,
    Redirection,
)
from lychgate.idp.methods import PIN_TYPE, LoginMethods, issuer_pin, method_for
from lychgate.idp.report import Report, report

__all__ = [
    "PIN_TYPE",
    "Attempt",
    "Failure",
    "LoginFailed",
    "LoginMethod",
    "LoginMethods",
    "Profile",
    "Redirection",
    "Report",
    "issuer_pin",
    "method_for",
    "report",
]
