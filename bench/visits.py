"""Visitors with good sessions: what people send whom an installation knows."""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from itertools import batched, repeat
from multiprocessing import get_context
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from bench.load import Visit
from lychgate.core.identity import Identity
from lychgate.core.keys import SigningKey
from lychgate.core.model import EPOCH, AppId
from lychgate.core.session import Grounds, app_claims
from lychgate.core.snapshot import Snapshot
from lychgate.core.tokens import sign
from lychgate.core.zerohop import vouched
from lychgate.runtime import connect
from lychgate.settings import Settings

_BATCH = 1000


def snapshot_of(settings: Settings) -> Snapshot:
    """The configuration of an installation as its processes see it."""
    store = connect(settings)
    try:
        store.mirror.refresh(store)
        mirrored = store.mirror.current
    finally:
        store.close()
    if mirrored is None:
        raise SystemExit("the installation was not read")
    return mirrored.snapshot


def visits(snapshot: Snapshot, people: Iterable[tuple[AppId, Identity, str]]) -> Sequence[Visit]:
    """What each of these sends to an application in the session of that nonce, signed in order."""
    people = list(people)
    newest = max(snapshot.apps[app].rules_changed_at for app, _, _ in people)
    now = datetime.fromtimestamp(max(int(time.time()), newest + 1), UTC)
    claims = [_claims(snapshot, app, who, nonce, now) for app, who, nonce in people]
    hosts = [snapshot.apps[app].app.destinations[0].host for app, _, _ in people]
    tokens = _signed(claims, snapshot.keyring.current(now))
    return [
        Visit(host, f"theme=dark; CF_AppSession={'s' * 43}; CF_Authorization={token}; lang=en")
        for host, token in zip(hosts, tokens, strict=True)
    ]


def _claims(
    snapshot: Snapshot, app: AppId, who: Identity, nonce: str, now: datetime
) -> dict[str, Any]:
    found = snapshot.apps[app]
    grounds = Grounds(nonce, found.app.policies[0], 0)
    claims = app_claims(snapshot.team, found.app, who, grounds, now, found.app.session_duration)
    return vouched(claims, found, snapshot.revocations)


def _signed(claims: Sequence[Mapping[str, Any]], key: SigningKey) -> list[str]:
    if len(claims) <= _BATCH:
        return [sign(each, key) for each in claims]
    sealed = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    batches = [list(some) for some in batched(claims, _BATCH, strict=False)]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        signed = pool.map(_sign, batches, repeat(key.kid), repeat(sealed))
        return [token for some in signed for token in some]


def _sign(claims: Sequence[Mapping[str, Any]], kid: str, sealed: bytes) -> list[str]:
    private = load_pem_private_key(sealed, None)
    if not isinstance(private, RSAPrivateKey):
        raise SystemExit("the installation signs with another kind of key")
    key = SigningKey(kid, private, "", EPOCH, EPOCH)
    return [sign(each, key) for each in claims]
