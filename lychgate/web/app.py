"""The companion app's table of routes: every URL it answers, one line each."""

from lychgate.core.urls import (
    AUTHORIZED,
    CALLBACK,
    CERTS,
    CLI,
    GET_IDENTITY,
    LOGIN,
    LOGOUT,
    REFRESH_IDENTITY,
    TRANSFER,
)
from lychgate.web.answering import Desk
from lychgate.web.approval import APPROVE, WAITING, approve, approve_form, waiting
from lychgate.web.asking import PURPOSE
from lychgate.web.authorized import authorized
from lychgate.web.bridge import Bridge
from lychgate.web.callback import callback
from lychgate.web.certs import certs
from lychgate.web.choice import CHOOSE, PIN, START, choose, start
from lychgate.web.identity import get_identity, refresh_identity
from lychgate.web.idptest import IDP_TEST, start_test
from lychgate.web.launcher import home
from lychgate.web.login import app_login, team_login
from lychgate.web.logout import app_logout, team_logout
from lychgate.web.oauth.table import OAUTH_ROUTES
from lychgate.web.pin import CODE, code_form, redeem_code, send_code
from lychgate.web.purpose import answer_purpose
from lychgate.web.routing import ALIAS, APP, BOTH, TEAM, Endpoint, Table
from lychgate.web.routing import TRANSFER as AT_TRANSFER
from lychgate.web.saas.routes import SAAS_ROUTES
from lychgate.web.services import Services
from lychgate.web.terminal.approving import approve_terminal, terminal_form
from lychgate.web.terminal.starting import start_terminal
from lychgate.web.terminal.transfer import collect, is_left

ROUTES = (
    Endpoint(APP, "GET", LOGIN, app_login),
    Endpoint(APP, "GET", AUTHORIZED, authorized),
    Endpoint(APP, "GET", LOGOUT, app_logout),
    Endpoint(APP, "GET", CLI, start_terminal),
    Endpoint(BOTH | ALIAS, "GET", CERTS, certs),
    Endpoint(BOTH, "GET", GET_IDENTITY, get_identity),
    Endpoint(TEAM, "GET", "/", home),
    Endpoint(TEAM, "GET", LOGIN + "/{host}", team_login, slow=True),
    Endpoint(TEAM, "GET", CHOOSE, choose),
    Endpoint(TEAM, "GET", START + "{provider}", start, slow=True),
    Endpoint(TEAM, "GET", CALLBACK, callback, slow=True),
    Endpoint(TEAM, "POST", PIN, send_code),
    Endpoint(TEAM, "GET", CODE, code_form),
    Endpoint(TEAM, "POST", CODE, redeem_code, slow=True),
    Endpoint(TEAM, "POST", PURPOSE, answer_purpose, slow=True),
    Endpoint(TEAM, "GET", WAITING + "{request}", waiting),
    Endpoint(TEAM, "GET", APPROVE + "{request}", approve_form),
    Endpoint(TEAM, "POST", APPROVE + "{request}", approve),
    Endpoint(TEAM, "GET", CLI, terminal_form),
    Endpoint(TEAM, "POST", CLI, approve_terminal, slow=True),
    Endpoint(AT_TRANSFER, "GET", TRANSFER + "{key}", collect, ready=is_left),
    Endpoint(TEAM, "GET", LOGOUT, team_logout),
    Endpoint(TEAM, "GET", REFRESH_IDENTITY, refresh_identity, slow=True),
    Endpoint(TEAM, "GET", IDP_TEST + "{provider}", start_test, slow=True),
    *OAUTH_ROUTES,
    *SAAS_ROUTES,
)


def companion(services: Services) -> Bridge:
    """The ASGI application over these services."""
    return Bridge(Desk(Table(ROUTES), services))
