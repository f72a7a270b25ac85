"""Signing keys: when they are replaced, and replacing them now. No key is ever shown."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from lychgate.admin.answers import Answer, done
from lychgate.admin.calls import Call, Office, shown_time
from lychgate.admin.handler import handler
from lychgate.admin.shapes.acts import KeysShown
from lychgate.admin.shapes.shown import Takes, one
from lychgate.admin.validating import validated
from lychgate.api.base import wire
from lychgate.api.kept import KeySettingsBody
from lychgate.core.keys import Keyring
from lychgate.store.base import Catalogue, Edit, Kind, Put, Store

SETTINGS_ID = "keys"
DEFAULT_DAYS = 90
_DAY = timedelta(days=1)


def rotation_interval(store: Store) -> timedelta | None:
    """How long a signing key signs; None as long as nobody has said so."""
    stored = store.object(Kind.SETTINGS, SETTINGS_ID)
    return None if stored is None else stored.body["key_rotation_interval_days"] * _DAY


def last_rotation(keyring: Keyring) -> datetime:
    """When the newest signing key was made."""
    return max(key.created_at for key in keyring.signing)


@handler("get_keys", one(KeysShown))
def get(_call: Call, office: Office) -> Answer:
    """Say when signing keys are replaced; no key is ever shown."""
    return done(_shown(office, office.store.keys.keyring()))


@handler("update_keys", one(KeysShown), Takes((KeySettingsBody,)))
def put(call: Call, office: Office) -> Answer:
    """Change how often signing keys are replaced."""
    body = wire(validated(KeySettingsBody, call.members))

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        stored = catalogue.object(Kind.SETTINGS, SETTINGS_ID)
        if stored is not None:
            call.may_edit(stored)
        return [Put(Kind.SETTINGS, SETTINGS_ID, body)]

    office.change(call, plan)
    return get(call, office)


@handler("rotate_keys", one(KeysShown))
def rotate(call: Call, office: Office) -> Answer:
    """Make a new signing key; the old one goes on verifying for a while."""
    before = office.store.keys.keyring()
    keyring = office.store.keys.rotate(office.clock())
    details = {"before": before.signing[-1].kid, "after": keyring.signing[-1].kid}
    office.note(call, "rotate_keys", details=details)
    return done(_shown(office, keyring))


def _shown(office: Office, keyring: Keyring) -> dict[str, Any]:
    interval = rotation_interval(office.store) or DEFAULT_DAYS * _DAY
    last = last_rotation(keyring)
    left = last + interval - office.clock()
    return {
        "key_rotation_interval_days": interval // _DAY,
        "days_until_next_rotation": max(0, -(-left // _DAY)),
        "last_key_rotation_at": shown_time(last),
    }
