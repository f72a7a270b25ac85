"""Which issuer each provider named in its first good login: later ones must agree.

Generic OpenID providers are configured without an issuer, and one whose key set suddenly answers
for another is not to be believed, on whichever node it is.
"""

from dataclasses import dataclass

from lychgate.core.model import IdentityProvider
from lychgate.idp import issuer_pin
from lychgate.store import base


@dataclass(frozen=True, slots=True)
class Issuers:
    """One issuer for each provider and the settings it was used with."""

    store: base.Issuers

    def of(self, idp: IdentityProvider) -> str:
        """What the first good login reported; empty before it."""
        return self.store.of(idp.id, issuer_pin(idp))

    def note(self, idp: IdentityProvider, issuer: str) -> None:
        """Keep the issuer of a good login; the first one stays."""
        self.store.note(idp.id, issuer_pin(idp), issuer)
