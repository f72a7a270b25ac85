"""Counts token requests: what was brought, and what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from lychgate.core.metadata import DEVICE_GRANT
from lychgate.oauth.errors import OAuthError
from lychgate.web.services import Services

_SHORT = {DEVICE_GRANT: "device_code"}


@contextmanager
def counted(services: Services, kind: str, grant_type: str) -> Iterator[None]:
    """Count the block as one request of a known grant type: `issued`, or the code it ends with."""
    grant = _SHORT.get(grant_type, grant_type)
    try:
        yield
    except OAuthError as error:
        services.metrics.token_asked(kind, grant, error.code)
        raise
    services.metrics.token_asked(kind, grant, "issued")
