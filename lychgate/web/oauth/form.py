"""The form that an OAuth client posts, strictly read."""

from dataclasses import dataclass, field

from lychgate.oauth.clientauth import Credentials, authenticate, credentials
from lychgate.oauth.clients import KnownClient
from lychgate.oauth.errors import InvalidRequest
from lychgate.web.request import WebRequest, parse_fields
from lychgate.web.services import Services

_FORM = "application/x-www-form-urlencoded"
_MAY_REPEAT = frozenset({"resource", "audience"})


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form; none but `resource` is given twice (RFC 6749 3.2, RFC 8707 2)."""

    fields: tuple[tuple[str, str], ...] = field(repr=False)

    def one(self, name: str) -> str:
        """A field; empty when it is absent."""
        return next((value for key, value in self.fields if key == name), "")

    def needed(self, name: str) -> str:
        """A field that must be there."""
        value = self.one(name)
        if not value:
            raise InvalidRequest(f"{name} is missing")
        return value

    @property
    def resources(self) -> tuple[str, ...]:
        """Every `resource`."""
        return tuple(value for key, value in self.fields if key == "resource")


def read_form(request: WebRequest) -> Form:
    """The form in the body; its parameters count nowhere else."""
    kinds = request.headers.get("content-type", ())
    kind = kinds[0].partition(";")[0].strip().lower() if len(kinds) == 1 else ""
    if kind != _FORM:
        raise InvalidRequest(f"the body must be a form ({_FORM})")
    try:
        text = request.body.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidRequest("the form holds bytes that are not encoded") from None
    return Form(tuple(once(parse_fields(text))))


def once(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The fields, when none is there twice that may not be."""
    seen: set[str] = set()
    for name, _ in fields:
        if name in seen and name not in _MAY_REPEAT:
            raise InvalidRequest("a parameter is given more than once")
        seen.add(name)
    return fields


def presented(request: WebRequest, form: Form) -> Credentials:
    """Which client says that it is calling."""
    header = request.headers.get("authorization", ())
    return credentials(header, form.one("client_id"), form.one("client_secret"))


def calling_client(request: WebRequest, services: Services, form: Form) -> KnownClient:
    """The client that is calling, authenticated as it registered."""
    clients = services.store.oauth.clients
    return authenticate(presented(request, form), clients, services.clock())
