"""What `envoy-config` prints: the shipped file, filled in, and accepted by Envoy."""

import socket
import ssl
import subprocess
import sys
import threading
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from extauthz.http.passing import EDITED, TARGET
from extauthz.http.question import OWN
from extauthz.http.styles import STYLES
from extauthz.layout import Certificates, Check, InvalidLayout, Layout, render, template
from extauthz.worker import Worker
from lychgate.core.urls import OWNED_HEADERS, RESERVED_COOKIES
from lychgate.settings import Upstream
from tests.extauthz.judge import ByPath
from tests.support.envoy import envoy_binary, free_port, running_envoy
from tests.support.front import Log, Origin, read_reply, request_bytes

LAYOUT = Layout(
    listen="127.0.0.1:8080",
    team=("login.example.com",),
    decision=("unix:/run/lychgate/decision.sock", "unix:/run/lychgate/decision.sock-1"),
    companions=("127.0.0.1:8800",),
    upstreams=(
        Upstream("app.example.com", "http://127.0.0.1:9000"),
        Upstream("app.example.com", "https://backend.example.com", "/api/"),
        Upstream("*.apps.example.com", "http://[::1]:9000"),
    ),
)


def accepted(path: Path) -> bool:
    """Whether Envoy takes a file."""
    command = [envoy_binary(), "--mode", "validate", "-c", str(path), "--use-dynamic-base-id"]
    result = subprocess.run(command, capture_output=True, check=False)
    return result.returncode == 0


def test_the_shipped_file_is_valid_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "envoy.yaml"
    path.write_text(template())
    assert accepted(path)


def test_a_filled_in_file_is_valid_and_keeps_its_comments(tmp_path: Path) -> None:
    path = tmp_path / "envoy.yaml"
    path.write_text(render(replace(LAYOUT, trusted_hops=2, admin="127.0.0.1:9901")))
    assert accepted(path)
    text = path.read_text()
    assert "# No answer, no entry." in text
    assert "region" not in text.replace("the regions", "")


@pytest.mark.parametrize("check", Check)
def test_a_file_with_the_zero_hop_path_is_valid_and_asks_in_its_wrapper_only(
    tmp_path: Path, check: Check
) -> None:
    path = tmp_path / "envoy.yaml"
    path.write_text(render(replace(LAYOUT, check=check, xds="unix:/run/lychgate/xds.sock")))
    assert accepted(path)
    filters = _manager(yaml.safe_load(path.read_text()))["http_filters"]
    wrapper = filters[-2]["typed_config"]
    assert wrapper["@type"].endswith("ExtensionWithMatcher")
    (skipped,) = wrapper["xds_matcher"]["matcher_list"]["matchers"]
    assert skipped["on_match"]["action"]["typed_config"]["@type"].endswith(".SkipFilter")
    everything_else = wrapper["xds_matcher"]["on_no_match"]["action"]["typed_config"]
    check_ = everything_else["typed_config"]["typed_config"]
    assert check_["@type"].endswith(".ExtAuthz") and check_["failure_mode_allow"] is False
    assert everything_else.keys() == {"@type", "typed_config"}  # no sample of them, always all
    assert path.read_text().count("http.ext_authz.v3.ExtAuthz\n") == 1


def test_a_filter_that_has_not_come_or_has_ended_proves_nothing() -> None:
    text = render(replace(LAYOUT, xds="unix:/run/lychgate/xds.sock"))
    filters = _manager(yaml.safe_load(text))["http_filters"]
    names = [one["name"] for one in filters]
    assert names[:5] == [
        f"lychgate.{name}" for name in ("cookies", "keys", "recent", "applications", "assertion")
    ]
    for one in filters[2:4]:
        default = one["config_discovery"]["default_config"]["mutations"]["request_mutations"]
        assert {"remove": "x-lychgate-rules"} in default
    assert filters[0]["typed_config"]["clear_route_cache"] is False


def test_a_file_that_asks_over_http_is_valid_and_hardened_alike(tmp_path: Path) -> None:
    path = tmp_path / "envoy.yaml"
    path.write_text(render(replace(LAYOUT, check=Check.HTTP)))
    assert accepted(path)
    assert "region" not in path.read_text().replace("the regions", "")
    over_http, over_grpc = (
        _manager(yaml.safe_load(render(replace(LAYOUT, check=check))))["http_filters"][0]
        for check in (Check.HTTP, Check.GRPC)
    )
    kept = {"transport_api_version", "failure_mode_allow", "status_on_error", "encode_raw_headers"}
    for name in (*kept, "validate_mutations", "clear_route_cache"):
        assert over_http["typed_config"][name] == over_grpc["typed_config"][name]


