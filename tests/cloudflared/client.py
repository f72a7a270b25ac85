"""What `cloudflared access` does on the wire, step by step, in its two generations.

The names it insists on are all taken to one proxy, over plain http: what it demands of names and
certificates is the matter of whoever installs it. Its judgement of each answer is kept.
"""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
from nacl.public import Box, PrivateKey, PublicKey

ALIAS = "acme.cloudflareaccess.com"
TRANSFER = "login.cloudflareaccess.org"
NEW, OLD = "cloudflared/2026.8.2", "cloudflared/2026.7.3"
LOGIN, AUTHORIZED = "/cdn-cgi/access/login", "/cdn-cgi/access/authorized"


class ToOneProxy(httpx.BaseTransport):
    """Takes every host to one proxy, with its `Host`, as a hosts file does."""

    def __init__(self, front: str) -> None:
        self._front = httpx.URL(front)
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request there."""
        front = self._front
        url = request.url.copy_with(scheme="http", host=front.host, port=front.port)
        sent = httpx.Request(
            request.method,
            url,
            headers=request.headers,
            content=request.read(),
            extensions=request.extensions,
        )
        return self._inner.handle_request(sent)

    def close(self) -> None:
        """Close its connections."""
        self._inner.close()


class Failed(Exception):
    """What makes `cloudflared` give up."""


@dataclass(frozen=True, slots=True)
class AppInfo:
    """What it knows of an application after asking."""

    audience: str
    domain: str
    auth_domain: str


@dataclass
class Cloudflared:
    """One run of the program against one proxy."""

    front: str
    agent: str = NEW
    key: PrivateKey = field(default_factory=PrivateKey.generate)

    def ask(self, method: str, url: str, /, **headers: str) -> httpx.Response:
        """One request as Go sends it: no Accept, and no cookie that is not named here."""
        return self._ask(method, url, 7, headers)

    def wait(self, seconds: float) -> httpx.Response:
        """One look at what the browser left, for so long."""
        url = f"https://{TRANSFER}/transfer/{self.public_key}"
        return self._ask("GET", url, seconds, {})

    def _ask(
        self, method: str, url: str, seconds: float, headers: Mapping[str, str]
    ) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = httpx.Request(method, url, headers={"User-Agent": self.agent, **named})
        with httpx.Client(transport=ToOneProxy(self.front), timeout=seconds) as client:
            request.extensions["timeout"] = httpx.Timeout(seconds).as_dict()
            return client.send(request, follow_redirects=False)

    def discover(self, url: str) -> AppInfo:
        """Which application this is; the new way or the old one."""
        return self._by_metadata(url) if self.agent == NEW else self._by_login(url)

    def metadata(self, url: str, **headers: str) -> dict[str, Any]:
        """The claims of the signed header, verified as the new generation does."""
        answer = self.ask("HEAD", url, cf_access_metadata_request="true", **headers)
        text = answer.headers.get("cf-access-metadata")
        if not text:
            raise Failed(f"failed to find Access application at {url}")
        unverified = jwt.decode(text, options={"verify_signature": False})
        if not unverified["auth_domain"].endswith(".cloudflareaccess.com"):
            raise Failed("auth_domain does not end with .cloudflareaccess.com")
        certs = Cloudflared(self.front, "Go-http-client/1.1").ask(
            "GET", f"https://{unverified['auth_domain']}/cdn-cgi/access/certs"
        )
        if certs.status_code != 200 or len(certs.content) > 1 << 20:
            raise Failed(f"JWKS endpoint returned status {certs.status_code}")
        keys = {one["kid"]: jwt.PyJWK(one) for one in certs.json()["keys"]}
        key = keys[jwt.get_unverified_header(text)["kid"]]
        claims: dict[str, Any] = jwt.decode(
            text, key, algorithms=["RS256"], options={"verify_aud": False}
        )
        return claims

    def _by_metadata(self, url: str) -> AppInfo:
        claims = self.metadata(url)
        host = urlsplit(url).hostname or ""
        age = time.time() - claims["iat"]
        if claims["hostname"].lower() != host.lower() or claims["type"] != "match":
            raise Failed("metadata is of another host")
        if not isinstance(claims["aud"], str) or not claims["aud"]:
            raise Failed("aud is empty")
        if not -300 <= age <= 24 * 3600:
            raise Failed("metadata is not of today")
        domain = claims.get("app_hostname") or claims["hostname"]
        return AppInfo(claims["aud"], domain, claims["auth_domain"])

    def _by_login(self, url: str) -> AppInfo:
        for _ in range(10):
            answer = self.ask("HEAD", url)
            here = urlsplit(url)
            if LOGIN in here.path or not answer.has_redirect_location:
                break
            url = str(answer.url.join(answer.headers["location"]))
        audience = answer.headers.get("cf-access-aud", "")
        if LOGIN in here.path:
            audience = parse_qs(here.query).get("kid", [""])[0]
        domain = answer.headers.get("cf-access-domain", "")
        if not audience or not domain:
            raise Failed(f"failed to get app info: {answer.status_code} {answer.headers}")
        return AppInfo(audience, domain, here.hostname or "")

    @property
    def public_key(self) -> str:
        """The key that the answer is to be sealed to, as it stands in the URLs."""
        return base64.urlsafe_b64encode(bytes(self.key.public_key)).decode()

    def browser_url(self, url: str, info: AppInfo, close: bool = False) -> str:
        """The URL it prints and opens."""
        parts = urlsplit(url)
        inner = {"token": self.public_key, "aud": info.audience}
        back = f"https://{parts.netloc}{parts.path}?{urlencode(sorted(inner.items()))}"
        query = inner | {
            "redirect_url": back,
            "send_org_token": "true",
            "edge_token_transfer": "true",
        }
        if close:
            query["close_interstitial"] = "true"
        return f"https://{parts.netloc}/cdn-cgi/access/cli?{urlencode(sorted(query.items()))}"

    def collect(self) -> dict[str, str]:
        """Wait for what the browser leaves, and open it."""
        for _ in range(10):
            answer = self.wait(60)
            if answer.status_code >= 500:
                raise Failed(f"error on request {answer.status_code}")
            if answer.status_code == 200 and answer.content:
                return self.open(answer)
        raise Failed("Failed to fetch resource")

    def open(self, answer: httpx.Response) -> dict[str, str]:
        """The tokens in an answer of the transfer host."""
        sender = PublicKey(base64.urlsafe_b64decode(answer.headers["service-public-key"]))
        sealed = base64.b64decode(answer.content, validate=True)
        found: dict[str, str] = json.loads(Box(self.key, sender).decrypt(sealed))
        return found

    def still_good(self, url: str, token: str) -> bool:
        """Whether it goes on using a token: anything but a redirect to the login says so."""
        joined = f"{url}?{urlencode({'cloudflared_token_check': 'true'})}"
        answer = self._ask("GET", joined, 5, {"cf-access-token": token})
        path = urlsplit(answer.headers.get("location", "")).path
        return not (answer.status_code == 302 and path.startswith(LOGIN))

    def exchange(self, url: str, org_token: str) -> str:
        """An application token for a team session, without a browser: three HEAD requests."""
        app_session = ""
        for _ in range(10):
            path, cookies = urlsplit(url).path, {}
            if LOGIN in path:
                cookies["CF_Authorization"] = org_token
            if AUTHORIZED in path and app_session:
                cookies["CF_AppSession"] = app_session
            line = "; ".join(f"{name}={value}" for name, value in cookies.items())
            answer = self.ask("HEAD", url, **({"cookie": line} if line else {}))
            app_session = app_session or _cookies(answer).get("CF_AppSession", ("", 0.0))[0]
            if AUTHORIZED in path or not answer.has_redirect_location:
                break
            url = str(answer.url.join(answer.headers["location"]))
        token, expires = _cookies(answer).get("CF_Authorization", ("", 0.0))
        if not token or expires <= time.time():
            raise Failed(f"response from {url} did not contain app token")
        return token


def _cookies(answer: httpx.Response) -> dict[str, tuple[str, float]]:
    """The cookies an answer sets, and when each expires by its `Expires` alone."""
    found = {}
    for line in answer.headers.get_list("set-cookie"):
        for name, morsel in SimpleCookie(line).items():
            ends = morsel["expires"]
            when = parsedate_to_datetime(ends).timestamp() if ends else 0.0
            found[name] = (morsel.value, when)
    return found
