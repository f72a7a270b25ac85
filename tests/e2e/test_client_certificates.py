"""Client certificates through both real proxies, with the example as it is shipped."""

import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import yaml

from lychgate.core.urls import ASSERTION
from lychgate.processes import accepts
from tests.support.authorities import NOW, Issued, authority, issue
from tests.support.both import claims_of
from tests.support.envoy import end, envoy_binary, free_port, running_module, wait_until
from tests.support.front import Log, Origin, Pairs, Reply, Seen, read_reply, request_bytes
from tests.web.installation import forms

EXAMPLE = Path(__file__).parents[2] / "examples" / "client-certificates"
BROWSER: Pairs = (("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"))


@dataclass(slots=True)
class Fronts:
    """The example behind both proxies."""

    folder: Path
    ports: dict[str, int]
    team: str
    log: Log

    def client(self, name: str) -> Path:
        """A client's certificate with its key."""
        return self.folder / "certificates" / f"{name}.pem"

    def ask(
        self,
        front: str,
        client: Path | None,
        target: str = "/",
        host: str = "localhost",
        headers: Pairs = (),
        form: str = "",
    ) -> tuple[Reply, tuple[Seen, ...]]:
        """One request on a connection of its own; status 0 when TLS refused it."""
        self.log.clear()
        context = ssl.create_default_context(cafile=self.folder / "certificates" / "ca.pem")
        if client is not None:
            context.load_cert_chain(client)
        if form:
            headers = (*headers, ("Content-Type", "application/x-www-form-urlencoded"))
        data = request_bytes("POST" if form else "GET", target, host, headers, form.encode())
        with (
            socket.create_connection(("127.0.0.1", self.ports[front]), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname=host.partition(":")[0]) as connection,
        ):
            # Python checks the server's certificate in the handshake; with TLS 1.3 the server's
            # refusal of ours comes with the first answer.
            reply = exchange(connection, data)
        return reply, self.log.read()

    def status(
        self, front: str, client: Path | None, target: str = "/", host: str = "localhost"
    ) -> int:
        """The status of one request; whatever was refused did not reach the origin."""
        reply, seen = self.ask(front, client, target, host)
        assert reply.status == 200 or not seen
        assert b"Traceback" not in reply.body
        return reply.status

    def output(self) -> str:
        """What every process has written so far."""
        return "".join(file.read_text(errors="replace") for file in self.folder.glob("*.log"))


def exchange(connection: ssl.SSLSocket, data: bytes) -> Reply:
    """One answer; status 0 when the server ends the connection instead."""
    try:
        connection.sendall(data)
        return read_reply(connection)
    except (ssl.SSLError, ConnectionError):
        return Reply(0, (), b"", b"")


