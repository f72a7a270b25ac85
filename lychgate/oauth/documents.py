"""Clients that are known by the URL of a metadata document (Client ID Metadata Documents).

The URL is chosen by whoever starts a login, so it is fetched behind the guard for outsiders, in
bounds of size and time, and what came is remembered for a while: the good and the bad.
"""

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from lychgate.oauth.clients import CODE_GRANT, REFRESH_GRANT, KnownClient, check_metadata
from lychgate.oauth.errors import InvalidClient, OAuthError
from lychgate.oauth.redirects import read_redirect
from lychgate.outbound import Call, NoAnswer, Outbound, Reply, Trust

LIMIT = 64 * 1024
SECONDS = 5.0
_SHORTEST = timedelta(seconds=30)
_USUAL = timedelta(minutes=5)
_LONGEST = timedelta(hours=24)
_MOST = 1000
AT_ONCE = 6
"""Documents fetched at a time: their servers may be as slow as they like, logins may not wait."""
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=([0-9]{1,9})(?:[,\s]|$)")
_SECRETS = ("client_secret", "client_secret_expires_at")


def is_document_url(id: str) -> bool:
    """Whether a client id is the URL of a metadata document: https, with a path, nothing odd."""
    if not id.startswith("https://"):
        return False
    uri = read_redirect(id)
    return uri is not None and uri.path != "/" and not urlsplit(id).query


@dataclass(frozen=True, slots=True)
class _Kept:
    until: datetime
    client: KnownClient | str
    """The client, or why there is none."""


class Documents:
    """Fetches metadata documents and remembers them; shared between threads."""

    def __init__(self, most: int = _MOST, at_once: int = AT_ONCE) -> None:
        self._lock = threading.Lock()
        self._fetching = threading.BoundedSemaphore(at_once)
        self._kept: dict[str, _Kept] = {}
        self._most = most

    def client(self, url: str, outbound: Outbound, now: datetime) -> KnownClient:
        """The client that a document describes; `InvalidClient` when it describes none."""
        with self._lock:
            kept = self._kept.get(url)
        if kept is None or kept.until <= now:
            kept = self._fetch_in_turn(url, outbound, now)
            self._keep(url, kept, now)
        if isinstance(kept.client, str):
            raise InvalidClient(kept.client)
        return kept.client

    def _fetch_in_turn(self, url: str, outbound: Outbound, now: datetime) -> _Kept:
        if not self._fetching.acquire(blocking=False):
            raise InvalidClient("too many metadata documents are being fetched; try again")
        try:
            return self._fetch(url, outbound, now)
        finally:
            self._fetching.release()

    def _fetch(self, url: str, outbound: Outbound, now: datetime) -> _Kept:
        call = Call(
            url,
            Trust.OUTSIDER,
            headers={"accept": "application/json"},
            limit=LIMIT,
            seconds=SECONDS,
        )
        reply = outbound.send(call)
        if isinstance(reply, NoAnswer):
            return _Kept(now + _SHORTEST, "the client's metadata document cannot be fetched")
        try:
            return _Kept(now + _fresh_for(reply.headers), _client(url, reply))
        except OAuthError as error:
            return _Kept(now + _SHORTEST, f"the client's metadata document: {error.message}")

    def _keep(self, url: str, kept: _Kept, now: datetime) -> None:
        with self._lock:
            if len(self._kept) >= self._most:
                self._kept = {key: one for key, one in self._kept.items() if one.until > now}
            if len(self._kept) >= self._most:
                self._kept.clear()
            self._kept[url] = kept


def _fresh_for(headers: Mapping[str, str]) -> timedelta:
    said = headers.get("cache-control", "").lower()
    if "no-store" in said or "no-cache" in said:
        return _SHORTEST
    match = _MAX_AGE.search(said)
    wanted = timedelta(seconds=int(match[1])) if match else _USUAL
    return min(max(wanted, _SHORTEST), _LONGEST)


def _client(url: str, reply: Reply) -> KnownClient:
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if reply.status != 200:
        raise InvalidClient(f"it was answered with status {reply.status}")
    if kind != "application/json" and not kind.endswith("+json"):
        raise InvalidClient("it is not JSON")
    document = _object(reply.body)
    if document.get("client_id") != url:
        raise InvalidClient("its client_id is not its own address")
    if any(name in document for name in _SECRETS):
        raise InvalidClient("it holds a secret, which is public there")
    method = document.get("token_endpoint_auth_method", "none")
    registration = check_metadata({**document, "token_endpoint_auth_method": method})
    if registration.auth_method != "none":
        raise InvalidClient("it asks to authenticate with a secret that nobody issued")
    name = registration.extra.get("client_name", "")
    if not name:
        raise InvalidClient("it names no client_name")
    uris = tuple(uri.text for uri in registration.redirect_uris)
    return KnownClient(url, name, uris, (CODE_GRANT, REFRESH_GRANT))


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidClient("it is not JSON") from None
    if not isinstance(document, dict):
        raise InvalidClient("it is not a JSON object")
    return document
