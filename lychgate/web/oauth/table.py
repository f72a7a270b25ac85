"""The routes of managed OAuth."""

from lychgate.web.oauth.authorization import answer_consent, authorization, decline
from lychgate.web.oauth.device import answer_device, device_form, enter_code
from lychgate.web.oauth.devicegrant import device_authorization
from lychgate.web.oauth.documents import preflight
from lychgate.web.oauth.metadata import openid_metadata, server_metadata
from lychgate.web.oauth.paths import (
    AUTHORIZATION,
    CONSENT,
    DECLINE,
    DEVICE,
    DEVICE_AUTHORIZATION,
    DEVICE_CONSENT,
    OPENID_METADATA,
    REGISTRATION,
    REVOKE,
    TEAM_METADATA,
    TOKEN,
)
from lychgate.web.oauth.registration import register
from lychgate.web.oauth.revoke import revoke
from lychgate.web.oauth.token import token
from lychgate.web.routing import TEAM, Endpoint

_FOR_PROGRAMS = (
    Endpoint(TEAM, "GET", TEAM_METADATA, server_metadata, program=True),
    Endpoint(TEAM, "GET", OPENID_METADATA, openid_metadata, program=True),
    Endpoint(TEAM, "POST", REGISTRATION, register, program=True),
    Endpoint(TEAM, "POST", TOKEN, token, slow=True, program=True),
    Endpoint(TEAM, "POST", REVOKE, revoke, program=True),
    Endpoint(TEAM, "POST", DEVICE_AUTHORIZATION, device_authorization, program=True),
)

OAUTH_ROUTES = (
    *_FOR_PROGRAMS,
    *(Endpoint(TEAM, "OPTIONS", one.path, preflight, program=True) for one in _FOR_PROGRAMS),
    Endpoint(TEAM, "GET", AUTHORIZATION, authorization, slow=True),
    Endpoint(TEAM, "POST", CONSENT, answer_consent, slow=True),
    Endpoint(TEAM, "GET", DECLINE, decline),
    Endpoint(TEAM, "GET", DEVICE, device_form),
    Endpoint(TEAM, "POST", DEVICE, enter_code, slow=True),
    Endpoint(TEAM, "POST", DEVICE_CONSENT, answer_device, slow=True),
)
