"""The device's side of RFC 8628: it asks for codes, shows one to a person, and polls."""

from datetime import timedelta

from lychgate.core.metadata import DEVICE_GRANT
from lychgate.core.snapshot import CompiledApp
from lychgate.core.urls import encode
from lychgate.oauth.clients import CODE_GRANT, KnownClient
from lychgate.oauth.errors import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    InvalidGrant,
    SlowDown,
    UnauthorizedClient,
)
from lychgate.oauth.grants import Issued
from lychgate.oauth.resources import application_of, check_granted
from lychgate.oauth.tokens import digest
from lychgate.store.oauthbase import DeviceRequest, DeviceState, Polled
from lychgate.web.errors import Unavailable
from lychgate.web.oauth.documents import document
from lychgate.web.oauth.form import Form, calling_client, read_form
from lychgate.web.oauth.judging import judge_of, managed
from lychgate.web.oauth.paths import DEVICE
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.services import Services

LIFE = timedelta(minutes=10)
INTERVAL = 5
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words, and nothing that looks like a digit (RFC 8628 6.1)."""
_LENGTH = 8
_TRIES = 5


def device_authorization(request: WebRequest, services: Services) -> Reply:
    """POST device_authorization: a device code to poll with and a user code to show (3.1, 3.2)."""
    services.limiter.device_asked(request.client_ip)
    form = read_form(request)
    client = calling_client(request, services, form)
    app = application_of(services.newest(), form.resources)
    _check_on_offer(app, client)
    now = services.clock()
    waiting = DeviceRequest(
        client=client.id,
        app=app.app.id,
        resource=form.resources[0],
        scope="",
        created_at=now,
        expires_at=now + LIFE,
        interval=INTERVAL,
    )
    device = services.token()
    user = _begin(services, device, waiting)
    page = services.current().team.url + DEVICE
    answer = {
        "device_code": device,
        "user_code": user,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?user_code={encode(user)}",
        "expires_in": int(LIFE.total_seconds()),
        "interval": INTERVAL,
    }
    return document(200, answer)


def offers_device_flow(app: CompiledApp) -> bool:
    """Whether machines may ask for an application: every client there is registered itself."""
    rule = app.app.oauth
    return rule is not None and rule.device_flow and rule.registration


def _check_on_offer(app: CompiledApp, client: KnownClient) -> None:
    if not offers_device_flow(app):
        raise UnauthorizedClient("this application does not offer the device flow")
    if DEVICE_GRANT not in client.grant_types and CODE_GRANT not in client.grant_types:
        raise UnauthorizedClient("this client did not register for the device flow")


def _begin(services: Services, device: str, waiting: DeviceRequest) -> str:
    for _ in range(_TRIES):
        code = _user_code(services)
        if services.store.oauth.devices.begin(digest(device), digest(code), waiting):
            return f"{code[:4]}-{code[4:]}"
    raise Unavailable("no free code was found; try again")


def _user_code(services: Services) -> str:
    drawn = services.random(4 * _LENGTH)
    # Four bytes for each letter leave no letter likelier than another by more than 1 in 10^8.
    words = (drawn[4 * place : 4 * place + 4] for place in range(_LENGTH))
    return "".join(_LETTERS[int.from_bytes(word) % len(_LETTERS)] for word in words)


def read_user_code(text: str) -> str:
    """A user code as a person typed it: case, dashes and blanks do not count."""
    return "".join(letter for letter in text.upper() if letter in _LETTERS)


def redeem_device(
    request: WebRequest, services: Services, form: Form, client: KnownClient
) -> Issued:
    """Tokens for a device code whose person said yes; else how far it has come (3.5)."""
    key = digest(form.needed("device_code"))
    devices = services.store.oauth.devices
    waiting = devices.by_device_code(key)
    if waiting is None or waiting.client != client.id:
        raise InvalidGrant("this device code is not one of this client's")
    if form.resources:
        check_granted(services.newest(), form.resources, waiting.app)
    now = services.clock()
    if now >= waiting.expires_at:
        raise ExpiredToken("the device code is too old; ask for a new one")
    if devices.poll(key, now) is Polled.TOO_SOON:
        raise SlowDown("leave five seconds more between two polls")
    match waiting.state:
        case DeviceState.WAITING:
            raise AuthorizationPending("nobody has answered yet")
        case DeviceState.REFUSED:
            raise AccessDenied("the person did not allow it")
        case DeviceState.ALLOWED if waiting.grant is not None:
            judge = judge_of(request, services)
            grants = managed(services)
            return grants.start(
                waiting.grant, lambda grant, now: devices.redeem(key, grant, now), judge
            )
        case _:
            raise InvalidGrant("this device code was used before")
