"""A SaaS application in the installation of the web tests, and its client, scripted."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from lychgate.api.saas import saas_client_id
from lychgate.config.naming import id_for
from tests.web.configs import BASE
from tests.web.installation import TEAM, Browser, Installation, Shown, forms

SECRET = "a secret of forty characters, or nearly so"
CALLBACK = "https://crm.example.org/callback"
OTHER_CALLBACK = "https://crm.example.org/other?fixed=1"
VERIFIER = "v" * 43
CLIENT_ID = saas_client_id(id_for("application", "CRM"))
ISSUER = f"{TEAM}/cdn-cgi/access/sso/oidc/{CLIENT_ID}"


def config(policies: str = "", **settings: Any) -> str:
    """The base configuration with one SaaS application; `settings` go into its `saas_app`."""
    saas: dict[str, Any] = {
        "auth_type": "oidc",
        "redirect_uris": [CALLBACK, OTHER_CALLBACK],
        "client_secret": SECRET,
        "grant_types": ["authorization_code", "refresh_tokens"],
        "scopes": ["openid", "email", "profile", "groups"],
        "access_token_lifetime": "10m",
        "refresh_token_options": {"lifetime": "2h"},
    } | settings
    saas = {name: value for name, value in saas.items() if value is not None}
    rules = (
        policies
        or """
        - {name: crm staff, decision: allow, include: [{email_domain: {domain: example.com}}]}"""
    )
    return f"""{BASE}
    - name: CRM
      type: saas
      saas_app: {json.dumps(saas)}
      policies:{rules}
    - name: Api
      type: self_hosted
      destinations: [{{type: public, uri: api.example.com}}]
      policies:
        - name: from crm
          decision: non_identity
          include: [{{linked_app_token: {{app_uid: CRM}}}}]
"""


def query(**changes: str | None) -> str:
    """The query of a good authorization request; `changes` replace members, None removes one."""
    given: dict[str, str | None] = {
        "client_id": CLIENT_ID,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid email profile groups",
        "state": "the state",
        "nonce": "the nonce",
        "code_challenge": create_s256_code_challenge(VERIFIER),
        "code_challenge_method": "S256",
    }
    whole = given | changes
    return urlencode({name: value for name, value in whole.items() if value is not None})


def authorization(**changes: str | None) -> str:
    """The URL of an authorization request."""
    return f"{ISSUER}/authorization?{query(**changes)}"


def unsigned_claims(token: str) -> dict[str, Any]:
    """The claims of a token, its signature not looked at."""
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


@dataclass(frozen=True, slots=True)
class Tokens:
    """An answer of the token endpoint."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def access(self) -> str:
        return str(self.body["access_token"])

    @property
    def refresh(self) -> str:
        return str(self.body["refresh_token"])

    @property
    def id_claims(self) -> dict[str, Any]:
        return unsigned_claims(self.body["id_token"])


class Client:
    """The server of the SaaS application, which speaks to the token endpoint."""

    def __init__(self, installation: Installation) -> None:
        self.http = installation.browser("198.51.100.9").http
        for header in ("sec-fetch-mode", "sec-fetch-dest", "accept"):
            self.http.headers.pop(header, None)

    def post(self, fields: Mapping[str, str], basic: str | None = SECRET, **more: Any) -> Tokens:
        """A token request, with Basic authentication unless `basic` is None."""
        headers: dict[str, str] = {}
        if basic is not None:
            pair = base64.b64encode(f"{CLIENT_ID}:{basic}".encode()).decode()
            headers["authorization"] = f"Basic {pair}"
        answer = self.http.post(f"{ISSUER}/token", data=dict(fields), headers=headers, **more)
        assert answer.headers["cache-control"] == "no-store"
        return Tokens(answer.status_code, answer.json(), answer.headers)

    def redeem(self, code: str, basic: str | None = SECRET, /, **changes: str | None) -> Tokens:
        """Redeem a code; `changes` replace members of the request, None removes one."""
        given: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        whole = given | changes
        fields = {name: value for name, value in whole.items() if value is not None}
        return self.post(fields, basic)

    def refresh(self, token: str, basic: str | None = SECRET, /, **more: str) -> Tokens:
        """Use a refresh token."""
        return self.post({"grant_type": "refresh_token", "refresh_token": token, **more}, basic)

    def userinfo(self, token: str, method: str = "GET") -> Shown:
        """Ask who a token is about."""
        bearer = {"authorization": f"Bearer {token}"}
        return self.http.request(method, f"{ISSUER}/userinfo", headers=bearer)


def sign_in(browser: Browser, email: str = "alice@example.com", **changes: str | None) -> Shown:
    """Begin at the application, log in by code, and stop where the gate sends the browser back."""
    return to_the_end(browser, browser.get(authorization(**changes)), email)


def to_the_end(browser: Browser, page: Shown, email: str = "alice@example.com") -> Shown:
    """Log in on a login page and follow until the browser leaves for the application."""
    code_page = browser.submit(page, {"email": email})
    action, hidden = forms(code_page.text)[0]
    code = browser.installation.mail.code()
    answer = browser.http.post(
        str(code_page.url.join(action)),
        data={**hidden, "code": code},
        headers={"sec-fetch-site": "same-origin"},
    )
    return leave(browser, answer)


def leave(browser: Browser, answer: Shown) -> Shown:
    """Follow redirects within the installation."""
    for _ in range(8):
        found = re.search(r'http-equiv="refresh" content="0; ?url=([^"]+)"', answer.text)
        target = unescape(found[1]) if found else answer.headers.get("location", "")
        if not target or not str(answer.url.join(target)).startswith(TEAM):
            return answer
        answer = browser.step(str(answer.url.join(target)))
    raise AssertionError("too many redirects")


def returned(answer: Shown, part: str = "query") -> dict[str, str]:
    """What the application is told at its address."""
    location = answer.headers["location"]
    assert location.startswith("https://crm.example.org/"), location
    return dict(parse_qsl(getattr(urlsplit(location), part), strict_parsing=True))


def code_of(browser: Browser, **changes: str | None) -> str:
    """A fresh code of somebody who is logged in."""
    return returned(leave(browser, browser.step(authorization(**changes))))["code"]
