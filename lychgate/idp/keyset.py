"""A provider's signing keys: fetched when needed, kept when a fetch fails, found by key id."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from lychgate.idp import answers
from lychgate.idp.base import Failure, LoginFailed
from lychgate.idp.failures import failed
from lychgate.idp.shared import Shared
from lychgate.outbound import Outbound

REFETCH = timedelta(seconds=10)
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


@dataclass(frozen=True, slots=True)
class _Kept:
    """The keys of one URL, and when they were fetched and last asked for."""

    url: str
    keys: tuple[Mapping[str, Any], ...] = ()
    fetched: datetime | None = None
    asked: datetime | None = None

    def is_fresh(self, now: datetime) -> bool:
        """Whether they may still be what the provider signs with."""
        return self.fetched is not None and now - self.fetched < FRESH

    def was_just_asked(self, now: datetime) -> bool:
        """Whether asking again would be too soon, for keys that were fetched once."""
        return bool(self.keys) and self.asked is not None and now - self.asked < REFETCH


class KeySet:
    """The keys behind one URL; shared between threads, of which one fetches at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._asking: Shared[LoginFailed | None] = Shared()
        self._kept = _Kept("")

    def at(self, url: str, http: Outbound, now: datetime) -> Keys:
        """The keys behind `url`, fetched when the token's is not among those known."""

        def find(wanted: Wanted) -> tuple[Mapping[str, Any], ...] | LoginFailed:
            if url != self._kept.url:
                self._kept = _Kept(url)
            return self._find(wanted, http, now)

        return find

    def _find(
        self, wanted: Wanted, http: Outbound, now: datetime
    ) -> tuple[Mapping[str, Any], ...] | LoginFailed:
        kept = self._kept
        found = _fitting(kept.keys, wanted)
        if kept.was_just_asked(now) or (found and (kept.is_fresh(now) or self._asking.busy)):
            return found
        failure = self._asking.ask(kept.url, lambda: self._fetch(kept, http, now))
        found = _fitting(self._kept.keys, wanted)
        return failure if failure is not None and not found else found

    def _fetch(self, kept: _Kept, http: Outbound, now: datetime) -> LoginFailed | None:
        self._kept = kept = replace(kept, asked=now)
        reply = answers.get(http, kept.url)
        document = answers.read(reply, self._name, Failure.INVALID_TOKEN)
        if isinstance(document, LoginFailed):
            return document
        keys = document.get("keys")
        if not isinstance(keys, list) or len(keys) > MOST_KEYS:
            detail = f"the key set is no list of at most {MOST_KEYS} keys"
            return failed(self._name, Failure.INVALID_TOKEN, detail)
        usable = tuple(key for key in keys if isinstance(key, dict))
        self._kept = replace(kept, keys=usable, fetched=now)
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
