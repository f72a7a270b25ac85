"""A browser that reaches the installation through one of its proxies: cookies, redirects, forms."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from tests.support.catalogue import Catalogue, Proxy
from tests.support.front import Pairs, Reply, request_bytes

_NAVIGATION: Pairs = (
    ("Accept", "text/html,application/xhtml+xml"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
)
_PUBLIC = frozenset({"kid", "redirect_url", "returnTo", "email"})
"""Parts of our links and forms that are no secret."""
_REFRESH = re.compile(r'http-equiv="refresh" content="0; ?url=([^"]+)"')


@dataclass(frozen=True, slots=True)
class Page:
    """Where a visitor is, and what they see."""

    url: str
    reply: Reply

    @property
    def text(self) -> str:
        """The body."""
        return self.reply.body.decode("utf-8", "replace")

    @property
    def host(self) -> str:
        """The host."""
        return urlsplit(self.url).netloc


@dataclass(slots=True)
class Visitor:
    """Somebody with a browser of their own."""

    catalogue: Catalogue
    front: Proxy
    jar: dict[tuple[str, str], str] = field(default_factory=dict)
    """Cookies by host and name; all those of our tests have the path `/`."""

    def step(self, url: str, form: Mapping[str, str] | None = None, headers: Pairs = ()) -> Page:
        """Open a URL, or send a form to it, and stay there."""
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        cookies = [f"{n}={v}" for (host, n), v in self.jar.items() if host == parts.netloc]
        sent = (*_NAVIGATION, *headers)
        if cookies:
            sent += (("Cookie", "; ".join(cookies)),)
        method, body = "GET", b""
        if form is not None:
            method, body = "POST", urlencode(form).encode()
            sent += (("Content-Type", "application/x-www-form-urlencoded"),)
            sent += (("Sec-Fetch-Site", "same-origin"),)
        reply = self.front.send_raw(request_bytes(method, target, parts.netloc, sent, body))
        self._keep(parts.netloc, reply)
        links = parse_qsl(parts.query) + parse_qsl(urlsplit(reply.header("location") or "").query)
        self.catalogue.hand_out(*(value for name, value in links if name not in _PUBLIC))
        filled = (form or {}).items()
        self.catalogue.hand_out(*(value for name, value in filled if name not in _PUBLIC))
        return Page(url, reply)

    def _keep(self, host: str, reply: Reply) -> None:
        for line in reply.all("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.catalogue.hand_out(value)
            self.jar.pop((host, name), None)
            if "Max-Age=0" not in line:
                self.jar[host, name] = value

    def open(self, url: str, form: Mapping[str, str] | None = None) -> Page:
        """Open a URL and go where it leads."""
        page = self.step(url, form)
        for _ in range(12):
            location = page.reply.header("location")
            refresh = _REFRESH.search(page.text)
            if location is not None and 300 <= page.reply.status < 400:
                page = self.step(urljoin(page.url, location))
            elif refresh is not None:
                page = self.step(urljoin(page.url, html.unescape(refresh[1])))
            else:
                return page
        raise AssertionError(f"redirects without end at {page.url}")

    def submit(self, page: Page, fields: Mapping[str, str]) -> Page:
        """Fill in the first form of a page and send it."""
        return self.open(*self.filled(page, fields))

    def filled(self, page: Page, fields: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Where the first form of a page goes, and what it sends."""
        form = re.search(r"<form\b.*?</form>", page.text, re.DOTALL)
        assert form is not None, (page.url, page.reply.status, page.text[-800:])
        action = re.search(r'action="([^"]*)"', form[0])
        assert action is not None
        hidden = {}
        for tag in re.findall(r"<input\b[^>]*>", form[0]):
            name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
            if 'type="hidden"' in tag and name and value:
                hidden[html.unescape(name[1])] = html.unescape(value[1])
        return urljoin(page.url, html.unescape(action[1])), {**hidden, **fields}

    def ask_for_code(self, url: str, email: str) -> Page:
        """Open a protected URL and ask for a code: the page it is entered on."""
        return self.submit(self.open(url), {"email": email})

    def log_in(self, url: str, email: str) -> Page:
        """Open a protected URL and log in by one-time PIN."""
        before = len(self.catalogue.mails(email))
        page = self.ask_for_code(url, email)
        return self.submit(page, {"code": self.catalogue.code(email, before + 1)})
