"""Whether a client certificate counts at a host: who issued it, until when, and is it revoked.

The proxy's TLS layer proves that the client holds the private key, and nothing more is asked of
it: Envoy can also check the chain, mitmproxy cannot. So the chain is checked here, for both alike,
against the authorities an administrator tied to the host. Only the client's own certificate is
looked at; intermediate authorities come from the administrator as well.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from lychgate.core.model import ClientAuthority
from lychgate.core.request import ClientCertificate
from lychgate.errors import Problem

MOST = 100
"""Certificates, and revocation lists, that one object may hold."""
RECHECK = timedelta(minutes=1)
"""A judgement holds no longer than this, and never beyond what it rests on."""
_PEM = "-----BEGIN CERTIFICATE-----"
_DEPTH = 5
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_CLIENT = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


def read_certificate(text: str) -> ClientCertificate | None:
    """Read what a client presented; not valid until it is judged. None: unreadable.

    The text is PEM, or the base64 of the DER form alone, as some proxies state it.
    """
    try:
        pem = text if text.startswith(_PEM) else _armoured(text)
        certificate = x509.load_pem_x509_certificate(pem.encode("latin-1"))
        issuer_dn = certificate.issuer.rfc4514_string()
        return ClientCertificate(
            common_name=_common_name(certificate.subject),
            valid=False,
            serial=f"{certificate.serial_number:x}",
            issuer_dn=issuer_dn,
            issuer_ski=_issuer_key(certificate),
            pem=pem,
        )
    except ValueError:
        return None


def _armoured(der: str) -> str:
    return f"{_PEM}\n{der}\n-----END CERTIFICATE-----\n"


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


@dataclass(frozen=True, slots=True)
class Authority:
    """An administrator's chain, ready to judge by."""

    anchors: Store
    intermediates: tuple[x509.Certificate, ...]
    lists: tuple[x509.CertificateRevocationList, ...]
    ends: datetime
    """When the first of its certificates ends."""

    @property
    def renew_by(self) -> datetime:
        """When the first of its certificates and revocation lists is over."""
        lists = (one.next_update_utc for one in self.lists)
        return min((self.ends, *(end for end in lists if end is not None)))


type Authorities = Mapping[str, tuple[Authority, ...]]
"""By canonical host."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a certificate counts, and when to look again."""

    valid: bool
    until: datetime


def compile_authorities(objects: Iterable[ClientAuthority], problems: list[Problem]) -> Authorities:
    """The authorities of each host; what is wrong with an object is added to the problems."""
    hosts: dict[str, tuple[Authority, ...]] = {}
    for one in objects:
        authority = _compile(one, problems)
        for host in one.hostnames if authority is not None else ():
            hosts[host] = (*hosts.get(host, ()), authority)  # type: ignore[arg-type]  # not None
    return hosts


def _compile(one: ClientAuthority, problems: list[Problem]) -> Authority | None:
    where = f"certificates/{one.id}"
    chain = _chain(one.pem)
    if isinstance(chain, str):
        problems.append(Problem(f"{where}/certificate", chain))
        return None
    lists = _lists(one.crl, chain)
    if isinstance(lists, str):
        problems.append(Problem(f"{where}/crl", lists))
        return None
    subjects = {certificate.subject for certificate in chain}
    anchors = [one for one in chain if one.issuer == one.subject or one.issuer not in subjects]
    others = tuple(one for one in chain if one not in anchors)
    ends = min(certificate.not_valid_after_utc for certificate in chain)
    return Authority(Store(anchors), others, lists, ends)


def _chain(pem: str) -> list[x509.Certificate] | str:
    """The certificates of an object, or what is wrong with them."""
    if "PRIVATE KEY" in pem:
        return "it holds a private key, which must stay with whoever issues certificates"
    try:
        chain = x509.load_pem_x509_certificates(pem.encode("latin-1"))
        reasons = [_unfit(certificate) for certificate in chain]
    except ValueError:
        return "it holds no certificate in PEM form, or one that cannot be read"
    if len(chain) > MOST:
        return f"it holds more than {MOST} certificates"
    return next((reason for reason in reasons if reason), None) or chain


def _unfit(certificate: x509.Certificate) -> str:
    """Why a certificate cannot be an authority; empty when it can."""
    name = certificate.subject.rfc4514_string()[:100]
    if not _is_strong(certificate):
        return f"the key of `{name}` is neither RSA of 2048 bits or more nor P-256, P-384 or P-521"
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return f"`{name}` is not a certificate authority"
    return "" if constraints.value.ca else f"`{name}` is not a certificate authority"


