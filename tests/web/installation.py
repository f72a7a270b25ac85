"""A whole installation in one process: real store, feed, gate and companion behind one front."""

import html
import re
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from httpx2 import Response
from prometheus_client import CollectorRegistry
from starlette.requests import Request as AsgiRequest
from starlette.responses import JSONResponse
from starlette.responses import Response as AsgiResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from lychgate.answer import Answer
from lychgate.api import to_model
from lychgate.config import load_text
from lychgate.config.edits import apply
from lychgate.core.request import Request, address
from lychgate.core.urls import CLIENT_IP_HEADER
from lychgate.gate import Forward, Gate, ToCompanion, View
from lychgate.geo import Countries
from lychgate.mail import Message
from lychgate.store.compiling import compiler
from lychgate.store.feed import Feed
from lychgate.store.sql import open_store
from lychgate.web.app import companion
from lychgate.web.composition import services_of
from lychgate.web.metrics import Metrics
from lychgate.web.services import Services

type Shown = Response
"""What a browser got."""

TEAM = "https://team.example.net"
MASTER_KEY = "00" * 32


class MovingClock:
    """A clock that a test moves; it also ticks a little by itself, so that order shows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Providers that tests talk to have the machine's clock.
        started = datetime.fromtimestamp(time.time(), UTC)
        self._now = started.replace(microsecond=250_000)

    def __call__(self) -> datetime:
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._now += timedelta(seconds=seconds)


class Letterbox:
    """Where mails end up."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def post(self, message: Message) -> None:
        """Keep one mail."""
        self.messages.append(message)

    def code(self) -> str:
        """The code in the last mail."""
        found = re.findall(r"\b[0-9]{6}\b", self.messages[-1].text)
        assert len(found) == 1, found
        return str(found[0])


