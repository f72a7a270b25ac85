"""Makes a throw-away certificate authority and what it issues: `python make_certificates.py`.

For trying out only: nobody protects the keys it writes. What is there already is kept.
"""

import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.fromtimestamp(int(datetime.now(UTC).timestamp()), UTC)  # noqa: TID251 - a script
type Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def issue(name: str, issuer: Pair | None, *extensions: x509.ExtensionType) -> Pair:
    """A certificate with its key; the authority, which has no issuer, signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        issuer_name=issuer[0].subject if issuer else subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NOW - timedelta(minutes=5),
        not_valid_after=NOW + timedelta(days=30),
    )
    identified = (
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(
            (issuer[1] if issuer else key).public_key()
        ),
    )
    for extension in (*extensions, *identified):
        critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def authority(name: str) -> Pair:
    """A certificate authority: it may sign certificates and revocation lists, and nothing else."""
    signs = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return issue(name, None, x509.BasicConstraints(ca=True, path_length=0), signs)


def revocation_list(ca: Pair, *revoked: Pair) -> bytes:
    """What the authority takes back, good for 30 days."""
    builder = x509.CertificateRevocationListBuilder(ca[0].subject, NOW, NOW + timedelta(days=30))
    for certificate, _ in revoked:
        entry = x509.RevokedCertificateBuilder(certificate.serial_number, NOW)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(ca[1], hashes.SHA256()).public_bytes(Encoding.PEM)


def private(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A key as PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def main(folder: Path) -> None:
    """Write everything into a folder."""
    if folder.exists():
        print(f"{folder} is there already")
        return
    folder.mkdir(mode=0o700, parents=True)
    ca = authority("Example client CA")
    names = [x509.DNSName("localhost"), x509.DNSName("other.localhost")]
    address = x509.IPAddress(ip_address("127.0.0.1"))
    alternatives = x509.SubjectAlternativeName([*names, address])
    server = issue("localhost", ca, alternatives)
    client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    deploy, lost = issue("deploy", ca, client), issue("lost laptop", ca, client)
    stranger = issue("deploy", authority("Somebody else's CA"), client)
    files = {
        "ca.pem": ca[0].public_bytes(Encoding.PEM),
        "ca-key.pem": private(ca[1]),
        "revoked.pem": revocation_list(ca, lost),
        "server.pem": server[0].public_bytes(Encoding.PEM),
        "server-key.pem": private(server[1]),
    }
    pairs = {"server-with-key": server, "deploy": deploy, "lost": lost, "stranger": stranger}
    for name, (certificate, key) in pairs.items():
        files[f"{name}.pem"] = certificate.public_bytes(Encoding.PEM) + private(key)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    print(f"wrote {len(files)} files to {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "certificates"))
