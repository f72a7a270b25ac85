"""Reads an authorization request of a SaaS application (RFC 6749 4.1.1, OpenID Connect Core 3).

Two steps, because an error may only be sent where the client is known to be: `answer_to` finds the
client's address or refuses outright, `read_request` judges the rest and its errors go there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlencode, urlsplit

from lychgate.core.model import SaasClient, SaasGrant
from lychgate.oauth.errors import (
    InvalidRequest,
    InvalidScope,
    OAuthError,
    UnauthorizedClient,
    UnsupportedResponseType,
)
from lychgate.oauth.pkce import is_challenge

SCOPES = frozenset({"openid", "email", "profile", "groups"})
OFFLINE = "offline_access"
"""Asked for by many clients; refresh tokens come by the application's setting alone."""
_MAX_TEXT = 2048
_PROMPTS = frozenset({"none", "login", "consent", "select_account"})
_CODE, _ID_TOKEN, _TOKEN = "code", "id_token", "token"
_FRONT = frozenset({_ID_TOKEN, _TOKEN})


class RequestNotSupported(OAuthError):
    """Requests as a signed object are not read here (OpenID Connect Core 6)."""

    code = "request_not_supported"


class Mode(StrEnum):
    """Which part of the redirect URI carries the answer."""

    QUERY = "query"
    FRAGMENT = "fragment"


