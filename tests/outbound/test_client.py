"""The guarded client against hostile targets and hostile servers (R01 to R04)."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lychgate.outbound import Call, NoAnswer, Outbound, Reply, Trust, Why
from tests.support.certificates import self_signed
from tests.support.oidc_fake import FakeProvider, FakeServer, Page, fake_server

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with fake_server() as server:
        yield server


@pytest.fixture
def there(server: FakeServer) -> FakeProvider:
    """A server on this machine that says hello."""
    fresh = server.fresh()
    fresh.routes["/"] = lambda _: Page(b"hello")
    return fresh


@pytest.fixture(scope="module")
def http() -> Outbound:
    return Outbound()


def by_administrator(url: str, seconds: float = 5.0, limit: int = 1024) -> Call:
    return Call(url, Trust.ADMINISTRATOR, seconds=seconds, limit=limit)


def by_outsider(url: str) -> Call:
    return Call(url, Trust.OUTSIDER)


def refused(outcome: Reply | NoAnswer) -> str:
    assert isinstance(outcome, NoAnswer), outcome
    assert outcome.why is Why.REFUSED
    return outcome.detail


def why(outcome: Reply | NoAnswer) -> Why:
    assert isinstance(outcome, NoAnswer), outcome
    return outcome.why


class TestTargets:
    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "10.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[fe80::1]",
            "[fc00::1]",
            "0.0.0.0",
            "localhost",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[fec0::1]",
        ],
    )
    def test_r01_r02_private_targets_of_outsiders(self, http: Outbound, host: str) -> None:
        refused(http.send(by_outsider(f"https://{host}/")))

    @pytest.mark.parametrize(
        "url",
        [
            "http://example.com/",
            "file:///etc/passwd",
            "ftp://example.com/",
            "gopher://example.com/",
            "https://example.com:22/",
            "https://example.com:8443/",
            "https://user:pass@example.com/",
            "https:///path",
            "//example.com/",
            "https://[::1",
            "https://exa\0mple.com/",
            "",
        ],
    )
    def test_r01_odd_urls_of_outsiders(self, http: Outbound, url: str) -> None:
        refused(http.send(by_outsider(url)))

    def test_nothing_is_sent_to_a_refused_target(self, there: FakeProvider) -> None:
        http = Outbound(resolve=lambda _host, _port: ["127.0.0.1"])
        refused(http.send(by_outsider("https://innocent.example/")))
        assert there.received == []

    def test_r03_one_private_address_among_public_ones_refuses_the_host(self) -> None:
        http = Outbound(resolve=lambda _host, _port: ["1.1.1.1", "10.0.0.1"])
        assert "10.0.0.1" in refused(http.send(by_outsider("https://mixed.example/")))

    def test_r03_the_address_that_was_checked_is_the_one_connected_to(
        self, there: FakeProvider
    ) -> None:
        asked: list[str] = []

        def rebinding(host: str, _port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

        port = there.origin.rpartition(":")[2]
        http = Outbound(resolve=rebinding)
        answer = http.send(by_administrator(f"http://rebinding.example:{port}/"))
        assert isinstance(answer, Reply)
        assert asked == ["rebinding.example"]
        assert there.received[0].headers["host"] == f"rebinding.example:{port}"

    def test_http_of_administrators_only_to_this_machine(self) -> None:
        http = Outbound(resolve=lambda _host, _port: ["10.0.0.1"])
        assert "http" in refused(http.send(by_administrator("http://idp.internal/")))

    def test_administrators_may_name_this_machine(
        self, http: Outbound, there: FakeProvider
    ) -> None:
        answer = http.send(by_administrator(f"{there.origin}/"))
        assert isinstance(answer, Reply)
        assert (answer.status, answer.body) == (200, b"hello")

    def test_outbound_allow_opens_exactly_what_it_names(self, there: FakeProvider) -> None:
        host, _, port = there.origin.removeprefix("http://").rpartition(":")
        named = Outbound(allow=(f"{host}:{port}",))
        assert isinstance(named.send(by_outsider(f"{there.origin}/")), Reply)
        other = Outbound(allow=(f"{host}:1",))
        refused(other.send(by_outsider(f"{there.origin}/")))


class TestHostileServers:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_r03_redirects_are_not_followed(
        self, http: Outbound, there: FakeProvider, status: int
    ) -> None:
        there.routes["/there"] = lambda _: Page(b"", status, {"location": f"{there.origin}/"})
        answer = http.send(by_administrator(f"{there.origin}/there"))
        assert isinstance(answer, Reply)
        assert answer.status == status
        assert len(there.received) == 1

    def test_r04_a_drip_of_body_bytes_ends_in_time(
        self, http: Outbound, there: FakeProvider
    ) -> None:
        there.routes["/"] = lambda _: Page([b"x"] * 100, pause=0.1)
        began = time.monotonic()
        assert why(http.send(by_administrator(f"{there.origin}/", seconds=0.5))) is Why.TIMEOUT
        assert time.monotonic() - began < 1.5

    def test_r04_a_drip_of_header_bytes_ends_in_time(self, http: Outbound) -> None:
        with raw_server(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100, pause=0.1) as url:
            began = time.monotonic()
            assert why(http.send(by_administrator(url, seconds=0.5))) is Why.TIMEOUT
            assert time.monotonic() - began < 1.5

    def test_r04_silence_ends_in_time(self, http: Outbound) -> None:
        with raw_server(b"") as url:
            assert why(http.send(by_administrator(url, seconds=0.3))) is Why.TIMEOUT

    def test_r04_a_name_that_takes_for_ever_ends_in_time(self) -> None:
        release = threading.Event()

        def slow(_host: str, _port: int) -> list[str]:
            release.wait(10)
            return ["127.0.0.1"]

        http = Outbound(resolve=slow)
        outcome = http.send(by_administrator("https://slow.example/", seconds=0.3))
        release.set()
        assert why(outcome) is Why.TIMEOUT

    def test_r04_a_body_over_the_limit(self, http: Outbound, there: FakeProvider) -> None:
        sent: list[int] = []

        def endless(_: object) -> Page:
            sent.append(1)
            return Page([b"x" * 1024] * 100_000)

        there.routes["/"] = endless
        assert why(http.send(by_administrator(f"{there.origin}/"))) is Why.TOO_LARGE
        assert sent == [1]

    def test_a_body_of_exactly_the_limit(self, http: Outbound, there: FakeProvider) -> None:
        there.routes["/"] = lambda _: Page(b"x" * 1024)
        assert isinstance(http.send(by_administrator(f"{there.origin}/")), Reply)

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip"])
    def test_r04_a_bomb_is_never_unpacked(
        self, http: Outbound, there: FakeProvider, coding: str
    ) -> None:
        bomb = gzip.compress(b"\0" * 1_000_000)
        there.routes["/"] = lambda _: Page(bomb, 200, {**JSON, "content-encoding": coding})
        assert why(http.send(by_administrator(f"{there.origin}/", limit=10_000))) is Why.GARBLED
        assert there.received[0].headers["accept-encoding"] == "identity"

    @pytest.mark.parametrize(
        "answer",
        [
            b"rubbish\r\n\r\n",
            b"SSH-2.0-x\r\n",
            b"\0" * 100 + b"\r\n\r\n",
        ],
    )
    def test_something_that_is_not_http(self, http: Outbound, answer: bytes) -> None:
        with raw_server(answer, close=True) as url:
            assert why(http.send(by_administrator(url))) is Why.GARBLED

    def test_endless_headers(self, http: Outbound) -> None:
        with raw_server(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 50_000) as url:
            assert why(http.send(by_administrator(url))) is Why.GARBLED

    def test_nobody_there(self, http: Outbound) -> None:
        assert why(http.send(by_administrator("http://127.0.0.1:1/"))) is Why.UNREACHABLE

    def test_a_name_that_does_not_exist(self) -> None:
        def nowhere(host: str, port: int) -> list[str]:
            raise socket.gaierror(-2, "Name or service not known")

        http = Outbound(resolve=nowhere)
        assert why(http.send(by_administrator("https://no.example/"))) is Why.UNREACHABLE


class TestTls:
    def test_r04_a_certificate_nobody_vouches_for(self, http: Outbound, tmp_path: Path) -> None:
        with tls_server(tmp_path, "localhost") as (url, _):
            assert why(http.send(by_administrator(url))) is Why.UNREACHABLE

    def test_a_private_authority_that_is_trusted(self, tmp_path: Path) -> None:
        with tls_server(tmp_path, "localhost") as (url, authority):
            trusting = Outbound(tls=ssl.create_default_context(cafile=authority))
            assert isinstance(trusting.send(by_administrator(url)), Reply)

    def test_r04_a_certificate_of_another_name(self, tmp_path: Path) -> None:
        with tls_server(tmp_path, "another.example") as (url, authority):
            trusting = Outbound(tls=ssl.create_default_context(cafile=authority))
            assert why(trusting.send(by_administrator(url))) is Why.UNREACHABLE


def test_no_secret_in_what_is_logged(http: Outbound) -> None:
    call = Call(
        "http://127.0.0.1:1/",
        Trust.ADMINISTRATOR,
        "POST",
        headers={"authorization": "Basic hush"},
        body={"client_secret": "hush"},
    )
    assert "hush" not in f"{call!r} {http.send(call)!r} {Reply(200, {}, b'hush')!r}"


@contextmanager
def raw_server(answer: bytes, pause: float = 0.0, close: bool = False) -> Iterator[str]:
    """A server that writes these bytes to whoever connects, one at a time if there is a pause."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()
        arguments = (listener, answer, pause, close, done)
        thread = threading.Thread(target=_write_raw, args=arguments)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        done.set()
        thread.join()


def _write_raw(
    listener: socket.socket, answer: bytes, pause: float, close: bool, done: threading.Event
) -> None:
    connection, _ = listener.accept()
    with connection:
        try:
            connection.recv(4096)
            chunks = [answer[index : index + 1] for index in range(len(answer))]
            for chunk in chunks if pause else [answer]:
                connection.sendall(chunk)
                if done.wait(pause):
                    return
            if not close:
                done.wait(10)
        except OSError:
            return


@contextmanager
def tls_server(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """A server with a certificate of its own making for `name`."""
    certificate = folder / "certificate.pem"
    certificate.write_bytes(self_signed(name))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with fake_server() as server:
        server.provider.routes["/"] = lambda _: Page(b"hello")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield f"https://localhost:{server.server_port}/", certificate
