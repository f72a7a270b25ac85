"""Which issuer each provider named in its first good login of this process: later ones must agree.

Generic OpenID providers are configured without an issuer, and one whose key set suddenly answers
for another is not to be believed.
"""

import threading

from lychgate.core.model import IdentityProvider
from lychgate.idp import issuer_pin


class Issuers:
    """Remembers one issuer for each provider and configuration of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, str] = {}

    def of(self, idp: IdentityProvider) -> str:
        """What the first good login reported; empty before it."""
        return self._known.get(issuer_pin(idp), "")

    def note(self, idp: IdentityProvider, issuer: str) -> None:
        """Keep the issuer of a good login; the first one stays."""
        with self._lock:
            self._known.setdefault(issuer_pin(idp), issuer)
