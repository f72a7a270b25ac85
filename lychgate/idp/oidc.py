"""Login through any OpenID provider; the presets are this with endpoints and claims of their own.

Claims come from the ID token and, when it lacks some that are wanted, from userinfo. Userinfo is
not optional then: a rule may exclude a group, so a group that could not be asked for is a failed
login, not an empty list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lychgate.idp import answers, grant, idtoken, metadata, persona
from lychgate.idp.base import Attempt, Failure, LoginFailed, Profile, Redirection
from lychgate.idp.client import Client, ClientAuth, Endpoints, origin
from lychgate.idp.failures import failed, shown
from lychgate.idp.keyset import KeySet
from lychgate.outbound import Outbound

type Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Round:
    """Everything the steps of one login share."""

    attempt: Attempt
    metadata: metadata.Metadata
    endpoints: Endpoints
    http: Outbound
    now: datetime


class Oidc:
    """OpenID Connect, authorization code flow."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._keys = KeySet(client.name)
        self._discovery = metadata.Discovery(client.name)

    def begin(self, attempt: Attempt, http: Outbound, now: datetime) -> Redirection | LoginFailed:
        """Say where the visitor has to go."""
        this = self._round(attempt, http, now)
        if isinstance(this, LoginFailed):
            return this
        extra = {"nonce": attempt.nonce, **self.parameters(attempt)}
        url = this.endpoints.authorization
        return grant.redirection(self.client, url, attempt, self._pkce(this), extra)

    def finish(
        self, attempt: Attempt, answer: Mapping[str, str], http: Outbound, now: datetime
    ) -> Profile | LoginFailed:
        """Judge what the visitor brought back to the callback."""
        this = self._round(attempt, http, now)
        if isinstance(this, LoginFailed):
            return this
        wrong = self._wrong_issuer(this, answer, next(iter(self._issuers(this)), ""))
        if wrong is not None:
            return wrong
        code = grant.code(self.client, answer)
        if isinstance(code, LoginFailed):
            return code
        tokens = self._exchange(this, code)
        if isinstance(tokens, LoginFailed):
            return tokens
        claims = self._verify(this, tokens)
        if isinstance(claims, LoginFailed):
            return claims
        # A provider nobody has logged in through yet: only now is its issuer known.
        wrong = self._wrong_issuer(this, answer, str(claims["iss"]))
        return wrong if wrong is not None else self._profile(this, claims, tokens)

    def parameters(self, attempt: Attempt) -> Mapping[str, str]:
        """What the authorization request carries besides the standard members."""
        return {"login_hint": attempt.login_hint}

    def complete(self, this: Round, claims: Claims, tokens: grant.Tokens) -> Claims | LoginFailed:
        """Add what the ID token lacks."""
        if not persona.missing(claims, self.client) or not tokens.access_token:
            return claims
        url = self._user_info(this, str(claims["iss"]))
        if isinstance(url, LoginFailed):
            return url
        return self._ask(this, url, claims, tokens) if url else claims

    def subject(self, claims: Claims) -> str:
        """What the provider knows the person by."""
        return str(claims["sub"])

    def _round(self, attempt: Attempt, http: Outbound, now: datetime) -> Round | LoginFailed:
        found: metadata.Metadata | LoginFailed = metadata.NOTHING
        own = self.client.endpoints
        if own.discovery:
            found = self._discovery.load(own.discovery, http, now)
        if isinstance(found, LoginFailed):
            return found
        endpoints = _merged(own, found.endpoints)
        if not (endpoints.authorization and endpoints.token and endpoints.keys):
            detail = "authorization, token or keys url is not known"
            return failed(self.client.name, Failure.CONFIGURATION, detail)
        return Round(attempt, found, endpoints, http, now)

    def _pkce(self, this: Round) -> bool:
        return this.metadata.pkce if self.client.pkce is None else self.client.pkce

    def _issuers(self, this: Round) -> tuple[str, ...]:
        known = this.endpoints.issuer or this.attempt.issuer
        return (known,) if known else ()

    def _wrong_issuer(
        self, this: Round, answer: Mapping[str, str], expected: str
    ) -> LoginFailed | None:
        if this.metadata.sends_issuer and "iss" not in answer:
            detail = "the callback lacks the issuer that this provider always sends"
            return failed(self.client.name, Failure.MIX_UP, detail)
        return grant.wrong_issuer(self.client, answer, expected)

    def _exchange(self, this: Round, code: str) -> grant.Tokens | LoginFailed:
        chosen = ClientAuth.POST if this.metadata.post_only else ClientAuth.BASIC
        turn_in = grant.TurnIn(
            this.endpoints.token,
            self.client.client_auth or chosen,
            code,
            this.attempt.redirect_uri,
            this.attempt.code_verifier if self._pkce(this) else "",
        )
        return grant.exchange(self.client, turn_in, this.http)

    def _verify(self, this: Round, tokens: grant.Tokens) -> Claims | LoginFailed:
        expected = idtoken.Expected(
            self.client.client_id, this.attempt.nonce, self._issuers(this), this.now
        )
        keys = self._keys.at(this.endpoints.keys, this.http, this.now)
        return idtoken.verify(tokens.id_token, expected, keys, self.client.name)

    def _user_info(self, this: Round, issuer: str) -> str | LoginFailed:
        if this.endpoints.user_info:
            return this.endpoints.user_info
        url = metadata.of_issuer(issuer, this.endpoints.token)
        found = self._discovery.load(url, this.http, this.now) if url else metadata.NOTHING
        if isinstance(found, LoginFailed):
            return found
        named = found.endpoints.user_info
        same = found.endpoints.issuer == issuer and origin(named) == origin(this.endpoints.token)
        return named if same else ""

    def _ask(
        self, this: Round, url: str, claims: Claims, tokens: grant.Tokens
    ) -> Claims | LoginFailed:
        reply = answers.get(this.http, url, tokens.access_token)
        more = answers.read(reply, self.client.name, Failure.USER_INFO)
        if isinstance(more, LoginFailed):
            return more
        # OpenID Connect Core 5.3.2: without this, a token of somebody else could be slipped in.
        if more.get("sub") != claims["sub"]:
            detail = f"userinfo speaks of `{shown(more.get('sub'))}`, the id token of another"
            return failed(self.client.name, Failure.USER_INFO, detail)
        return persona.joined(claims, more)

    def _profile(self, this: Round, claims: Claims, tokens: grant.Tokens) -> Profile | LoginFailed:
        whole = self.complete(this, claims, tokens)
        if isinstance(whole, LoginFailed):
            return whole
        return persona.profile(whole, self.client, self.subject(whole), str(claims["iss"]))


def _merged(own: Endpoints, found: Endpoints) -> Endpoints:
    return Endpoints(
        authorization=own.authorization or found.authorization,
        token=own.token or found.token,
        keys=own.keys or found.keys,
        user_info=own.user_info or found.user_info,
        issuer=own.issuer or found.issuer,
    )
