"""An OAuth client as a test drives it: it registers, sends its person off, and keeps its tokens."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from httpx2 import Response
from starlette.testclient import TestClient

from lychgate.web.oauth.paths import AUTHORIZATION, REGISTRATION, REVOKE, TOKEN
from tests.web.installation import TEAM, Browser, Installation, Shown

TOOLS = "https://tools.example.com"
OTHER = "https://other.example.com"
CALLBACK = "http://localhost:4711/callback"
VERIFIER = "v" * 64

type Fields = dict[str, str | None]

CONFIG = """
team: {url: "https://team.example.net", name: Example}
limits: {pins_per_hour: 1000, registrations_per_hour: 400}
resources:
  organization: {name: Example}
  identity_providers:
    - {name: PIN, type: onetimepin, config: {}}
  applications:
    - name: Tools
      type: self_hosted
      destinations:
        - {type: public, uri: tools.example.com}
        - {type: public, uri: tools-too.example.com/part}
      policies:
        - {name: staff, decision: allow, include: [{email_domain: {domain: example.com}}]}
      oauth_configuration:
        enabled: true
        dynamic_client_registration:
          allowed_uris: ["https://ok.example/cb/*", "cursor://tools/callback"]
    - name: Other
      type: self_hosted
      destinations: [{type: public, uri: other.example.com}]
      policies:
        - {name: all staff, decision: allow, include: [{email_domain: {domain: example.com}}]}
      oauth_configuration:
        enabled: true
        device_flow: true
        dynamic_client_registration:
          allow_any_on_localhost: false
          allow_any_on_loopback: false
          allowed_uris: ["https://other-only.example/cb"]
    - name: Plain
      type: self_hosted
      destinations: [{type: public, uri: plain.example.com}]
      policies:
        - {name: all, decision: allow, include: [{email_domain: {domain: example.com}}]}
"""


def challenge(verifier: str = VERIFIER) -> str:
    """The S256 challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def program(installation: Installation, address: str = "192.0.2.99") -> TestClient:
    """A program without a browser's headers; it says neither what it is nor what it takes."""
    client = TestClient(
        installation.front,
        base_url=TEAM,
        client=("127.0.0.1", 40001),
        headers={"x-test-address": address},
        follow_redirects=False,
    )
    for name in ("user-agent", "accept"):
        del client.headers[name]
    return client


@dataclass
class Agent:
    """One registered client and the person it acts for."""

    installation: Installation
    id: str
    secret: str = ""
    redirect_uri: str = CALLBACK
    resource: str = TOOLS
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def http(self) -> TestClient:
        """Its way to us."""
        return program(self.installation)

    def url(self, **changes: str | None) -> str:
        """Where it sends its person; `None` leaves a parameter out."""
        fields: Fields = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.redirect_uri,
            "state": "s t&a",
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
            "resource": self.resource,
        }
        fields.update(changes)
        kept = {name: value for name, value in fields.items() if value is not None}
        return f"{TEAM}{AUTHORIZATION}?{urlencode(kept)}"

    def consent_page(self, browser: Browser, email: str = "alice@example.com") -> Shown:
        """What the person sees once they are logged in."""
        page = browser.get(self.url())
        if "One-Time PIN" in page.text or 'name="email"' in page.text:
            code_page = browser.submit(page, {"email": email})
            code = self.installation.mail.code()
            page = browser.submit(code_page, {"code": code})
        return page

    def allow(self, browser: Browser, page: Shown, decision: str = "allow") -> dict[str, str]:
        """Answer the consent page; what comes back to the client."""
        return answer_of(say(browser, page, decision))

    def code(self, browser: Browser, email: str = "alice@example.com") -> str:
        """A fresh authorization code."""
        return self.allow(browser, self.consent_page(browser, email))["code"]

    def post(self, path: str, **fields: str | None) -> Response:
        """Post a form as this client; `None` leaves a field out."""
        own = {"client_id": self.id} | ({"client_secret": self.secret} if self.secret else {})
        whole: Fields = {**own, **fields}
        data = {name: value for name, value in whole.items() if value is not None}
        return self.http.post(path, data=data)

    def redeem(self, code: str, **changes: str | None) -> Response:
        """Redeem a code."""
        fields: Fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": VERIFIER,
            "resource": self.resource,
        }
        fields.update(changes)
        return self.keep(self.post(TOKEN, **fields))

    def refresh(self, **changes: str | None) -> Response:
        """Use the newest refresh token, or the one given."""
        fields: Fields = {
            "grant_type": "refresh_token",
            "refresh_token": self.tokens.get("refresh_token"),
            "resource": self.resource,
        }
        fields.update(changes)
        return self.keep(self.post(TOKEN, **fields))

    def keep(self, answer: Response) -> Response:
        """Remember the tokens of an answer that has some."""
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer

    def revoke(self, token: str, **changes: str | None) -> Response:
        """Give a token back."""
        return self.post(REVOKE, token=token, **changes)

    def log_in(self, browser: Browser, email: str = "alice@example.com") -> "Agent":
        """The whole way to a token."""
        answer = self.redeem(self.code(browser, email))
        assert answer.status_code == 200, answer.text
        return self

    def call(self, url: str = "", token: str | None = None) -> Response:
        """Call the application with the access token."""
        text = self.tokens["access_token"] if token is None else token
        url = url or self.resource + "/x"
        return self.http.get(url, headers={"authorization": f"Bearer {text}"})


def register(installation: Installation, **metadata: Any) -> Agent:
    """A registered client; public unless it says otherwise."""
    whole = {
        "client_name": "Tester",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
    } | metadata
    answer = program(installation).post(REGISTRATION, json=whole)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    uri = whole["redirect_uris"][0]
    return Agent(installation, told["client_id"], told.get("client_secret", ""), uri)


def say(browser: Browser, page: Shown, decision: str = "allow") -> Shown:
    """Press a button of the consent page, and go nowhere from there."""
    from tests.web.installation import forms

    action, hidden = forms(page.text)[0]
    return browser.http.post(
        str(page.url.join(action)),
        data={**hidden, "decision": decision},
        follow_redirects=False,
        headers={"sec-fetch-site": "same-origin"},
    )


def answer_of(reply: Shown) -> dict[str, str]:
    """What a redirect brings the client."""
    assert reply.status_code in (302, 303), reply.text
    query = parse_qs(urlsplit(reply.headers["location"]).query, strict_parsing=True)
    assert all(len(values) == 1 for values in query.values())
    return {name: values[0] for name, values in query.items()}


def error_of(answer: Response) -> str:
    """The error code of an answer that must be as RFC 6749 5.2 says."""
    assert answer.headers["content-type"] == "application/json"
    assert "no-store" in answer.headers["cache-control"]
    document = answer.json()
    assert document["error_description"]
    return f"{answer.status_code} {document['error']}"
