"""A client's certificate comes from the TLS of the proxy, and from nowhere else."""

import socket
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.extauthz.conftest import HOST
from tests.httpcheck.stand import PROXIES, Stand, standing
from tests.support.authorities import authority, issue, server
from tests.support.front import Pairs, Reply, read_reply, request_bytes


def _nginx(folder: Path) -> Mapping[str, str]:
    """The words of the example that change where TLS ends at the proxy."""
    tls = f"ssl_certificate {folder}/site.pem; ssl_certificate_key {folder}/site.pem;"
    return {
        "default_server;": "default_server ssl;",
        "include lychgate-http.conf;": (
            f"include lychgate-http.conf; {tls} ssl_verify_client optional_no_ca;"
        ),
    }


def _caddy(folder: Path) -> Mapping[str, str]:
    asked = "client_auth {\n\t\t\tmode request\n\t\t}"
    tls = f"tls {folder}/site.pem {folder}/site.pem {{\n\t\t{asked}\n\t}}"
    return {
        "http://": "https://",
        "\timport lychgate 1": f"\t{tls}\n\timport lychgate 1",
        "auto_https off": "auto_https disable_redirects\n\tlocal_certs\n\tskip_install_trust",
    }


def _haproxy(folder: Path) -> Mapping[str, str]:
    tls = f" ssl crt {folder}/site.pem ca-file {folder}/ca.pem verify optional"
    return {"\n\n    http-request deny status 405": f"{tls}\n\n    http-request deny status 405"}


TLS: Mapping[str, Callable[[Path], Mapping[str, str]]] = {
    "nginx": _nginx,
    "caddy": _caddy,
    "haproxy": _haproxy,
}


def ask(stand: Stand, folder: Path, client: Path | None, headers: Pairs = ()) -> Reply:
    """One request over TLS."""
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.verify_flags = ssl.VERIFY_DEFAULT  # the authority of a test has no key identifier
    if client is not None:
        context.load_cert_chain(client)
    with (
        socket.create_connection(("127.0.0.1", stand.port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=HOST) as connection,
    ):
        connection.sendall(request_bytes("GET", "/x", HOST, headers))
        return read_reply(connection)


@pytest.mark.parametrize("name", PROXIES)
def test_H07_the_gate_hears_of_the_certificate_and_of_no_other(name: str, tmp_path: Path) -> None:
    ca = authority()
    client = issue("svc", ca)
    (tmp_path / "ca.pem").write_text(ca.pem)
    server(HOST, ca).write(tmp_path / "site.pem")
    client.write(tmp_path / "client.pem")
    forged: Pairs = (("X-Lychgate-Client-Cert", quote(client.pem, safe="")),)
    with standing(name, tmp_path, spoilt=TLS[name](tmp_path)) as stand:
        assert ask(stand, tmp_path, tmp_path / "client.pem").status == 200
        assert ask(stand, tmp_path, None, forged).status == 200
        assert ask(stand, tmp_path, None).status == 200
        first, *others = (request.certificate for request in stand.judge.seen)
        assert first is not None and first.common_name == "svc" and not first.valid
        assert others == [None] * len(others)
        assert all("BEGIN" not in str(seen.headers) for seen in stand.log.read())
