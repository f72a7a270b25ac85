"""A person with a browser who is sent there by a program, logs in, and lets it act for them."""

import html
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.support.demo import Demo, submit

_STEPS = 20
_BACK = re.compile(r'href="([^"]*/oauth/decline[^"]*)"')


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a browser of their own; it keeps its cookies from visit to visit."""

    demo: Demo
    email: str
    browser: httpx.Client

    def allow(self, url: str) -> str:
        """Follow an authorization URL and allow it: the address that leads back to the program."""
        return self._visit(url, lambda page: self._decide(page, "allow"))

    def refuse(self, url: str) -> str:
        """Follow an authorization URL and do not allow it."""
        return self._visit(url, lambda page: self._decide(page, "refuse"))

    def give_up(self, url: str) -> str:
        """Follow an authorization URL to the page that refuses this person, and go back."""
        return self._visit(url, self._turn_back)

    def must_log_in(self, url: str) -> bool:
        """Whether an authorization URL leads to the login page."""
        page = self.browser.get(url, follow_redirects=True)
        return page.status_code == 200 and 'name="email"' in page.text

    def _visit(self, url: str, answer: Callable[[httpx.Response], httpx.Response]) -> str:
        page = self.browser.get(url)
        for _ in range(_STEPS):
            if page.next_request is not None:
                there = str(page.next_request.url)
                if not self._is_ours(there):
                    return there
                page = self.browser.get(there)
            elif 'name="email"' in page.text:
                page = self._log_in(page)
            else:
                page = answer(page)
        raise AssertionError(f"the visit came to no end; it was last at {page.url}")

    def _is_ours(self, url: str) -> bool:
        ours = {urlsplit(one).netloc for one in (self.demo.team, self.demo.app("whoami"))}
        return urlsplit(url).netloc in ours

    def _log_in(self, page: httpx.Response) -> httpx.Response:
        before = self.demo.mails()
        page = submit(self.browser, page, {"email": self.email})
        while page.next_request is not None:
            page = self.browser.send(page.next_request)
        return submit(self.browser, page, {"code": self.demo.code(before, to=self.email)})

    def _decide(self, page: httpx.Response, decision: str) -> httpx.Response:
        if 'name="consent"' not in page.text:
            raise AssertionError(f"{page.status_code} at {page.url} asks nothing: {page.text}")
        return submit(self.browser, page, {"decision": decision})

    def _turn_back(self, page: httpx.Response) -> httpx.Response:
        link = _BACK.search(page.text)
        if link is None:
            raise AssertionError(f"{page.status_code} at {page.url} leads nowhere: {page.text}")
        return self.browser.get(str(page.url.join(html.unescape(link[1]))))


@contextmanager
def somebody(demo: Demo, email: str) -> Iterator[Person]:
    """A person with a fresh browser."""
    with httpx.Client(timeout=30, headers={"accept": "text/html"}) as browser:
        yield Person(demo, email, browser)


def answer_in(callback: str) -> dict[str, str]:
    """What the address that leads back says; nothing in it may be there twice."""
    found = parse_qs(urlsplit(callback).query, keep_blank_values=True, strict_parsing=True)
    if any(len(values) > 1 for values in found.values()):
        raise AssertionError(f"a parameter is there twice: {callback}")
    return {name: values[0] for name, values in found.items()}