class Installation:
    """Everything that runs, and ways to use it."""

    def __init__(self, folder: Path, config: str) -> None:
        self.clock = MovingClock()
        self.mail = Letterbox()
        self.registry = CollectorRegistry()
        self.folder = folder
        self._path = folder / "lychgate.yaml"
        loaded = load_text(config.encode(), self._path, {})
        self.settings = loaded.settings
        self.store = open_store(
            f"sqlite:///{folder}/lychgate.db",
            to_model,
            compiler(self.settings.setting),
            self.clock,
            environment={"LYCHGATE_MASTER_KEY": MASTER_KEY},
        )
        apply(loaded, self.store)
        self.feed = Feed(self.store, self.store.mirror, self.clock).start()
        self.services = self._services()
        self.gate = Gate(self._view, self.clock, lambda event: None, timedelta(hours=1))
        self.companion = companion(self.services)
        # Everything so far happened in this second; a token must be younger.
        self.clock.advance(2)

    def _services(self) -> Services:
        built = services_of(
            self.settings,
            self.store,
            self.feed,
            Countries.open(None),
            self.clock,
            self.mail,
            Metrics(self.registry),
        )
        return Services(
            **{name: getattr(built, name) for name in Services.__dataclass_fields__}
            | {"wait": self.clock.advance}
        )

    def _view(self) -> View | None:
        snapshot = self.feed.current()
        return None if snapshot is None else View(snapshot, timedelta(0))

    def configure(self, config: str) -> None:
        """Change the configuration, as editing the file does."""
        apply(load_text(config.encode(), self._path, {}), self.store)
        self.catch_up()

    def catch_up(self) -> None:
        """Wait until the gate knows everything that is in the store."""
        assert self.feed.wait_for(self.store.revision())

    def browser(self, address: str = "192.0.2.7") -> "Browser":
        """A fresh browser somewhere."""
        return Browser(self, address)

    async def front(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What a proxy does: ask the gate, then forward, answer, or ask the companion app."""
        asgi = AsgiRequest(scope, receive)
        outcome = self.gate.check(_core_request(asgi))
        match outcome:
            case ToCompanion():
                client_ip = asgi.headers.get("x-test-address", "192.0.2.7")
                headers = [
                    (name, value)
                    for name, value in scope["headers"]
                    if name.decode() not in (*outcome.remove_headers, *dict(outcome.set_headers))
                ]
                headers.append((CLIENT_IP_HEADER.encode(), client_ip.encode()))
                headers += [(n.encode(), v.encode()) for n, v in outcome.set_headers]
                await self.companion({**scope, "headers": headers}, receive, send)
            case Forward():
                await JSONResponse(_received(asgi, outcome))(scope, receive, send)
            case Answer():
                response = AsgiResponse(outcome.body, outcome.status)
                for name, value in outcome.headers:
                    response.headers.append(name, value)
                await response(scope, receive, send)

    def close(self) -> None:
        """Stop everything."""
        self.feed.stop()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _core_request(asgi: AsgiRequest) -> Request:
    headers: dict[str, tuple[str, ...]] = {}
    for name, value in asgi.headers.items():
        headers[name] = (*headers.get(name, ()), value)
    query = asgi.scope["query_string"].decode()
    return Request(
        id="test-request-id",
        method=asgi.method,
        scheme="https",
        host=headers["host"][0],
        path=asgi.scope["raw_path"].decode().partition("?")[0],
        query=query or None,
        headers=headers,
        client_ip=address(headers.get("x-test-address", ("192.0.2.7",))[0]),
    )


def _received(asgi: AsgiRequest, forward: Forward) -> dict[str, Any]:
    kept = {
        name: value for name, value in asgi.headers.items() if name not in forward.remove_headers
    }
    return {"path": forward.path, "headers": {**kept, **dict(forward.set_headers)}}


class Browser:
    """A visitor with cookies of their own, who follows redirects and submits forms."""

    def __init__(self, installation: Installation, address: str) -> None:
        self.installation = installation
        self.http = TestClient(
            installation.front,
            base_url=TEAM,
            client=("127.0.0.1", 40000),
            headers={
                "accept": "text/html,application/xhtml+xml",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "document",
                "x-test-address": address,
            },
        )

    def twin(self) -> "Browser":
        """The same browser's next tab: a connection of its own, the same cookies."""
        other = Browser(self.installation, self.http.headers["x-test-address"])
        for cookie in self.http.cookies.jar:
            other.http.cookies.jar.set_cookie(cookie)
        return other

    def get(self, url: str, **options: Any) -> Shown:
        """Open a URL, following redirects."""
        return self.http.get(url, follow_redirects=True, **options)

    def step(self, url: str, **options: Any) -> Shown:
        """Open a URL and stay there."""
        return self.http.get(url, follow_redirects=False, **options)

    def submit(self, page: Shown, fields: Mapping[str, str], form: int = 0) -> Shown:
        """Fill in a form of a page and send it; go on by itself where the page does."""
        action, hidden = forms(page.text)[form]
        url = page.url.join(action)
        answer = self.http.post(
            str(url),
            data={**hidden, **fields},
            follow_redirects=True,
            headers={"sec-fetch-site": "same-origin"},
        )
        return self.go_on(answer)

    def go_on(self, page: Shown) -> Shown:
        """Follow a page that goes on by itself."""
        found = re.search(r'http-equiv="refresh" content="0; ?url=([^"]+)"', page.text)
        return self.get(str(page.url.join(_unescape(found[1])))) if found else page

    def log_in(self, url: str, email: str = "alice@example.com") -> Shown:
        """Open a protected URL and log in by one-time PIN."""
        page = self.get(url)
        code_page = self.submit(page, {"email": email})
        return self.submit(code_page, {"code": self.installation.mail.code()})

    def cookie(self, name: str, domain: str) -> str | None:
        """The value of a cookie on a host."""
        for cookie in self.http.cookies.jar:
            if cookie.name == name and cookie.domain.lstrip(".") == domain:
                return cookie.value
        return None


def forms(page: str) -> list[tuple[str, dict[str, str]]]:
    """The forms of a page: where each goes, and its hidden fields."""
    found = []
    for form in re.findall(r"<form\b.*?</form>", page, re.DOTALL):
        action = re.search(r'action="([^"]*)"', form)
        hidden = {}
        for tag in re.findall(r"<input\b[^>]*>", form):
            name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
            if 'type="hidden"' in tag and name and value:
                hidden[_unescape(name[1])] = _unescape(value[1])
        assert action is not None
        found.append((_unescape(action[1]), hidden))
    return found


def _unescape(text: str) -> str:
    return html.unescape(text)