@dataclass(frozen=True, slots=True)
class AnswerTo:
    """Where the client waits for the answer, and the state it knows it by."""

    redirect_uri: str
    state: str
    mode: Mode

    def url(self, issuer: str, members: Mapping[str, str]) -> str:
        """The redirect that carries these; `iss` says who answers (RFC 9207)."""
        state = {"state": self.state} if self.state else {}
        added = urlencode({**members, **state, "iss": issuer})
        if self.mode is Mode.FRAGMENT:
            return f"{self.redirect_uri}#{added}"
        return f"{self.redirect_uri}{'&' if '?' in self.redirect_uri else '?'}{added}"


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that can be granted, once its person is known."""

    answer_to: AnswerTo
    response_type: frozenset[str]
    scope: tuple[str, ...]
    """What is granted of what was asked for."""
    nonce: str = field(repr=False)
    challenge: str
    prompt: frozenset[str]
    max_age: int | None

    @property
    def wants_code(self) -> bool:
        """Whether an authorization code is asked for."""
        return _CODE in self.response_type

    @property
    def wants_id_token(self) -> bool:
        """Whether the answer itself is to hold an ID token."""
        return _ID_TOKEN in self.response_type

    @property
    def wants_access_token(self) -> bool:
        """Whether the answer itself is to hold an access token."""
        return _TOKEN in self.response_type

    @property
    def silent(self) -> bool:
        """Whether nobody may be shown a page."""
        return "none" in self.prompt


type Fields = Sequence[tuple[str, str]]


def answer_to(client: SaasClient, fields: Fields) -> AnswerTo:
    """The address of the client; raises InvalidRequest when none is sure."""
    if _values(fields, "client_id") != [client.client_id]:
        raise InvalidRequest("`client_id` is missing, repeated, or not the one of this address")
    uris = _values(fields, "redirect_uri")
    if len(uris) != 1 or uris[0] not in client.redirect_uris:
        raise InvalidRequest("`redirect_uri` is missing, repeated, or not registered")
    states = _values(fields, "state")
    asked = frozenset(" ".join(_values(fields, "response_type")).split())
    default = Mode.FRAGMENT if asked & _FRONT else Mode.QUERY
    wanted = _values(fields, "response_mode")
    mode = Mode.FRAGMENT if wanted == [Mode.FRAGMENT.value] else default
    return AnswerTo(uris[0], states[0] if len(states) == 1 else "", mode)


def read_request(client: SaasClient, address: AnswerTo, fields: Fields) -> AuthorizationRequest:
    """The request; raises what the client is to be told."""
    given = _once(fields)
    if "request" in given or "request_uri" in given:
        raise RequestNotSupported("send the parameters themselves")
    kinds = _response_type(client, given.get("response_type", ""))
    _check_mode(given.get("response_mode", ""), address)
    nonce = given.get("nonce", "")
    if _ID_TOKEN in kinds and not nonce:
        raise InvalidRequest("`nonce` is required when an ID token is returned here")
    return AuthorizationRequest(
        answer_to=address,
        response_type=kinds,
        scope=_scope(client, given.get("scope", "")),
        nonce=nonce,
        challenge=_challenge(client, kinds, given),
        prompt=_prompt(given.get("prompt", "")),
        max_age=_max_age(given.get("max_age", "")),
    )


def _values(fields: Fields, name: str) -> list[str]:
    # A parameter without a value counts as left out (RFC 6749 3.1).
    return [value for key, value in fields if key == name and value]


def _once(fields: Fields) -> Mapping[str, str]:
    names = [name for name, _ in fields]
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequest("a parameter is given more than once")
    for name, value in fields:
        if len(value) > _MAX_TEXT:
            raise InvalidRequest(f"`{name[:40]}` is too long" if name.isascii() else "too long")
    return {name: value for name, value in fields if value}


def _response_type(client: SaasClient, text: str) -> frozenset[str]:
    kinds = frozenset(text.split(" "))
    if not text or not kinds <= {_CODE, *_FRONT}:
        raise UnsupportedResponseType("`response_type` must be made of code, id_token and token")
    if not _allowed(client, kinds):
        raise UnauthorizedClient("this application's settings do not allow this response_type")
    return kinds


def _allowed(client: SaasClient, kinds: frozenset[str]) -> bool:
    if kinds == {_CODE}:
        return bool(client.grants & {SaasGrant.CODE, SaasGrant.CODE_WITH_PKCE})
    flow = SaasGrant.HYBRID if _CODE in kinds else SaasGrant.IMPLICIT
    fits = client.front_id_token or _ID_TOKEN not in kinds
    fits = fits and (client.front_access_token or _TOKEN not in kinds)
    return fits and flow in client.grants


def _check_mode(mode: str, address: AnswerTo) -> None:
    """A token never goes into a query, where logs and referrers would keep it."""
    if mode not in ("", Mode.QUERY, Mode.FRAGMENT):
        raise InvalidRequest("`response_mode` must be query or fragment")
    if mode == Mode.QUERY and address.mode is Mode.FRAGMENT:
        raise InvalidRequest("`response_mode` query cannot carry a token")


def _scope(client: SaasClient, text: str) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(text.split()))
    unknown = [one for one in asked if one not in SCOPES and one != OFFLINE]
    if unknown:
        raise InvalidScope("the scopes here are openid, email, profile, groups, offline_access")
    if "openid" not in asked:
        raise InvalidScope("the scope `openid` is required")
    return tuple(one for one in asked if one in client.scopes | {"openid"})


def _challenge(client: SaasClient, kinds: Iterable[str], given: Mapping[str, str]) -> str:
    challenge, method = given.get("code_challenge", ""), given.get("code_challenge_method", "")
    if not challenge and not method:
        plain = SaasGrant.CODE in client.grants or SaasGrant.HYBRID in client.grants
        if _CODE in kinds and (not plain or client.secret_hash is None):
            raise InvalidRequest("`code_challenge` is required (RFC 7636)")
        return ""
    if method != "S256" or not is_challenge(challenge):
        raise InvalidRequest("`code_challenge` must be given, with `code_challenge_method` S256")
    return challenge


def _prompt(text: str) -> frozenset[str]:
    prompts = frozenset(text.split())
    if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise InvalidRequest("`prompt` must be none, or of login, consent, select_account")
    return prompts


def _max_age(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidRequest("`max_age` must be a number of seconds")
    return int(text)


def own_origin(uri: str) -> str:
    """The origin of a redirect URI, as far as it has one."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}".lower()
