"""A person at the demo, scripted over plain HTTP: follows redirects, fills in forms."""

import html
import re
from collections.abc import Mapping

import httpx

from tests.support.demo import Demo

_REFRESH = re.compile(r'http-equiv="refresh" content="0; ?url=([^"]+)"')


class Walker:
    """Somebody with a browser of their own."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self.http = httpx.Client(headers={"accept": "text/html"}, timeout=20)

    def open(
        self, url: str, stop: str = "\n", form: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Go where a URL leads; stop before an address that begins with `stop`."""
        method = "GET" if form is None else "POST"
        answer = self.http.request(method, url, data=form)
        for _ in range(20):
            refresh = _REFRESH.search(answer.text)
            target = answer.headers.get("location") or (refresh and html.unescape(refresh[1]))
            if not target or str(answer.url.join(target)).startswith(stop):
                return answer
            answer = self.http.get(answer.url.join(target))
        raise AssertionError(f"redirects without end at {answer.url}")

    def log_in(self, url: str, email: str, stop: str = "\n") -> httpx.Response:
        """Open a URL that leads to the login page, and log in by one-time PIN."""
        before = self._demo.mails()
        page = self._submit(self.open(url, stop), {"email": email}, stop)
        return self._submit(page, {"code": self._demo.code(before)}, stop)

    def _submit(self, page: httpx.Response, fields: Mapping[str, str], stop: str) -> httpx.Response:
        form = re.search(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', page.text, re.DOTALL)
        assert form is not None, (page.url, page.status_code, page.text[-800:])
        found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form[2])
        hidden = {html.unescape(name): html.unescape(value) for name, value in found}
        action = str(page.url.join(html.unescape(form[1])))
        return self.open(action, stop, {**hidden, **fields})

    def document(self, url: str) -> dict[str, object]:
        """What a program is told there, in this person's session."""
        answer = self.http.get(url, headers={"accept": "application/json"})
        assert answer.status_code == 200, (answer.status_code, answer.text[:300])
        found: dict[str, object] = answer.json()
        return found
