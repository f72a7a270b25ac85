"""The addresses of managed OAuth on the team domain."""

from lychgate.core.urls import PREFIX, SERVER_METADATA

OAUTH = PREFIX + "oauth/"
AUTHORIZATION = OAUTH + "authorization"
TOKEN = OAUTH + "token"
REGISTRATION = OAUTH + "registration"
REVOKE = OAUTH + "revoke"
CONSENT = OAUTH + "consent"
DECLINE = OAUTH + "decline"
DEVICE_AUTHORIZATION = OAUTH + "device_authorization"
DEVICE = OAUTH + "device"
DEVICE_CONSENT = OAUTH + "device/consent"
TEAM_METADATA = SERVER_METADATA
OPENID_METADATA = "/.well-known/openid-configuration"
