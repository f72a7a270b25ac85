"""The wire shape of the organization: the settings that hold for every application."""

from typing import Annotated

from pydantic import Field

from lychgate.api.base import (
    Colour,
    Duration,
    Flag,
    Json,
    Lower,
    Name,
    SecureLink,
    SessionDuration,
    Text,
    Wire,
)
from lychgate.api.mfa import TeamMfaBody


class LoginDesignBody(Wire):
    """How the login page looks."""

    background_color: Colour = ""
    text_color: Colour = ""
    header_text: Text = ""
    footer_text: Text = ""
    logo_path: SecureLink = ""


class InactivityBody(Wire):
    """What happens to service tokens that nobody uses."""

    enabled: Flag
    action: Annotated[str, Lower, Field(pattern="^(disable|delete)$")]
    inactivity_threshold_days: Annotated[int, Field(ge=30, le=365)]


class OrganizationPagesBody(Wire):
    """The custom pages of those refused, by uid."""

    forbidden: Text | None = None
    identity_denied: Text | None = None


class OrganizationBody(Wire):
    """The organization."""

    auth_domain: Text | None = None
    name: Name | None = None
    session_duration: SessionDuration | None = None
    auto_redirect_to_identity: Flag = False
    login_design: LoginDesignBody | None = None
    strict_service_token_auth: Flag = True
    service_token_inactivity: InactivityBody | None = None
    custom_pages: OrganizationPagesBody | None = None
    deny_unmatched_requests: Flag = True
    deny_unmatched_requests_exempted_zone_names: Annotated[list[Name], Field(max_length=1000)] = (
        Field(default_factory=list)
    )
    zero_hop: Flag = True
    mfa_config: TeamMfaBody | None = None
    mfa_required_for_all_apps: Flag | None = None
    is_ui_read_only: Flag = False
    ui_read_only_toggle_reason: Text | None = None
    user_seat_expiration_inactive_time: Duration | None = None
    allow_authenticate_via_warp: Flag | None = None
    warp_auth_session_duration: Duration | None = None
    warp_auth_non_browser_401: Flag | None = None
    mfa_piv_key_requirements: Json = None
    mfa_ssh_piv_key_requirements: Json = None
    trusted_accounts: Json = None