@pytest.fixture(scope="module", params=["envoy", "mitmproxy"])
def front(request: pytest.FixtureRequest) -> str:
    """Each proxy in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronts]:
    """The example on free ports, one decision server, both proxies."""
    folder = tmp_path_factory.mktemp("certificates") / "example"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("certificates", "*.db*", "mail"))
    subprocess.run([sys.executable, "make_certificates.py"], cwd=folder, check=True)
    log, edge, mitm = Log(), free_port(), free_port()
    file = folder / "lychgate.yaml"
    with ExitStack() as stack:
        origin = stack.enter_context(Origin("origin", log))
        text = file.read_text().replace("8443", str(edge))
        content = yaml.safe_load(text.replace("127.0.0.1:3000", origin.address))
        content["companion"] = {"listen": f"127.0.0.1:{free_port()}"}
        content["health"] = {"listen": f"127.0.0.1:{free_port()}"}
        content["admin"] = {"listen": f"127.0.0.1:{free_port()}"}
        content["extauthz"] = {"listen": [f"unix:{folder / 'decision.sock'}"]}
        content["upstreams"].append({"host": "other.localhost", "to": f"http://{origin.address}"})
        certified = {"decision": "non_identity", "include": [{"certificate": {}}]}
        other = {"name": "untied", "type": "self_hosted", "domain": "other.localhost"}
        other["policies"] = [{"name": "anybody with a certificate", **certified}]  # type: ignore[assignment]  # a wire body
        content["resources"]["applications"].append(other)
        file.write_text(yaml.safe_dump(content))
        server = stack.enter_context(
            running_module(("lychgate", "serve", "--config", str(file)), folder)
        )
        wait_until(lambda: accepts(content["companion"]["listen"]), server, 60)
        _envoy(stack, folder, edge)
        _mitmproxy(stack, folder, mitm)
        found = Fronts(folder, {"envoy": edge, "mitmproxy": mitm}, f"127.0.0.1:{edge}", log)
        for name in found.ports:
            wait_until(lambda n=name: found.status(n, None) == 403, server, 60)  # type: ignore[misc]
        yield found
        assert "Traceback" not in found.output(), found.output()


def _envoy(stack: ExitStack, folder: Path, port: int) -> None:
    files = folder / "certificates"
    printed = subprocess.check_output(
        [
            *(sys.executable, "-m", "lychgate", "envoy-config"),
            *("--config", str(folder / "lychgate.yaml"), "--listen", f"127.0.0.1:{port}"),
            *("--certificate", str(files / "server.pem"), "--key", str(files / "server-key.pem")),
            *("--client-ca", str(files / "ca.pem")),
        ]
    )
    (folder / "envoy.yaml").write_bytes(printed)
    command = [envoy_binary(), "-c", str(folder / "envoy.yaml"), "--use-dynamic-base-id"]
    output = stack.enter_context((folder / "envoy.log").open("wb"))
    process = subprocess.Popen(
        [*command, "--log-level", "warning"], stdout=output, stderr=subprocess.STDOUT
    )
    stack.callback(end, process)
    wait_until(lambda: accepts(f"127.0.0.1:{port}"), process, 60)


def _mitmproxy(stack: ExitStack, folder: Path, port: int) -> None:
    listen = f"127.0.0.1:{port}"
    process = stack.enter_context(
        running_module(
            (
                *("addon", "--config", str(folder / "lychgate.yaml"), "--listen", listen),
                *("--cert", str(folder / "certificates" / "server-with-key.pem")),
                *("--set", "request_client_cert=true", "--confdir", str(folder / "mitmproxy")),
            ),
            folder,
        )
    )
    wait_until(lambda: accepts(listen), process, 60)


def test_a_machine_enters_with_its_certificate(fronts: Fronts, front: str) -> None:
    reply, (seen,) = fronts.ask(front, fronts.client("deploy"))
    assert reply.status == 200
    claims = claims_of(*seen.all(ASSERTION))
    assert (claims["common_name"], claims["sub"]) == ("deploy", "")
    assert any(cookie.startswith("CF_Authorization=") for cookie in reply.all("set-cookie"))


def test_without_a_certificate_nobody_enters(fronts: Fronts, front: str) -> None:
    assert fronts.status(front, None) == 403


def test_h07_a_header_is_no_certificate(fronts: Fronts, front: str) -> None:
    pem = quote(fronts.client("deploy").read_text().partition("-----BEGIN PRIVATE")[0], safe="")
    for name in ("X-Lychgate-Client-Cert", "X-Forwarded-Client-Cert", "Ssl-Client-Cert"):
        reply, seen = fronts.ask(front, None, headers=((name, pem),))
        assert (reply.status, seen) == (403, ())


def test_a_revoked_certificate_is_refused(fronts: Fronts, front: str) -> None:
    assert fronts.status(front, fronts.client("lost")) == 403


def strangers() -> dict[str, Issued]:
    other = authority("Example client CA")  # the right name, another key
    return {
        "another authority": issue("deploy", other),
        "signed by itself": issue("deploy"),
        "over": issue("deploy", other, end=NOW),
        "an authority's own": other,
    }


@pytest.mark.parametrize("kind", strangers())
def test_h07_what_nobody_vouches_for_is_refused(
    fronts: Fronts, front: str, kind: str, tmp_path: Path
) -> None:
    client = strangers()[kind].write(tmp_path / "client.pem")
    assert fronts.status(front, client) == (0 if front == "envoy" else 403)
    assert fronts.status(front, fronts.client("stranger")) == (0 if front == "envoy" else 403)


def test_an_authority_counts_at_its_hosts_only(fronts: Fronts, front: str) -> None:
    assert fronts.status(front, fronts.client("deploy"), host="other.localhost") == 403


def test_people_need_the_certificate_at_login_and_after_it(fronts: Fronts, front: str) -> None:
    assert fronts.status(front, None, "/people/") == 403
    assert fronts.status(front, fronts.client("lost"), "/people/") == 403
    client = fronts.client("deploy")
    cookie = log_in(fronts, front, client)
    reply, (seen,) = fronts.ask(front, client, "/people/", headers=(("Cookie", cookie),))
    assert reply.status == 200
    assert claims_of(*seen.all(ASSERTION))["email"] == "alice@example.com"
    reply, seen_without = fronts.ask(front, None, "/people/", headers=(("Cookie", cookie),))
    assert (reply.status, seen_without) == (403, ())


def log_in(fronts: Fronts, front: str, client: Path) -> str:
    """A one-time PIN login with a certificate; the application's cookie."""
    jars: dict[str, dict[str, str]] = {"localhost": {}, "127.0.0.1": {}}

    def step(url: str, form: str = "") -> Reply:
        for _ in range(10):
            parts = urlsplit(url)
            jar = jars[parts.hostname or ""]
            pairs = "; ".join(f"{name}={value}" for name, value in jar.items())
            more = (("Cookie", pairs), ("Sec-Fetch-Site", "same-origin"))
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            reply, _ = fronts.ask(front, client, target, parts.netloc, (*BROWSER, *more), form)
            form = ""
            for line in reply.all("set-cookie"):
                name, _, value = line.partition(";")[0].partition("=")
                jar[name] = value
            refresh = re.search(rb'http-equiv="refresh" content="0; ?url=([^"]+)"', reply.body)
            onward = reply.header("location") or (refresh[1].decode() if refresh else "")
            if not onward:
                return Reply(reply.status, (("url", url), *reply.headers), reply.body, reply.raw)
            onward = onward.replace("&amp;", "&")
            url = onward if "://" in onward else f"https://{parts.netloc}{onward}"
            if parts.hostname == "localhost" and "CF_Authorization" in jars["localhost"]:
                return reply
        raise AssertionError("too many redirects")

    def submit(page: Reply, **fields: str) -> Reply:
        action, hidden = forms(page.body.decode())[0]
        base = urlsplit(page.header("url") or "")
        pairs = {**hidden, **fields}.items()
        form = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in pairs)
        return step(f"https://{base.netloc}{action}", form)

    before = len(list(fronts.folder.glob("mail/*.eml")))
    page = step(f"https://localhost:{fronts.ports['envoy']}/people/")
    code_page = submit(page, email="alice@example.com")
    deadline = time.monotonic() + 10
    while len(list(fronts.folder.glob("mail/*.eml"))) == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    newest = max(fronts.folder.glob("mail/*.eml"), key=lambda one: one.stat().st_mtime_ns)
    body = message_from_bytes(newest.read_bytes(), policy=policy.default).get_body(("plain",))
    assert body is not None
    submit(code_page, code=re.findall(r"\b[0-9]{6}\b", str(body.get_content()))[0])
    return f"CF_Authorization={jars['localhost']['CF_Authorization']}"


