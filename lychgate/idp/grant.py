"""The authorization code grant seen from the client: the URL to go to, the code turned in."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from lychgate.idp import answers
from lychgate.idp.base import Attempt, Failure, LoginFailed, Redirection
from lychgate.idp.client import Client, ClientAuth
from lychgate.idp.failures import failed, shown
from lychgate.outbound import Call, Outbound, Trust

LONGEST = 8192
"""Longest code taken from a callback."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint gave for a code."""

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TurnIn:
    """A code on its way to the token endpoint; no verifier: PKCE was not used."""

    url: str
    auth: ClientAuth
    code: str = field(repr=False)
    redirect_uri: str
    code_verifier: str = field(default="", repr=False)


def redirection(
    client: Client, url: str, attempt: Attempt, pkce: bool, extra: Mapping[str, str]
) -> Redirection:
    """The authorization request (RFC 6749 4.1.1, RFC 7636 4.3)."""
    values = {name: value for name, value in extra.items() if value}
    if pkce:
        values["code_challenge"] = str(create_s256_code_challenge(attempt.code_verifier))
        values["code_challenge_method"] = "S256"
    target = prepare_grant_uri(
        url,
        client.client_id,
        "code",
        redirect_uri=attempt.redirect_uri,
        scope=client.scopes,
        state=attempt.state,
        **values,
    )
    return Redirection(str(target))


def code(client: Client, answer: Mapping[str, str]) -> str | LoginFailed:
    """The code in a callback, or what the provider said instead."""
    if "error" in answer:
        said = (answer.get(key, "") for key in ("error", "error_description"))
        return failed(client.name, Failure.REFUSED, ": ".join(shown(text) for text in said if text))
    value = answer.get("code", "")
    if not value or len(value) > LONGEST or not value.isprintable():
        return failed(client.name, Failure.BAD_ANSWER, "the callback holds no code")
    return value


def wrong_issuer(client: Client, answer: Mapping[str, str], expected: str) -> LoginFailed | None:
    """RFC 9207 2.4: an `iss` of somebody else means that another provider answered."""
    sent = answer.get("iss")
    if sent is None or not expected or sent == expected:
        return None
    detail = f"the callback says issuer `{shown(sent)}`, expected `{shown(expected)}`"
    return failed(client.name, Failure.MIX_UP, detail)


def exchange(client: Client, turn_in: TurnIn, http: Outbound) -> Tokens | LoginFailed:
    """Turn the code in (RFC 6749 4.1.3)."""
    form = {
        "grant_type": "authorization_code",
        "code": turn_in.code,
        "redirect_uri": turn_in.redirect_uri,
    }
    if turn_in.code_verifier:
        form["code_verifier"] = turn_in.code_verifier
    headers = {"accept": "application/json"}
    if not client.secret:
        form["client_id"] = client.client_id
    elif turn_in.auth is ClientAuth.POST:
        form |= {"client_id": client.client_id, "client_secret": client.secret}
    else:
        headers["authorization"] = _basic(client)
    reply = http.send(Call(turn_in.url, Trust.ADMINISTRATOR, "POST", headers, form))
    members = answers.read(reply, client.name, Failure.BAD_ANSWER)
    return members if isinstance(members, LoginFailed) else _tokens(client, members)


def _basic(client: Client) -> str:
    # RFC 6749 2.3.1: both halves are form-encoded before they are joined.
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _tokens(client: Client, members: Mapping[str, Any]) -> Tokens | LoginFailed:
    # GitHub answers 200 with an error inside.
    if "error" in members:
        return failed(client.name, Failure.BAD_ANSWER, f"token: {shown(members['error'])}")
    access, identity = members.get("access_token", ""), members.get("id_token", "")
    if not isinstance(access, str) or not isinstance(identity, str):
        return failed(client.name, Failure.BAD_ANSWER, "the tokens are not texts")
    if not access.isascii() or not access.isprintable():
        return failed(client.name, Failure.BAD_ANSWER, "the access token is not printable ascii")
    return Tokens(access, identity)
