"""External evaluation: asks an outside service about a login, and believes only its signed yes.

The question and the answer are each a JWT in `{"token": …}`. The answer counts when an RSA key of
`keys_url` signed it, it has not expired, and it repeats the nonce of the question.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from joserfc import jwk, jws
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from lychgate.idp import answers
from lychgate.idp.base import Failure, LoginFailed
from lychgate.idp.failures import failed
from lychgate.idp.keyset import KeySet, Wanted
from lychgate.outbound import Call, Outbound, Trust

_NAME = "The external evaluation"
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_SECONDS = 5.0
_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: our signed token, and the nonce in it."""

    token: str = field(repr=False)
    nonce: str


class Evaluator:
    """One evaluation service with the keys it was seen to sign with; shared between threads."""

    def __init__(self, evaluate_url: str, keys_url: str) -> None:
        self._evaluate_url = evaluate_url
        self._keys_url = keys_url
        self._keys = KeySet(_NAME)

    def ask(self, question: Question, http: Outbound, now: datetime) -> bool | LoginFailed:
        """What the service says of the login; a failure when it says nothing that counts."""
        body = json.dumps({"token": question.token}).encode()
        headers = {"content-type": "application/json", "accept": "application/json"}
        call = Call(
            self._evaluate_url, Trust.ADMINISTRATOR, "POST", headers, body, _LIMIT, _SECONDS
        )
        document = answers.read(http.send(call), _NAME, Failure.BAD_ANSWER)
        if isinstance(document, LoginFailed):
            return document
        token = document.get("token")
        if not isinstance(token, str):
            return failed(_NAME, Failure.BAD_ANSWER, "the answer holds no `token`")
        claims = self._claims(token, http, now)
        return claims if isinstance(claims, LoginFailed) else _judge(claims, question, now)

    def _claims(self, token: str, http: Outbound, now: datetime) -> Mapping[str, Any] | LoginFailed:
        try:
            header = answers.json_object(urlsafe_b64decode(token.partition(".")[0].encode()))
        except ValueError:
            return failed(_NAME, Failure.INVALID_TOKEN, "the answer is not a signed token")
        algorithm, kid = header.get("alg"), header.get("kid", "")
        if algorithm not in _ALGORITHMS or not isinstance(kid, str):
            return failed(_NAME, Failure.INVALID_TOKEN, "the algorithm of the answer is not RSA")
        keys = self._keys.at(self._keys_url, http, now)(Wanted(kid, "RSA", "", str(algorithm)))
        if isinstance(keys, LoginFailed):
            return keys
        for key in keys:
            try:
                public = jwk.import_key({name: key[name] for name in ("kty", "n", "e")})
                signed = jws.deserialize_compact(token, public, algorithms=[str(algorithm)])
                return answers.json_object(signed.payload)
            except (JoseError, ValueError, TypeError, KeyError):
                continue
        return failed(_NAME, Failure.INVALID_TOKEN, "no key of the service signed the answer")


def _judge(claims: Mapping[str, Any], question: Question, now: datetime) -> bool | LoginFailed:
    nonce, expires = claims.get("nonce"), claims.get("exp")
    if not isinstance(nonce, str) or not hmac.compare_digest(
        nonce.encode(errors="replace"), question.nonce.encode()
    ):
        return failed(_NAME, Failure.INVALID_TOKEN, "the answer is to another question")
    if not isinstance(expires, int | float) or isinstance(expires, bool):
        return failed(_NAME, Failure.INVALID_TOKEN, "the answer has no `exp`")
    if expires <= now.timestamp():
        return failed(_NAME, Failure.INVALID_TOKEN, "the answer has expired")
    return claims.get("success") is True
