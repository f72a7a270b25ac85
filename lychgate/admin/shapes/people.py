"""What people, their sessions and the authentication log look like in answers."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lychgate.admin.shapes.objects import Identified
from lychgate.admin.shapes.shown import PAGES, Asks


class UserShown(Identified):
    """A person."""

    uid: str = Field(description="The same as `id`.")
    email: str
    name: str
    access_seat: bool
    gateway_seat: bool
    seat_uid: str
    active_device_count: int
    last_successful_login: datetime | None = None


class AppOfSession(BaseModel):
    """An application that a session was used for."""

    hostname: str
    name: str
    type: str
    uid: str


class SessionData(BaseModel):
    """When a session began and ends, in seconds since 1970, and what it was used for."""

    apps: dict[str, AppOfSession] = Field(description="By audience.")
    expires: int
    iat: int
    nonce: str
    ttl: int


class ActiveSession(BaseModel):
    """A login that is still good; `name` is its nonce."""

    name: str
    expiration: int
    metadata: SessionData


class FailedLoginData(BaseModel):
    """What happened."""

    action: str
    reason: str
    app_uid: str
    ip: str
    country: str
    at: datetime
    ray_id: str


class FailedLogin(BaseModel):
    """A time that somebody was not let in."""

    expiration: int
    metadata: FailedLoginData


class IdentityOfSession(BaseModel):
    """Who somebody is, as their provider said; it may say more than is named here."""

    model_config = ConfigDict(extra="allow")

    account_id: str
    auth_status: str
    common_name: str
    device_id: str
    device_sessions: dict[str, Any]
    devicePosture: dict[str, Any]
    email: str
    geo: dict[str, Any]
    iat: int
    idp: dict[str, Any]
    ip: str
    is_gateway: bool
    is_warp: bool
    mtls_auth: dict[str, Any]
    service_token_id: str
    service_token_status: bool
    user_uuid: str
    version: int


class SessionIdentity(IdentityOfSession):
    """The same of one session, and whether that is still good."""

    isActive: bool


class LogEntry(BaseModel):
    """One line of the authentication log; with `fields` only those members."""

    action: str | None = None
    allowed: bool | None = None
    app_domain: str | None = None
    app_name: str | None = None
    app_type: str | None = None
    app_uid: str | None = None
    connection: str | None = None
    country: str | None = None
    created_at: datetime | None = None
    idp: str | None = None
    ip_address: str | None = None
    non_identity: bool | None = None
    ray_id: str | None = None
    reason: str | None = None
    service_token_id: str | None = None
    user_email: str | None = None


class TestedUser(BaseModel):
    """A person and what the policies say of them."""

    id: str
    email: str
    name: str
    status: Literal["approved", "blocked", "error"]


USER_FILTERS = (
    *PAGES,
    Asks("email", str, "The whole address."),
    Asks("name", str, "The whole name."),
    Asks("search", str, "A part of the address or the name."),
)
TESTED_FILTERS = (
    *PAGES,
    Asks("status", Literal["approved", "blocked", "error"], "Only those it became so of."),
)
_EITHER = Literal["eq", "neq"]
LOG_FILTERS = (
    Asks("limit", int, "At most so many, 1000 when it is left out."),
    *PAGES[:1],
    Asks("per_page", int, "How many on a page, `limit` when it is left out."),
    Asks("direction", Literal["desc", "asc"], "Newest first, or oldest first."),
    Asks("since", datetime, "Not before."),
    Asks("until", datetime, "Not after."),
    Asks("fields", str, "Only these members, separated by commas."),
    Asks("email", str, "A part of the address, in its own case."),
    Asks("email_exact", bool, "`email` is the whole address."),
    Asks("emailOp", Literal["contains", "eq", "neq"], "How `email` is looked for."),
    *(
        ask
        for name in ("allowed", "app_type", "app_uid", "country_code", "idp", "non_identity")
        for ask in (
            Asks(name, str, "The whole value."),
            Asks(f"{name}Op", _EITHER, "Equal, or not."),
        )
    ),
    Asks("ray_id", str, "The whole request id."),
    Asks("ray_idOp", _EITHER, "Equal, or not."),
    Asks("user_id", str, "Accepted, and without effect."),
    Asks("user_idOp", _EITHER, "Accepted, and without effect."),
)
