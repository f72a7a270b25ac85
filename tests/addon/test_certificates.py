"""What the gate is told of a client certificate: mitmproxy asks for one and checks nothing."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.front import read_reply, request_bytes
from tests.support.mitm import scripted

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed client certificate with its key, which nobody has reason to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "svc")])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), 0xABC, NOW, NOW + timedelta(9999))
    ).sign(key, hashes.SHA256())
    path = tmp_path / "client.pem"
    path.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def test_h07_a_certificate_nobody_vouches_for_is_never_valid(
    tmp_path: Path, certificate: Path
) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(certificate)
    with (
        scripted(tmp_path, options=("request_client_cert=true",)) as mitm,
        socket.create_connection(("127.0.0.1", mitm.port), timeout=5) as raw,
        context.wrap_socket(raw, server_hostname="a.example") as connection,
    ):
        connection.sendall(request_bytes("GET", "/ok", "a.example"))
        assert read_reply(connection).status == 200
        (asked,) = mitm.asked()
    told = asked["certificate"]
    assert (told["common_name"], told["valid"], told["serial"]) == ("svc", False, "abc")
    assert told["issuer_dn"] == "CN=svc"
    assert told["pem"].startswith("-----BEGIN CERTIFICATE-----")
    assert asked["scheme"] == "https"