def test_a_new_revocation_list_counts_as_soon_as_its_file_changes(
    fronts: Fronts, front: str
) -> None:
    file = fronts.folder / "certificates" / "revoked.pem"
    before = file.read_bytes()
    assert fronts.status(front, fronts.client("deploy")) == 200
    try:
        file.write_text("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
        time.sleep(1.5)
        assert fronts.status(front, fronts.client("deploy")) == 200  # a broken file changes nothing
        file.write_bytes(_without_a_future(fronts))
        until(lambda: fronts.status(front, fronts.client("deploy")) == 403)
    finally:
        file.write_bytes(before)
    until(lambda: fronts.status(front, fronts.client("deploy")) == 200)


def _without_a_future(fronts: Fronts) -> bytes:
    """A list of the same authority that is over: the example's script, run with another clock."""
    script = (
        "import sys; sys.path.insert(0, '.'); import make_certificates as m;"
        "from datetime import timedelta; from cryptography import x509;"
        "from cryptography.hazmat.primitives import hashes;"
        "from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key;"
        "key = load_pem_private_key(open('certificates/ca-key.pem','rb').read(), None);"
        "ca = x509.load_pem_x509_certificate(open('certificates/ca.pem','rb').read());"
        "m.NOW -= timedelta(days=60); sys.stdout.buffer.write(m.revocation_list((ca, key)))"
    )
    return subprocess.check_output([sys.executable, "-c", script], cwd=fronts.folder)


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