def _is_strong(certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= 2048
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES


def _lists(
    pem: str, chain: Sequence[x509.Certificate]
) -> tuple[x509.CertificateRevocationList, ...] | str:
    """The revocation lists of an object, or what is wrong with them."""
    try:
        found = tuple(x509.load_pem_x509_crl(part) for part in _pem_blocks(pem))
        partial = any(extension.critical for crl in found for extension in crl.extensions)
    except ValueError:
        return "it holds a revocation list that cannot be read"
    if pem.strip() and not found:
        return "it holds no revocation list in PEM form"
    if partial:
        return "it holds a partial or indirect revocation list; give complete ones"
    if not all(any(_issued(crl, ca) for ca in chain) for crl in found):
        return "it holds a revocation list that none of its authorities issued"
    return found


@dataclass(frozen=True, slots=True)
class Described:
    """What tells a certificate from others."""

    fingerprint: str
    """SHA-256, in hex."""
    expires_at: datetime


def describe(pem: str) -> Described | None:
    """The first certificate of a chain; None when it cannot be read."""
    chain = _chain(pem)
    if isinstance(chain, str) or not chain:
        return None
    first = chain[0]
    return Described(first.fingerprint(hashes.SHA256()).hex(), first.not_valid_after_utc)


def _pem_blocks(pem: str) -> Iterator[bytes]:
    end = "-----END X509 CRL-----"
    for part in pem.split(end)[:-1]:
        yield f"{part[part.find('-----BEGIN') :]}{end}\n".encode("latin-1", "replace")


def _issued(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    if crl.issuer != issuer.subject:
        return False
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    try:
        return crl.is_signature_valid(key)
    except (ValueError, TypeError, InvalidSignature):
        return False


def judged(
    certificate: ClientCertificate, authorities: Sequence[Authority], now: datetime
) -> ClientCertificate:
    """The certificate as it counts where these authorities do."""
    return replace(certificate, valid=judge(certificate, authorities, now).valid)


def judge(
    certificate: ClientCertificate, authorities: Sequence[Authority], now: datetime
) -> Judgement:
    """Whether any of these authorities stands behind a certificate."""
    try:
        leaf = x509.load_pem_x509_certificate(certificate.pem.encode("latin-1"))
        strong = _is_strong(leaf)
    except ValueError:
        return Judgement(False, now + RECHECK)
    for authority in authorities:
        until = _good_until(leaf, authority, now) if strong else None
        if until is not None:
            return Judgement(True, min(until, now + RECHECK))
    return Judgement(False, now + RECHECK)


def _good_until(leaf: x509.Certificate, authority: Authority, now: datetime) -> datetime | None:
    policies = {"ca_policy": _CA_POLICY, "ee_policy": _LEAF_POLICY}
    builder = PolicyBuilder().store(authority.anchors).time(now).max_chain_depth(_DEPTH)
    try:
        verifier = builder.extension_policies(**policies).build_client_verifier()
        chain = verifier.verify(leaf, list(authority.intermediates)).chain
    except (VerificationError, ValueError):
        return None
    ends = [one.not_valid_after_utc for one in chain]
    for one, issuer in pairwise(chain):
        if authority.lists:
            end = _not_revoked_until(one, issuer, authority.lists, now)
            if end is None:
                return None
            ends.append(end)
    return min(ends)


def _not_revoked_until(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    lists: Sequence[x509.CertificateRevocationList],
    now: datetime,
) -> datetime | None:
    """How long the newest lists say so; None when it is revoked, or no list in force says."""
    ends: list[datetime] = []
    for crl in lists:
        if not _issued(crl, issuer):
            continue
        if crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            return None
        end = crl.next_update_utc
        if end is not None and crl.last_update_utc <= now < end:
            ends.append(end)
    return max(ends, default=None)


def _must_be_ca(_: Policy, __: x509.Certificate, value: x509.BasicConstraints) -> None:
    if not value.ca:
        raise ValueError("not a certificate authority")


def _may_sign(_: Policy, __: x509.Certificate, value: x509.KeyUsage | None) -> None:
    if value is not None and not value.key_cert_sign:
        raise ValueError("may not sign certificates")


def _for_clients(_: Policy, __: x509.Certificate, value: x509.ExtendedKeyUsage | None) -> None:
    if value is not None and _CLIENT.isdisjoint(value):
        raise ValueError("is not for clients")


# RFC 5280 without the rules that browsers add for public web servers: private authorities often
# issue client certificates without a subject alternative name.
_CA_POLICY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _must_be_ca)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)
)
_LEAF_POLICY = ExtensionPolicy.permit_all().may_be_present(
    x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _for_clients
)
