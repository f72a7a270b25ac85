"""The wire shape of client certificate authorities and the hosts they are tied to."""

from typing import Annotated

from pydantic import AfterValidator, Field

from lychgate.api.base import Name, Text, Wire, plain_text
from lychgate.core.urls import canonical_host

MOST_CRL = 1_048_576
"""Characters that the revocation lists of one object may have."""


def _host(text: str) -> str:
    host = canonical_host(text)
    if host is None or host != text.lower().rstrip("."):
        raise ValueError(f"`{text[:100]}` is not a host name")
    return host


def _no_key(text: str) -> str:
    if "PRIVATE KEY" in text:
        raise ValueError("must not hold a private key")
    return text


Host = Annotated[Name, AfterValidator(_host)]
Crl = Annotated[str, Field(max_length=MOST_CRL), AfterValidator(plain_text)]
Pem = Annotated[Text, AfterValidator(_no_key)]


class CertificateBody(Wire):
    """A chain of certificate authorities, as PEM; ours adds `crl`, revocation lists as PEM."""

    name: Name
    certificate: Annotated[Pem, Field(min_length=1)]
    associated_hostnames: Annotated[list[Host], Field(max_length=1000)] = Field(
        default_factory=list
    )
    crl: Annotated[Crl, AfterValidator(_no_key)] = ""
