"""What calls that are no objects take and answer: keys, settings, tests of policies."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from lychgate.api.policies import PolicyBody


class KeysShown(BaseModel):
    """When signing keys are replaced; no key is ever shown."""

    key_rotation_interval_days: int
    days_until_next_rotation: int
    last_key_rotation_at: datetime


class AppSettings(BaseModel):
    """The two settings of an application that have a call of their own."""

    allow_iframe: bool
    skip_interstitial: bool


class RotationBody(BaseModel):
    """How long the secret before goes on."""

    previous_client_secret_expires_at: datetime | None = None


class NewTest(BaseModel):
    """A policy test that can be asked for."""

    id: str
    status: Literal["success"]


class PolicyTestBody(BaseModel):
    """The policies to judge everybody by: whole ones, or ids."""

    policies: list[PolicyBody | str]


class PolicyTestShown(BaseModel):
    """What became of everybody, in numbers."""

    id: str
    status: Literal["blocked", "processing", "exceeded time", "complete"]
    percent_approved: int
    percent_blocked: int
    percent_errored: int
    percent_users_processed: int
    total_users: int
    users_approved: int
    users_blocked: int
    users_errored: int


class AppState(BaseModel):
    """What the policies of an application say of somebody."""

    app_uid: str
    aud: str
    hostname: str
    name: str
    policies: list[dict[str, Any]]
    status: Literal["approved", "blocked"]


class CheckedUser(BaseModel):
    """Who was judged."""

    id: str
    account_id: str
    device_sessions: dict[str, Any]
    email: str
    geo: dict[str, Any]
    iat: int
    is_gateway: bool
    is_warp: bool
    name: str
    user_uuid: str
    version: int


class UserPolicyCheck(BaseModel):
    """What the policies of an application say of the owner of the API token."""

    app_state: AppState
    user_identity: CheckedUser


class TokenState(BaseModel):
    """The API token that asks."""

    id: str
    status: Literal["active"]
    expires_on: datetime | None = None
