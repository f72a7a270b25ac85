"""The organization: one object, which a PUT changes in part."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from lychgate.admin.answers import Answer, done
from lychgate.admin.calls import Call, Office, etag
from lychgate.admin.handler import handler
from lychgate.admin.references import Lookup, refuse_unknown
from lychgate.admin.refusals import conflict, invalid, not_enabled
from lychgate.admin.resource import Body, times
from lychgate.admin.shapes.objects import ORGANIZATION
from lychgate.admin.shapes.shown import Asks, Takes, one
from lychgate.admin.validating import validated
from lychgate.api import parse_body
from lychgate.api.base import Name, Wire, wire
from lychgate.api.organization import OrganizationBody
from lychgate.config.naming import ACCOUNT
from lychgate.core.urls import canonical_email
from lychgate.store.base import Catalogue, Edit, Kind, NotFound, Object, Put

_ALWAYS: Mapping[str, Any] = {
    "auto_redirect_to_identity": False,
    "is_ui_read_only": False,
    "strict_service_token_auth": True,
}
"""The others are left out as long as nobody set them: Terraform takes them for a change."""
_COMPUTED = frozenset({"id", "created_at", "updated_at"})


def show_organization(stored: Object, domain: str) -> Body:
    """The organization as it is shown."""
    return {**_ALWAYS, "auth_domain": domain, **stored.body, **times(stored)}


@handler("get_organization", one(ORGANIZATION))
def get(_call: Call, office: Office) -> Answer:
    """Get the organization: one object, although clients call it a list."""
    stored = _existing(office.store)
    return done(_shown(stored, office), headers=(("etag", etag(stored)),))


@handler(
    "create_organization",
    one(ORGANIZATION, status=201),
    Takes((OrganizationBody,), ("name", "auth_domain")),
)
def create(call: Call, office: Office) -> Answer:
    """Create the organization; there is one already, from the first start on."""
    for member in ("name", "auth_domain"):
        if not call.members.get(member):
            raise invalid(f"{member} is a required field")

    def none(catalogue: Catalogue) -> Mapping[str, Any]:
        if catalogue.object(Kind.ORGANIZATION, ACCOUNT) is not None:
            raise conflict("the organization exists already")
        return {}

    return _put(call, office, none, 201)


@handler("update_organization", one(ORGANIZATION), Takes((OrganizationBody,)))
def update(call: Call, office: Office) -> Answer:
    """Update the organization; what is left out stays, `null` clears a member."""
    return _put(call, office, lambda catalogue: call.may_edit(_existing(catalogue)).body, 200)


def _put(
    call: Call, office: Office, before: Callable[[Catalogue], Mapping[str, Any]], status: int
) -> Answer:
    sent = {name: value for name, value in call.members.items() if name not in _COMPUTED}
    _same_domain(sent.get("auth_domain"), office)

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        body = wire(parse_body(Kind.ORGANIZATION, {**before(catalogue), **sent}))
        refuse_unknown(Kind.ORGANIZATION, body, catalogue)
        return [Put(Kind.ORGANIZATION, ACCOUNT, body)]

    office.change(call, plan)
    stored = _existing(office.store)
    return done(_shown(stored, office), status, (("etag", etag(stored)),))


def _same_domain(given: Any, office: Office) -> None:
    parts = urlsplit(office.settings.team.url)
    if isinstance(given, str) and given.lower() not in {parts.netloc, parts.hostname}:
        raise invalid(f"auth_domain is the host of the setting team.url, `{parts.netloc}`")


def _existing(among: Lookup) -> Object:
    stored = among.object(Kind.ORGANIZATION, ACCOUNT)
    if stored is None:
        raise not_enabled()
    return stored


def _shown(stored: Object, office: Office) -> Body:
    return show_organization(stored, urlsplit(office.settings.team.url).netloc)


class RevokeBody(Wire):
    """Whose sessions end."""

    email: Name


@handler(
    "revoke_user",
    one(bool),
    Takes((RevokeBody,)),
    (Asks("devices", bool, "Accepted, and without effect."),),
)
def revoke_user(call: Call, office: Office) -> Answer:
    """End every session and refresh token of an address, everywhere."""
    email = validated(RevokeBody, call.members).email.strip()
    if canonical_email(email) is None:
        raise invalid("email must be an address")
    try:
        office.store.revocations.revoke_user(email, office.clock())
    except NotFound:
        return done(True)
    office.note(call, "revoke_user", email=email)
    return done(True)
