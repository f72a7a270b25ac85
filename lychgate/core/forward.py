"""What of a request goes on to the origin: which headers and cookies are kept, set and removed."""

from lychgate.core.bearer import is_our_bearer
from lychgate.core.credentials import Held, Via, holds_service_token
from lychgate.core.decision import Allow, Because, HeaderList, Mint
from lychgate.core.keys import Keyring
from lychgate.core.model import Application
from lychgate.core.request import Request
from lychgate.core.urls import (
    ASSERTION,
    AUTH_COOKIE,
    USER_EMAIL,
    USER_ID,
    join_cookies,
    owned_in,
    touches_reserved,
)
from lychgate.core.values import momentary


@momentary
class Onward:
    """A request on its way to the origin of an application, or of nobody's (None)."""

    request: Request
    path: str
    cookies: list[tuple[str, str]]
    app: Application | None
    keyring: Keyring

    def identified(self, because: Because, held: Held) -> Allow:
        """Forward as the person whose token was presented; the token itself is the assertion."""
        in_cookie = held.via is Via.COOKIE or (self.app is not None and self.app.cookie_for_origin)
        token = held.token
        headers = _identity_headers(held.text, token.email, token.subject)
        cookie = self._cookie(held.text if held.via is Via.COOKIE else None)
        if in_cookie and held.via is not Via.COOKIE:
            added = f"{AUTH_COOKIE}={held.text}"
            cookie = added if cookie is None else f"{cookie}; {added}"
        return self._allow(because, cookie, headers)

    def minted(self, because: Because, mint: Mint) -> Allow:
        """Forward with a token that the gate signs and puts into the assertion header."""
        claims = mint.claims
        headers = _identity_headers("", str(claims.get("email", "")), str(claims["sub"]))
        return self._allow(because, self._cookie(None), headers, mint)

    def anonymous(self, because: Because) -> Allow:
        """Forward without any identity: bypass, a preflight, or a host nobody protects."""
        return self._allow(because, self._cookie(None), ())

    def _cookie(self, auth: str | None) -> str | None:
        kept: list[tuple[str, str]] = []
        for name, value in self.cookies:
            if name == AUTH_COOKIE and value == auth:
                kept.append((name, value))
                auth = None
            elif not touches_reserved(name, value):
                kept.append((name, value))
        return join_cookies(kept)

    def _allow(
        self,
        because: Because,
        cookie: str | None,
        headers: HeaderList,
        mint: Mint | None = None,
    ) -> Allow:
        query = self.request.query
        target = self.path if query is None else f"{self.path}?{query}"
        return Allow(because, target, cookie, headers, self._removed(headers), mint)

    def _removed(self, headers: HeaderList) -> tuple[str, ...]:
        sent = self.request.headers
        remove = owned_in(sent)
        if remove:
            ours = {name for name, _ in headers}
            remove = [name for name in remove if name not in ours]
        for value in sent.get("authorization", ()):
            if is_our_bearer(value, self.keyring):
                remove.append("authorization")
        single = self.app.service_token_header if self.app else None
        if single and any(map(holds_service_token, sent.get(single, ()))):
            remove.append(single)
        return tuple(dict.fromkeys(remove))


def _identity_headers(assertion: str, email: str, subject: str) -> HeaderList:
    headers = [(ASSERTION, assertion)]
    if email:
        headers.append((USER_EMAIL, email))
    if subject:
        headers.append((USER_ID, subject))
    return tuple(headers)
