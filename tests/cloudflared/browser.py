"""The browser that `cloudflared` opens: it keeps cookies, follows redirects and fills in forms."""

import html
import re
from types import TracebackType
from typing import Self

import httpx

from lychgate.core.urls import AUTH_COOKIE
from tests.cloudflared.client import ToOneProxy
from tests.support.catalogue import TEAM, Catalogue


class Browser:
    """A browser behind one proxy."""

    def __init__(self, front: str, installation: Catalogue) -> None:
        self._installation = installation
        headers = {
            "accept": "text/html,application/xhtml+xml",
            "sec-fetch-mode": "navigate",
            "sec-fetch-dest": "document",
            "sec-fetch-site": "none",
        }
        self._http = httpx.Client(transport=ToOneProxy(front), headers=headers, timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def knows(self, email: str) -> None:
        """Somebody is logged in at the team domain."""
        token = self._installation.sign(self._installation.org_claims(email))
        self._http.cookies.set(AUTH_COOKIE, token, TEAM)

    def get(self, url: str, **headers: str) -> httpx.Response:
        """Open a URL."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._http.get(url, follow_redirects=True, headers=named)

    def submit(
        self, page: httpx.Response, fields: dict[str, str], site: str = "same-origin"
    ) -> httpx.Response:
        """Fill in the form of a page and send it, and go on by itself where the next page does."""
        form = re.search(r"<form[^>]*action=\"([^\"]+)\".*?</form>", page.text, re.DOTALL)
        assert form is not None, page.text
        hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form[0])
        values = {html.unescape(name): html.unescape(value) for name, value in hidden}
        answer = self._http.post(
            page.url.join(html.unescape(form[1])),
            data={**values, **fields},
            follow_redirects=True,
            headers={"sec-fetch-site": site},
        )
        onward = re.search(r'http-equiv="refresh" content="0; ?url=([^"]+)"', answer.text)
        return self.get(str(answer.url.join(html.unescape(onward[1])))) if onward else answer

    def log_in(self, page: httpx.Response, email: str) -> httpx.Response:
        """Log in by the mailed code."""
        before = len(self._installation.mails(email))
        asked = self.submit(page, {"email": email})
        return self.submit(asked, {"code": self._installation.code(email, before + 1)})