@pytest.mark.parametrize("xds", ["", "unix:/run/lychgate/xds.sock"])
def test_h02_no_client_speaks_in_our_family_where_the_question_leaves_it_out(xds: str) -> None:
    manager = _manager(yaml.safe_load(render(replace(LAYOUT, check=Check.HTTP, xds=xds))))
    (early,) = manager["early_header_mutation_extensions"]
    removed = {"remove_on_match": {"key_matcher": {"prefix": "x-lychgate-"}}}
    assert removed in early["typed_config"]["mutations"]


def test_the_question_names_what_the_check_reads_and_takes_what_it_replies() -> None:
    service = _manager(yaml.safe_load(render(replace(LAYOUT, check=Check.HTTP))))["http_filters"][
        0
    ]["typed_config"]["http_service"]
    stated = {one["key"] for one in service["authorization_request"]["headers_to_add"]}
    assert stated == {value for value in astuple(OWN) if isinstance(value, str)}
    taken = service["authorization_response"]["allowed_upstream_headers"]["patterns"]
    assert {one["exact"] for one in taken} == {*EDITED, TARGET}
    assert service["path_override"].encode() in STYLES


def test_the_shipped_file_is_what_its_own_layout_renders() -> None:
    """The regions of the file and the code that fills them say the same."""
    layout = Layout(
        listen="127.0.0.1:8080",
        team=("login.example.com",),
        decision=("127.0.0.1:9001",),
        companions=("127.0.0.1:8800",),
        upstreams=(Upstream("app.example.com", "http://127.0.0.1:9000"),),
    )
    assert yaml.safe_load(render(layout)) == yaml.safe_load(template())


def test_the_file_names_every_header_and_cookie_we_own() -> None:
    routes = _manager(yaml.safe_load(template()))["route_config"]["virtual_hosts"][0]["routes"]
    for route in routes:
        assert set(route["request_headers_to_remove"]) == OWNED_HEADERS
    for cookie in RESERVED_COOKIES:
        assert f"{cookie} = true" in template()


def test_longer_paths_come_first_and_hosts_stand_alone() -> None:
    hosts = _manager(yaml.safe_load(render(LAYOUT)))["route_config"]["virtual_hosts"]
    app = next(host for host in hosts if host["name"] == "app.example.com")
    assert [route["match"] for route in app["routes"]] == [
        {"prefix": "/cdn-cgi/access/"},
        {"path_separated_prefix": "/api"},
        {"prefix": "/"},
    ]
    assert [host["domains"] for host in hosts] == [
        ["login.example.com"],
        ["*.apps.example.com"],
        ["app.example.com"],
        ["*"],
    ]


@pytest.mark.parametrize(
    "layout",
    [
        replace(LAYOUT, listen="8080"),
        replace(LAYOUT, listen="127.0.0.1:99999"),
        replace(LAYOUT, team=("https://login.example.com",)),
        replace(LAYOUT, upstreams=(Upstream('a"b', "http://127.0.0.1:1"),)),
        replace(LAYOUT, upstreams=(Upstream("a.example", "ftp://127.0.0.1"),)),
        replace(LAYOUT, upstreams=(Upstream("a.example", "http://127.0.0.1:1/path"),)),
        replace(LAYOUT, upstreams=(Upstream("a.example", "http://127.0.0.1:1", "/a b"),)),
    ],
)
def test_nonsense_is_refused(layout: Layout) -> None:
    with pytest.raises(InvalidLayout):
        render(layout)


def test_the_command_prints_a_file_for_an_installation(tmp_path: Path) -> None:
    file = tmp_path / "lychgate.yaml"
    content = {
        "team": {"name": "Test", "url": "https://login.example.com"},
        "extauthz": {"listen": ["unix:/run/lychgate.sock"], "workers": 3},
        "upstreams": [{"host": "app.example.com", "to": "http://127.0.0.1:3000"}],
    }
    file.write_text(yaml.safe_dump(content))
    command = [sys.executable, "-m", "extauthz.config", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, check=True)
    printed = yaml.safe_load(done.stdout)
    clusters = {one["name"]: one for one in printed["static_resources"]["clusters"]}
    decision = clusters["lychgate_decision"]["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert len(decision) == 3
    assert "http://127.0.0.1:3000" in clusters


def test_the_command_names_the_servers_of_other_nodes(tmp_path: Path) -> None:
    file = tmp_path / "lychgate.yaml"
    file.write_text(yaml.safe_dump({"team": {"url": "https://login.example.com"}}))
    command = [sys.executable, "-m", "extauthz.config", "--config", str(file)]
    nodes = ("10.0.0.1", "10.0.0.2")
    for node in nodes:
        command += ["--decision", f"{node}:9001", "--companion", f"{node}:8800"]
    done = subprocess.run(command, capture_output=True, check=True)
    clusters = yaml.safe_load(done.stdout)["static_resources"]["clusters"]
    for name in ("lychgate_decision", "lychgate_companion"):
        (assigned,) = (one["load_assignment"] for one in clusters if one["name"] == name)
        found = assigned["endpoints"][0]["lb_endpoints"]
        addresses = [one["endpoint"]["address"]["socket_address"]["address"] for one in found]
        assert addresses == list(nodes)


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "extauthz.config", "--config", str(tmp_path / "absent.yaml")]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"error cannot read" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("hops", "forwarded", "believed"),
    [
        (1, "10.9.0.1", "10.9.0.1"),
        (1, "10.9.0.1, 10.8.0.1", "10.8.0.1"),
        (2, "10.9.0.1, 10.8.0.1, 10.7.0.1", "10.8.0.1"),
    ],
)
def test_h06_the_rightmost_untrusted_address_counts(
    tmp_path: Path, hops: int, forwarded: str, believed: str
) -> None:
    log, judge = Log(), ByPath()
    worker = Worker(f"unix:{tmp_path}/decision.sock", judge, lambda: True)
    worker.start()
    thread = threading.Thread(target=worker.run)
    thread.start()
    with Origin("origin", log) as origin:
        layout = replace(
            LAYOUT,
            listen=f"127.0.0.1:{free_port()}",
            decision=(f"unix:{tmp_path}/decision.sock",),
            companions=(origin.address,),
            upstreams=(Upstream("a.example", f"http://{origin.address}"),),
            trusted_hops=hops,
        )
        headers = (("X-Forwarded-For", forwarded),)
        with running_envoy(layout, tmp_path, log) as front:
            front.send_raw(request_bytes("GET", "/", "a.example", headers))
            own = request_bytes("GET", "/cdn-cgi/access/x", "a.example", headers)
            front.send_raw(own)
    worker.stop()
    thread.join()
    assert [str(request.client_ip) for request in judge.seen] == [believed]
    assert log.read()[-1].all("x-lychgate-client-ip") == (believed,)


