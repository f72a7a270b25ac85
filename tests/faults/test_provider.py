"""Providers that are down or stuck, that answer rubbish, change their keys, or are taken away."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psutil
import pytest

from lychgate.web.bridge import SLOW_THREADS
from tests.support.catalogue import wait_for
from tests.support.envoy import free_port
from tests.support.front import Log, Origin, Seen, http_answer
from tests.support.oidc_npm import oidc_provider
from tests.support.oidc_objects import application, claim, idp, policy
from tests.support.oidc_running import Running
from tests.support.oidc_visitor import Visitor
from tests.support.standing import Standing, callback_url, standing
from tests.support.together import run_together

type Provider = Callable[..., AbstractContextManager[Running]]

JSON = (("Content-Type", "application/json"),)
HTML = b"<html><title>It works!</title></html>"
RUBBISH: dict[str, tuple[bytes, str]] = {
    "a page in place of JSON": (http_answer("200 OK", (), HTML), "cannot be used"),
    "a failure": (http_answer("500 Oops", (), HTML), "cannot be used"),
    "half of it": (http_answer("200 OK", JSON, b'{"access_token": "x", '), "cannot be used"),
    "a list": (http_answer("200 OK", JSON, b"[1, 2]"), "cannot be used"),
    "nothing": (http_answer("200 OK", JSON), "cannot be used"),
    "no UTF-8": (http_answer("200 OK", JSON, b'{"id_token": "\xff"}'), "cannot be used"),
    "much too deep": (http_answer("200 OK", JSON, b"[" * 100_000), "cannot be used"),
    "much too much": (http_answer("200 OK", JSON, b" " * 5_000_000 + b"{}"), "cannot be used"),
    "an error": (http_answer("200 OK", JSON, b'{"error": "nope"}'), "cannot be used"),
    "sent elsewhere": (
        http_answer("307 Go", (("Location", "http://127.0.0.1:1/steal"),)),
        "cannot be used",
    ),
    "a token that is none": (
        http_answer("200 OK", JSON, b'{"access_token": "a", "id_token": "x.y.z"}'),
        "could not be verified",
    ),
    "no ID token": (http_answer("200 OK", JSON, b'{"access_token": "a"}'), "could not be verified"),
    "no HTTP at all": (b"hello\r\n\r\n", "not answering"),
    "hung up": (b"", "not answering"),
}


class Rubbish:
    """An identity provider that says at its token endpoint whatever a test wants."""

    def __init__(self) -> None:
        self.says = b""
        self.log = Log()

    def answer(self, seen: Seen) -> bytes:
        """The answer to any request; no bytes means to hang up."""
        if not self.says:
            raise ConnectionError
        return self.says


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def provider(port: int) -> Provider:
    """Starts the same provider again and again, always at one address."""
    address = free_port()

    def start(**more: Any) -> AbstractContextManager[Running]:
        return oidc_provider("authentik", callback=callback_url(port), port=address, **more)

    return start


@pytest.fixture(scope="module")
def rubbish() -> Iterator[tuple[Rubbish, Origin]]:
    says = Rubbish()
    with Origin("rubbish", says.log, says.answer) as origin:
        yield says, origin


@pytest.fixture(scope="module")
def site(
    port: int,
    provider: Provider,
    rubbish: tuple[Rubbish, Origin],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Standing]:
    """Started while every one of its providers is down."""
    with provider() as running:
        known = running
    at = f"http://{rubbish[1].address}"
    by_discovery = idp(known, "Found")
    by_discovery["config"] = {
        "client_id": known.client_id,
        "client_secret": known.client_secret,
        "discovery_url": known.urls["discovery_url"],
    }
    odd = idp(known, "Odd")
    odd["config"] |= {name: f"{at}/{name}" for name in ("auth_url", "token_url", "certs_url")}
    objects = {
        "identity_providers": [idp(known), by_discovery, odd],
        "policies": [
            policy("staff", {"email_domain": {"domain": "example.com"}}),
            policy("admins", claim("groups", "admins")),
        ],
        "applications": [
            application("whoami", "localhost", "staff"),
            application("second", "localhost/second", "staff"),
            application("admin", "localhost/admin", "admins"),
        ],
    }
    with standing(tmp_path_factory.mktemp("faults"), objects, port) as running_site:
        yield running_site
        output = running_site.output()
    assert "Traceback" not in output, output[output.index("Traceback") - 500 :][:4000]
    assert known.client_secret not in output


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with Visitor() as fresh:
        yield fresh


def failed(page: httpx.Response, text: str, provider: str) -> None:
    """A page for people, that nobody is logged in by."""
    assert page.status_code in (400, 502), (page.status_code, page.text)
    assert "made no sense" not in page.text
    assert text in page.text, page.text
    assert provider in page.text
    assert "equest id" in page.text
    assert not [name for name in page.cookies if name == "CF_Authorization"]
    assert "Traceback" not in page.text


def state_of(sent: httpx.Response) -> str:
    """The state that a provider was to give back."""
    (state,) = parse_qs(urlsplit(sent.headers["location"]).query)["state"]
    return state


def test_down_at_the_start_and_up_later(
    site: Standing, provider: Provider, visitor: Visitor
) -> None:
    failed(visitor.start(visitor.open(site.app()), "Found"), "not answering", "Found")

    sent = visitor.start(visitor.open(site.app()), "Work")
    answer = {"code": "x", "state": state_of(sent)}
    failed(
        visitor.open(str(httpx.URL(callback_url(site.port), params=answer))), "answering", "Work"
    )

    with provider() as running:
        for name in ("Work", "Found"):
            with Visitor() as other:
                page = other.log_in(site.app("/x"), running, "alice", name)
                assert (page.status_code, str(page.url)) == (200, site.app("/x"))
                assert other.open(site.app("/second")).status_code == 200


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish(
    site: Standing, visitor: Visitor, rubbish: tuple[Rubbish, Origin], kind: str
) -> None:
    says, text = RUBBISH[kind]
    rubbish[0].says = says
    rubbish[0].log.clear()
    site.log.clear()
    sent = visitor.start(visitor.open(site.app()), "Odd")
    answer = {"code": "x", "state": state_of(sent)}
    url = str(httpx.URL(callback_url(site.port), params=answer))
    failed(visitor.open(url), text, "Odd")
    assert [seen.target for seen in rubbish[0].log.read()][:1] == ["/token_url"]
    used = visitor.open(url)
    assert used.status_code == 400
    assert "already used" in used.text
    assert site.log.read() == ()


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "access_denied", "error_description": "<script>alert(1)</script>"},
        {"error": "\r\nSet-Cookie: CF_Authorization=x"},
        {},
        {"code": ""},
        {"code": "x" * 9000},
        {"code": "\x00\x1b[31m"},
    ],
    ids=["denied", "header", "nothing", "empty", "long", "control"],
)
def test_a_callback_of_rubbish(
    site: Standing, visitor: Visitor, rubbish: tuple[Rubbish, Origin], answer: dict[str, str]
) -> None:
    rubbish[0].log.clear()
    sent = visitor.start(visitor.open(site.app()), "Odd")
    whole = answer | {"state": state_of(sent)}
    page = visitor.open(str(httpx.URL(callback_url(site.port), params=whole)))
    failed(page, "Odd", "Odd")
    assert "<script>alert" not in page.text
    assert rubbish[0].log.read() == ()


def test_refresh_identity_reads_the_groups_anew(
    site: Standing, provider: Provider, visitor: Visitor
) -> None:
    with provider(groups={"alice": ["staff"]}) as running:
        visitor.log_in(site.app(), running, "alice")
        assert visitor.open(site.app("/admin")).status_code == 403
    with provider(groups={"alice": ["staff", "admins"]}) as running:
        _refresh(site, running, visitor)
        assert _groups(site, visitor) == ["staff", "admins"]
        assert visitor.open(site.app("/admin")).status_code == 200
    with provider(groups={"alice": []}) as running:
        _refresh(site, running, visitor)
        # The token for /admin is of the session before, which is over everywhere in a second.
        wait_for(lambda: visitor.open(site.app("/admin")).status_code == 403, 2)
        assert visitor.open(site.app("/second")).json()["origin"] == "origin"
        assert _groups(site, visitor) == []


def test_a_provider_that_is_stuck_holds_up_nobody_else(
    site: Standing, provider: Provider, rubbish: tuple[Rubbish, Origin]
) -> None:
    rubbish[0].says = RUBBISH["an error"][0]
    with ExitStack() as stack:
        running = stack.enter_context(provider())
        with Visitor() as person:
            assert person.log_in(site.app(), running, "alice").status_code == 200
            inside = person.http.cookies
        many = [stack.enter_context(Visitor()) for _ in range(SLOW_THREADS + 6)]
        urls = [begun(site, visitor, "Work") for visitor in many]
        other = stack.enter_context(Visitor())
        elsewhere = begun(site, other, "Odd")
        signalled(running, signal.SIGSTOP)
        try:
            took: list[float] = []

            def come_back(visitor: Visitor, url: str) -> None:
                started = time.monotonic()
                page = visitor.open(url)
                took.append(time.monotonic() - started)
                assert page.status_code in (502, 503), page.text
                assert "equest id" in page.text

            run_together([partial(come_back, *one) for one in zip(many, urls, strict=True)])
            assert max(took) < 15, took
            started = time.monotonic()
            failed(other.open(elsewhere), "cannot be used", "Odd")
            failed(again(site, many[0]), "not answering", "Work")
            assert time.monotonic() - started < 4, "one asks, and nobody else waits with them"
            with httpx.Client(cookies=inside) as client:
                assert client.get(site.app()).status_code == 200
        finally:
            signalled(running, signal.SIGCONT)
        back = time.monotonic()
        wait_for(lambda: enters(site, running), 20)
        assert time.monotonic() - back < 10


def signalled(running: Running, number: signal.Signals) -> None:
    """Send a signal to a provider, and to what it runs in."""
    assert running.process is not None
    process = psutil.Process(running.process.pid)
    for one in (process, *process.children(recursive=True)):
        one.send_signal(number)


def begun(site: Standing, visitor: Visitor, name: str) -> str:
    """Somebody who was sent to a provider: where they come back to, with a code that is none."""
    sent = visitor.start(visitor.open(site.app("/second")), name)
    answer = {"code": "x", "state": state_of(sent)}
    return str(httpx.URL(callback_url(site.port), params=answer))


def again(site: Standing, visitor: Visitor) -> httpx.Response:
    """One more try."""
    return visitor.open(begun(site, visitor, "Work"))


def enters(site: Standing, running: Running) -> bool:
    """Whether somebody can log in."""
    with Visitor() as person:
        return person.log_in(site.app(), running, "alice").status_code == 200


def test_keys_that_are_replaced(site: Standing, provider: Provider) -> None:
    with provider(generation=1) as running:
        wait_for(lambda: enters(site, running), 15)
    with provider(generation=2) as running:
        wait_for(lambda: enters(site, running), 15)


def _refresh(site: Standing, running: Running, visitor: Visitor) -> None:
    url = site.team + "/cdn-cgi/access/refresh-identity"
    sent = visitor.http.get(url, follow_redirects=False)
    assert sent.status_code == 302, sent.text
    page = visitor.come_back(running, running.log_in(sent.headers["location"], "alice"))
    assert "Identity refreshed" in page.text


def _groups(site: Standing, visitor: Visitor) -> Any:
    return visitor.open(site.team + "/cdn-cgi/access/get-identity").json()["groups"]


def test_l16_a_provider_that_is_removed(
    site: Standing, provider: Provider, visitor: Visitor
) -> None:
    with provider() as running, Visitor() as before:
        before.log_in(site.app(), running, "alice", "Found")
        sent = visitor.start(visitor.open(site.app()), "Found")
        answer = running.log_in(sent.headers["location"], "alice")

        removed: list[Any] = []

        def remove(resources: dict[str, Any]) -> None:
            providers = resources["identity_providers"]
            removed.extend(one for one in providers if one["name"] == "Found")
            resources["identity_providers"] = [one for one in providers if one not in removed]

        site.configure(remove)
        page = visitor.come_back(running, answer)
        assert page.status_code == 400
        assert "not available any more" in page.text
        assert "CF_Authorization" not in visitor.http.cookies

        renewed = before.open(site.app("/second"))
        assert "Continue with <bdi>Work</bdi>" in renewed.text, (
            "a session of a removed provider was renewed"
        )
        assert "Continue with <bdi>Found</bdi>" not in renewed.text

        site.configure(lambda resources: resources["identity_providers"].extend(removed))
        with Visitor() as after:
            assert after.log_in(site.app(), running, "alice", "Found").status_code == 200
