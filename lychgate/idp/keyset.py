"""A provider's signing keys: fetched when needed, kept when a fetch fails, found by key id."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lychgate.idp import answers
from lychgate.idp.base import Failure, LoginFailed
from lychgate.idp.failures import failed
from lychgate.outbound import Outbound

REFETCH = timedelta(seconds=30)
"""The least time between two fetches; an unknown key id cannot cause more of them."""
FRESH = timedelta(hours=1)
"""After this, keys are fetched again so that those withdrawn go away."""
MOST_KEYS = 500
MOST_TRIED = 4
"""Keys tried for one token; a set that offers more for it is not worth the work."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a token's header says of the key it was signed with."""

    kid: str
    """Empty: the header names none."""
    type: str
    """The JWK's `kty`."""
    curve: str
    """The JWK's `crv`; empty: any."""
    algorithm: str


type Keys = Callable[[Wanted], tuple[Mapping[str, Any], ...] | LoginFailed]
"""The keys a token may have been signed with; none: the provider has no such key."""


class KeySet:
    """The keys behind one URL; shared between threads."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._url = ""
        self._keys: tuple[Mapping[str, Any], ...] = ()
        self._fetched: datetime | None = None
        self._asked: datetime | None = None

    def at(self, url: str, http: Outbound, now: datetime) -> Keys:
        """The keys behind `url`, fetched when the token's is not among those known."""

        def find(wanted: Wanted) -> tuple[Mapping[str, Any], ...] | LoginFailed:
            with self._lock:
                if url != self._url:
                    self._url, self._keys, self._fetched, self._asked = url, (), None, None
                return self._find(wanted, http, now)

        return find

    def _find(
        self, wanted: Wanted, http: Outbound, now: datetime
    ) -> tuple[Mapping[str, Any], ...] | LoginFailed:
        found = _fitting(self._keys, wanted)
        if found and self._fetched is not None and now - self._fetched < FRESH:
            return found
        if self._asked is not None and self._keys and now - self._asked < REFETCH:
            return found
        failure = self._fetch(http, now)
        found = _fitting(self._keys, wanted)
        return failure if failure is not None and not found else found

    def _fetch(self, http: Outbound, now: datetime) -> LoginFailed | None:
        self._asked = now
        reply = answers.get(http, self._url)
        document = answers.read(reply, self._name, Failure.INVALID_TOKEN)
        if isinstance(document, LoginFailed):
            return document
        keys = document.get("keys")
        if not isinstance(keys, list) or len(keys) > MOST_KEYS:
            detail = f"the key set is no list of at most {MOST_KEYS} keys"
            return failed(self._name, Failure.INVALID_TOKEN, detail)
        self._keys = tuple(key for key in keys if isinstance(key, dict))
        self._fetched = now
        return None


def _fitting(keys: Iterable[Mapping[str, Any]], wanted: Wanted) -> tuple[Mapping[str, Any], ...]:
    fitting = tuple(key for key in keys if _fits(key, wanted))
    # OpenID Connect Core 10.1: without a key id there must be one key only.
    return fitting[:MOST_TRIED] if wanted.kid or len(fitting) == 1 else ()


def _fits(key: Mapping[str, Any], wanted: Wanted) -> bool:
    return (
        key.get("kty") == wanted.type
        and (not wanted.curve or key.get("crv") == wanted.curve)
        and key.get("use", "sig") == "sig"
        and key.get("alg", wanted.algorithm) in (wanted.algorithm, "EdDSA")
        and (not wanted.kid or key.get("kid") == wanted.kid)
    )