def test_client_certificates_are_validated_before_anybody_hears_of_them(tmp_path: Path) -> None:
    authority, server = Issuer.new("authority"), Issuer.new("server")
    client, stranger = authority.issue("robot-7"), Issuer.new("robot-7")
    for name, one in (("ca", authority), ("server", server), ("good", client), ("bad", stranger)):
        one.write(tmp_path / name)
    log, judge = Log(), ByPath()
    worker = Worker(f"unix:{tmp_path}/decision.sock", judge, lambda: True)
    worker.start()
    thread = threading.Thread(target=worker.run)
    thread.start()
    with Origin("origin", log) as origin:
        layout = replace(
            LAYOUT,
            listen=f"127.0.0.1:{free_port()}",
            decision=(f"unix:{tmp_path}/decision.sock",),
            companions=(origin.address,),
            upstreams=(Upstream("a.example", f"http://{origin.address}"),),
            certificates=Certificates(
                tmp_path / "server.pem", tmp_path / "server.key", tmp_path / "ca.pem"
            ),
        )
        with running_envoy(layout, tmp_path, log) as front:
            statuses = [tls_status(front.address, tmp_path, name) for name in ("good", "", "bad")]
            own = "/cdn-cgi/access/x"
            assert tls_status(front.address, tmp_path, "good", own) == 200
    worker.stop()
    thread.join()
    assert statuses == [200, 200, 0]
    known, unknown = (request.certificate for request in judge.seen)
    assert unknown is None
    assert known is not None
    # Whether it counts is judged by the core, which knows the authorities of each host.
    assert (known.common_name, known.valid, known.issuer_dn) == ("robot-7", False, "CN=authority")
    assert log.read()[-1].all("x-lychgate-client-cert")[0].startswith("-----BEGIN%20CERTIFICATE")


def tls_status(address: tuple[str, int], folder: Path, name: str, target: str = "/") -> int:
    """The status of a request over TLS with a client certificate; 0 when it is refused."""
    context = ssl.create_default_context(cafile=str(folder / "server.pem"))
    context.check_hostname = False
    if name:
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    try:
        with (
            socket.create_connection(address, timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="a.example") as connection,
        ):
            connection.sendall(request_bytes("GET", target, "a.example"))
            return read_reply(connection).status
    except (ssl.SSLError, ConnectionError):
        return 0


class Issuer:
    """A key with its certificate, which may issue others."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key, self._certificate = key, certificate

    @classmethod
    def new(cls, name: str) -> "Issuer":
        """A self-signed one."""
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, _certificate(name, key, name, key))

    def issue(self, name: str) -> "Issuer":
        """One signed by this."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self._certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        return Issuer(key, _certificate(name, key, str(issuer), self._key))

    def write(self, path: Path) -> None:
        """Write PATH.pem and PATH.key."""
        pem = serialization.Encoding.PEM
        path.with_suffix(".pem").write_bytes(self._certificate.public_bytes(pem))
        path.with_suffix(".key").write_bytes(
            self._key.private_bytes(
                pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    start = datetime.fromtimestamp(1_700_000_000, UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example")]), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _manager(config: dict) -> dict:  # type: ignore[type-arg]  # as YAML gives it
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    return dict(manager["typed_config"])
