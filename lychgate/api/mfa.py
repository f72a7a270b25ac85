"""The wire shape of `mfa_config`: a second factor asked for by the gate itself. It is kept only."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lychgate.api.base import Flag, Lower, Text, Wire, duration_between

_MfaDuration = Annotated[str, AfterValidator(duration_between(timedelta(), timedelta(hours=720)))]
_Factor = Annotated[Literal["totp", "biometrics", "security_key"], Lower]
_TeamFactor = Annotated[
    Literal["totp", "biometrics", "security_key", "piv_key", "ssh_piv_key", "ssh_fido2_key"], Lower
]


class MfaBody(Wire):
    """The second factor of an application or a policy."""

    allowed_authenticators: Annotated[list[_Factor], Field(max_length=10)] | None = None
    mfa_disabled: Flag | None = None
    session_duration: _MfaDuration | None = None


class TeamMfaBody(Wire):
    """The second factor of the whole organization."""

    allowed_authenticators: Annotated[list[_TeamFactor], Field(max_length=10)] | None = None
    session_duration: _MfaDuration | None = None
    amr_matching_session_duration: _MfaDuration | None = None
    required_aaguids: Text | None = None
