"""What managed OAuth offers: its terms for an application, and the documents that say so."""

from collections.abc import Mapping
from typing import Any

from lychgate.core.metadata import server_document
from lychgate.core.model import Application
from lychgate.core.snapshot import Snapshot
from lychgate.oauth.clients import open_rules
from lychgate.oauth.grants import Terms


def managed_terms(app: Application) -> Terms | None:
    """How long what an application grants lasts; None while managed OAuth is off."""
    if app.oauth is None:
        return None
    return Terms(app.oauth.access_token_lifetime, app.oauth.grant_duration)


def team_document(snapshot: Snapshot) -> Mapping[str, Any]:
    """The authorization server metadata of the team domain (RFC 8414 3.2)."""
    rules = [app.app.oauth for app in snapshot.apps.values() if app.app.oauth is not None]
    return server_document(
        snapshot.team,
        registration=bool(open_rules(snapshot)),
        device=any(rule.device_flow for rule in rules),
    )
