"""The lines of the route table for SaaS applications."""

from lychgate.core.urls import OIDC
from lychgate.web.oauth.documents import preflight
from lychgate.web.routing import TEAM, Endpoint
from lychgate.web.saas.authorization import authorization, sign_on
from lychgate.web.saas.discovery import configuration, keys
from lychgate.web.saas.token import token
from lychgate.web.saas.userinfo import userinfo

_BASE = OIDC + "{client}/"

SAAS_ROUTES = (
    Endpoint(TEAM, "GET", _BASE + ".well-known/openid-configuration", configuration),
    Endpoint(TEAM, "GET", _BASE + "jwks", keys),
    Endpoint(TEAM, "GET", _BASE + "authorization", authorization, slow=True),
    Endpoint(TEAM, "GET", _BASE + "sign-on", sign_on, slow=True),
    Endpoint(TEAM, "POST", _BASE + "token", token, slow=True, program=True),
    Endpoint(TEAM, "OPTIONS", _BASE + "token", preflight, program=True),
    Endpoint(TEAM, "GET", _BASE + "userinfo", userinfo),
    Endpoint(TEAM, "POST", _BASE + "userinfo", userinfo),
    Endpoint(TEAM, "OPTIONS", _BASE + "userinfo", preflight),
)
