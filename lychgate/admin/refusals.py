"""Every way the admin API says no: status, code and message exactly as clients know them."""

from collections.abc import Iterable
from dataclasses import dataclass

from lychgate.errors import LychgateError, Problem

_FAMILY = "access.api.error"


@dataclass(frozen=True, slots=True)
class Fault:
    """One member of `errors`."""

    number: int
    message: str
    pointer: str = ""
    chain: tuple[int, str] | None = None


class Refused(LychgateError):
    """A call that is answered with an error envelope."""

    code = "admin_refused"

    def __init__(self, status: int, *faults: Fault, headers: tuple[tuple[str, str], ...] = ()):
        super().__init__("; ".join(fault.message for fault in faults))
        self.status = status
        self.faults = faults
        self.headers = headers


def invalid(*details: str) -> Refused:
    """Fields that are not valid, all of them at once."""
    return Refused(400, *(_invalid(detail) for detail in details))


def does_not_compile(problems: Iterable[Problem]) -> Refused:
    """A change that the core refuses, with every problem."""
    said = tuple(dict.fromkeys(problems))
    if said and all("is already taken by application" in one.message for one in said):
        detail = said[0].message
        return _retry_is_useless(
            409, Fault(11010, f"{_FAMILY}.application_already_exists: {detail}")
        )
    return Refused(400, *(_invalid(one.message, one.hint, one.where) for one in said))


def _invalid(detail: str, hint: str = "", where: str = "") -> Fault:
    text = f"{detail} ({hint})" if hint else detail
    return Fault(12130, f"{_FAMILY}.invalid_request: {text}", f"/{where}" if where else "")


def conflict(detail: str) -> Refused:
    """A state that the change does not go with."""
    return _retry_is_useless(409, Fault(12132, f"{_FAMILY}.conflict: {detail}"))


def token_in_use(detail: str) -> Refused:
    """A service token that rules still name."""
    return Refused(400, Fault(12139, f"{_FAMILY}.service_token_in_use: {detail}"))


def not_found() -> Refused:
    """An object that does not exist."""
    return Refused(404, Fault(12135, f"{_FAMILY}.not_found"))


def unknown_application() -> Refused:
    """An application that does not exist."""
    return Refused(404, Fault(11021, f"{_FAMILY}.unknown_application"))


def not_enabled() -> Refused:
    """There is no organization."""
    return Refused(403, Fault(9999, f"{_FAMILY}.not_enabled: the organization is not set up"))


def no_route(path: str) -> Refused:
    """A path that leads nowhere."""
    text = f"Could not route to {path[:200]}, perhaps your object identifier is invalid?"
    return Refused(404, Fault(7003, text))


def wrong_method(allowed: Iterable[str]) -> Refused:
    """A path that has other methods."""
    fault = Fault(10405, "Method not allowed for this authentication scheme")
    return Refused(405, fault, headers=(("allow", ", ".join(sorted(allowed))),))


def malformed_json() -> Refused:
    """A body that is not JSON."""
    return Refused(400, Fault(6007, "Malformed JSON in request body"))


def too_large() -> Refused:
    """A body that is not read to its end."""
    return Refused(413, Fault(6008, "Request body is too large"))


def not_authenticated() -> Refused:
    """A credential that is unknown, wrong or over."""
    return Refused(401, Fault(10000, "Authentication error"))


def not_permitted() -> Refused:
    """A good credential that is not allowed this."""
    return Refused(403, Fault(10000, "Authentication error"))


def no_credentials() -> Refused:
    """A call without any."""
    text = "Missing X-Auth-Key, X-Auth-Email or Authorization headers"
    return Refused(400, Fault(9106, text))


def malformed_credentials() -> Refused:
    """An `Authorization` header that is not `Bearer TOKEN`."""
    chain = (6111, "Invalid format for Authorization header")
    return Refused(400, Fault(6003, "Invalid request headers", chain=chain))


def too_many(seconds: int) -> Refused:
    """More calls than one credential or address may make."""
    fault = Fault(10429, "Rate limit exceeded, please wait")
    return Refused(429, fault, headers=(("retry-after", str(seconds)),))


def changed_meanwhile() -> Refused:
    """An object that is no longer what the caller read."""
    return Refused(412, Fault(12132, f"{_FAMILY}.conflict: the object was changed meanwhile"))


def internal() -> Refused:
    """Something of ours went wrong."""
    return Refused(500, Fault(10001, f"{_FAMILY}.internal_server_error"))


def unavailable() -> Refused:
    """The store does not answer."""
    fault = Fault(10001, f"{_FAMILY}.internal_server_error: the store is not available")
    return Refused(503, fault, headers=(("retry-after", "1"),))


def _retry_is_useless(status: int, fault: Fault) -> Refused:
    # The official clients repeat a 409 by themselves unless they are told not to.
    return Refused(status, fault, headers=(("x-should-retry", "false"),))
