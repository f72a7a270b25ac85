"""A browser without a window: opens one address and does what a person would do there.

Runs as a program, so that a test can name it in `BROWSER`: it logs in by the mailed code, allows
what it is asked, and follows the way to its end.
"""

import html
import re
import sys
import time
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import urljoin

import httpx


class Visitor:
    """Somebody with a mailbox and a browser that keeps cookies."""

    def __init__(self, mails: Path, email: str) -> None:
        self._mails = mails
        self._email = email
        self._stops_at = ""
        self._seen: set[Path] = set()
        headers = {"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-site": "none"}
        self.http = httpx.Client(headers=headers, timeout=20)

    def visit(self, url: str, decision: str = "allow") -> httpx.Response:
        """Open an address, and go on until nothing is asked any more."""
        page = self._follow(self.http.get(url))
        for _ in range(8):
            forms = re.findall(r"<form\b.*?</form>", page.text, re.DOTALL)
            if not forms:
                break
            page = self._submit(page, forms[0], decision)
        return page

    def _submit(self, page: httpx.Response, form: str, decision: str) -> httpx.Response:
        fields = {}
        for tag in re.findall(r"<input\b[^>]*>", form):
            found = dict(re.findall(r'(\w+)="([^"]*)"', tag))
            fields[html.unescape(found.get("name", ""))] = html.unescape(found.get("value", ""))
        if "email" in fields:
            fields["email"] = self._email
        if "code" in fields:
            fields["code"] = self._code()
        if 'name="decision"' in form:
            fields["decision"] = decision
        action = re.search(r'<form[^>]*action="([^"]+)"', form)
        target = urljoin(str(page.url), html.unescape(action[1])) if action else str(page.url)
        self._seen = set(self._mails.glob("*.eml"))
        answer = self.http.post(target, data=fields, headers={"sec-fetch-site": "same-origin"})
        return self._follow(answer)

    def last_address(self, url: str) -> str:
        """As `visit`, but the address of the callback at the end is told, not opened."""
        self._stops_at = "/callback"
        page = self.visit(url)
        return str(_next(page) or page.url)

    def _follow(self, page: httpx.Response) -> httpx.Response:
        for _ in range(20):
            target = _next(page)
            if target is None or target.path == self._stops_at:
                break
            page = self.http.get(target)
        return page

    def _code(self) -> str:
        for _ in range(200):
            fresh = set(self._mails.glob("*.eml")) - self._seen
            if fresh:
                message = message_from_bytes(fresh.pop().read_bytes(), policy=policy.default)
                body = message.get_body(("plain",))
                assert body is not None
                found: list[str] = re.findall(r"\b[0-9]{6}\b", str(body.get_content()))
                return found[0]
            time.sleep(0.05)
        raise TimeoutError("no mail came")


def _next(page: httpx.Response) -> httpx.URL | None:
    """Where a page leads by itself."""
    goes_on = re.search(r'http-equiv="refresh" content="\d+; ?url=([^"]+)"', page.text)
    if page.has_redirect_location:
        return page.url.join(page.headers["location"])
    return page.url.join(html.unescape(goes_on[1])) if goes_on else None


def main() -> None:
    """`python -m tests.support.visitor MAILS EMAIL DECISION URL`."""
    mails, email, decision, url = sys.argv[1:]
    visitor = Visitor(Path(mails), email)
    page = visitor.visit(url, decision)
    print(page.status_code, page.url, page.text[:200])
    visitor.http.close()


if __name__ == "__main__":
    main()
