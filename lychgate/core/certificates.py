"""What a client certificate says: its names and its serial number, from its PEM text."""

from cryptography import x509
from cryptography.x509.oid import NameOID

from lychgate.core.request import ClientCertificate


def read_certificate(pem: str, *, valid: bool) -> ClientCertificate | None:
    """Read a certificate; `valid` says whether the proxy checked its chain. None: unreadable."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode("latin-1"))
        issuer_dn = certificate.issuer.rfc4514_string()
        return ClientCertificate(
            common_name=_common_name(certificate.subject),
            valid=valid,
            serial=f"{certificate.serial_number:x}",
            issuer_dn=issuer_dn,
            issuer_ski=_issuer_key(certificate),
            pem=pem,
        )
    except ValueError:
        return None


def _common_name(subject: x509.Name) -> str:
    # Two common names are ambiguous, so such a certificate has none.
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def _issuer_key(certificate: x509.Certificate) -> str:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return ""
    return (found.value.key_identifier or b"").hex()
