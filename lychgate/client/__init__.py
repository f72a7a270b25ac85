"""A command line's way through a gate: log in over managed OAuth once, then use the token.

It knows nothing of the installation it talks to: everything is found by the standards' own
documents, so it works from any machine.
"""

from lychgate.client.access import Access
from lychgate.client.errors import ClientError
from lychgate.client.login import Ways

__all__ = ["Access", "ClientError", "Ways"]
