"""The life of a service token: its two halves, how they are renewed, and when they end.

Everything here takes a wire body and gives the next one. A secret exists in `Issued` only, to be
shown once; the body keeps its SHA-256, which is enough because the secret has full entropy.
"""

import string
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lychgate.api import FOREVER
from lychgate.api.base import parse_time
from lychgate.api.service_tokens import hash_secret
from lychgate.core.durations import parse_duration
from lychgate.errors import LychgateError
from lychgate.store.base import Delete, Edit, Kind, Object, Put, Source

DEFAULT_DURATION = "8760h"
"""One year."""
WARNED_BEFORE = timedelta(days=7)
"""How long before its end a token is worth a warning."""
_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 40
_PREFIX = "cfast_"

type Body = Mapping[str, Any]
type Random = Callable[[int], bytes]


class InvalidDuration(LychgateError):
    """A lifetime of a service token that is none."""

    code = "invalid_duration"


@dataclass(frozen=True, slots=True)
class Issued:
    """A body with a new secret, and that secret, which is shown once."""

    body: Body
    secret: str = field(repr=False)

    @property
    def client_id(self) -> str:
        """The public half."""
        return str(self.body["client_id"])


def new_client_id(random: Random) -> str:
    """`<32 hex>.access`."""
    return f"{random(16).hex()}.access"


def new_secret(random: Random) -> str:
    """`cfast_`, 40 letters and digits, and the CRC-32 of all that in hex.

    The checksum lets scanners tell a leaked secret from noise; nothing here asks for it, so that
    secrets of the older form (64 hex digits) stay good.
    """
    number, letters = int.from_bytes(random(_LENGTH)), []
    for _ in range(_LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    text = _PREFIX + "".join(letters)
    return f"{text}{zlib.crc32(text.encode()):08x}"


def expiry(duration: str | None, now: datetime) -> datetime:
    """When a token of that duration ends that begins now."""
    text = duration or DEFAULT_DURATION
    if text == "forever":
        return FOREVER
    life = parse_duration(text)
    if life is None or life <= timedelta():
        raise InvalidDuration(
            f"`{text[:40]}` is not a lifetime", "write `8760h`, `30m` or `forever`"
        )
    return FOREVER if life > FOREVER - now else now + life


def create(name: str, duration: str | None, random: Random, now: datetime) -> Issued:
    """A new token."""
    secret = new_secret(random)
    body = {
        "name": name,
        "duration": duration or DEFAULT_DURATION,
        "enabled": True,
        "client_id": new_client_id(random),
        "client_secret_hash": hash_secret(secret),
        "client_secret_version": 1,
        "expires_at": _text(expiry(duration, now)),
    }
    return Issued(body, secret)


def rotate(body: Body, previous_ends: datetime | None, random: Random, now: datetime) -> Issued:
    """A new secret under the same client id; the old one dies at once, or at `previous_ends`.

    A token that never had a secret, as one the file only names, gets its first. The version stays:
    it is the number of whoever rotates by raising it, and a plan that knows the old one goes on.
    """
    secret, before = new_secret(random), body.get("client_secret_hash")
    after = _without_previous(body) | {
        "client_secret_hash": hash_secret(secret),
        "client_secret_version": body.get("client_secret_version", 1),
    }
    if before is not None and previous_ends is not None and previous_ends > now:
        after["previous_client_secret_hash"] = before
        after["previous_client_secret_expires_at"] = _text(previous_ends)
    if "expires_at" not in body:
        after["expires_at"] = _text(expiry(body.get("duration"), now))
    return Issued(after, secret)


def end_previous(body: Body, at: datetime, now: datetime) -> Body:
    """The secret before the last rotation ends then; now or in the past ends it at once."""
    if at <= now or "previous_client_secret_hash" not in body:
        return _without_previous(body)
    return {**body, "previous_client_secret_expires_at": _text(at)}


def refresh(body: Body, now: datetime) -> Body:
    """The lifetime begins again; the secret stays."""
    return {**body, "expires_at": _text(expiry(body.get("duration"), now))}


def change_duration(body: Body, duration: str, now: datetime) -> Body:
    """Another lifetime, counted from now."""
    return {**body, "duration": duration, "expires_at": _text(expiry(duration, now))}


def rename(body: Body, name: str) -> Body:
    """Another name."""
    return {**body, "name": name}


def enable(body: Body) -> Body:
    """Both secrets count again."""
    return {**body, "enabled": True}


def disable(body: Body) -> Body:
    """No secret counts; reversible."""
    return {**body, "enabled": False}


def expires_at(body: Body) -> datetime:
    """When a stored token ends."""
    return parse_time(str(body.get("expires_at") or "")) or FOREVER


def ending_soon(tokens: Iterable[Object], now: datetime) -> Iterator[Object]:
    """Tokens in use whose last week has begun."""
    for token in tokens:
        if token.body.get("enabled", True) and now < expires_at(token.body) <= now + WARNED_BEFORE:
            yield token


@dataclass(frozen=True, slots=True)
class Inactivity:
    """What the organization wants done with tokens that nobody uses."""

    after: timedelta
    delete: bool


def inactivity(organization: Body) -> Inactivity | None:
    """That setting of an organization's body; None when it is off."""
    setting = organization.get("service_token_inactivity") or {}
    if not setting.get("enabled"):
        return None
    days = timedelta(days=setting["inactivity_threshold_days"])
    return Inactivity(days, setting["action"] == "delete")


def clean_up(
    setting: Inactivity,
    tokens: Iterable[Object],
    used: Mapping[str, datetime],
    named: frozenset[str],
    now: datetime,
) -> list[Edit]:
    """The edits that disable or delete what was neither used nor changed for so long.

    A token that a rule names (`named_in`) stays, and so does one of the configuration file, which
    would bring it back.
    """
    edits: list[Edit] = []
    for token in tokens:
        last = max(used.get(token.id, token.created_at), token.updated_at)
        if token.source is Source.FILE or token.id in named or now - last <= setting.after:
            continue
        if setting.delete:
            edits.append(Delete(Kind.SERVICE_TOKEN, token.id))
        elif token.body.get("enabled", True):
            body = disable(token.body)
            edits.append(Put(Kind.SERVICE_TOKEN, token.id, body))
    return edits


def named_in(rules: Iterable[Body]) -> frozenset[str]:
    """The tokens that policies and groups with these bodies name."""
    return frozenset(
        str(value["token_id"])
        for body in rules
        for part in ("include", "require", "exclude")
        for rule in body.get(part, ())
        for kind, value in rule.items()
        if kind == "service_token" and "token_id" in value
    )


def _without_previous(body: Body) -> dict[str, Any]:
    previous = ("previous_client_secret_hash", "previous_client_secret_expires_at")
    return {name: value for name, value in body.items() if name not in previous}


def _text(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
