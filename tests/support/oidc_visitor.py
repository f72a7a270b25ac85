"""A browser without script, for logins that lead over an identity provider."""

import html
import re
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import httpx

from tests.support.oidc_running import Running

_LINK = re.compile(r'<a [^>]*href="([^"]*)"[^>]*>.*?Continue with <bdi>([^<]*)</bdi>', re.DOTALL)


class Visitor:
    """Somebody with cookies of their own."""

    def __init__(self) -> None:
        # The applications' answers are JSON for programs, and pages for this one.
        headers = {
            "accept": "text/html",
            "sec-fetch-mode": "navigate",
            "sec-fetch-dest": "document",
        }
        self.http = httpx.Client(
            follow_redirects=True, trust_env=False, timeout=30, headers=headers
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()

    def open(self, url: str) -> httpx.Response:
        """Go to an address, and wherever it leads."""
        return self.http.get(url)

    def start(self, page: httpx.Response, provider: str) -> httpx.Response:
        """Click the link of a provider on the login page; the first answer to that."""
        links = {html.unescape(name): html.unescape(url) for url, name in _LINK.findall(page.text)}
        assert provider in links, (str(page.url), page.status_code, page.text[:2000])
        return self.http.get(str(page.url.join(links[provider])), follow_redirects=False)

    def come_back(self, provider: Running, answer: dict[str, str]) -> httpx.Response:
        """Bring a provider's answer to the callback, and go wherever that leads."""
        return self.open(f"{provider.callback}?{urlencode(answer)}")

    def log_in(
        self, url: str, provider: Running, person: str, name: str = "Work"
    ) -> httpx.Response:
        """Open a protected page, log in at the provider, and come back."""
        sent = self.start(self.open(url), name)
        assert sent.status_code == 302, sent.text[:2000]
        return self.come_back(provider, provider.log_in(sent.headers["location"], person))
