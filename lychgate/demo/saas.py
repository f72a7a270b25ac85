"""A small SaaS application: it logs people in through the gate and calls `/api` for them.

It stands outside: on a port of its own, behind no gate, with an ordinary OpenID Connect client
(Authlib's). Run as `python -m lychgate.demo.saas`; what it must know is in the environment.
"""

import asyncio
import json
import os
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import uvicorn
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from lychgate.core.model import LoginDesign
from lychgate.demo.calling import Called, call
from lychgate.demo.layout import SAAS_VARIABLE
from lychgate.pages.page import Look
from lychgate.pages.render import dressed

_FOLDER = str(files("lychgate.demo") / "pages")
_LOOK = Look("A customer database", LoginDesign(text_color="#0f6b5c"))


@dataclass(frozen=True, slots=True)
class Settings:
    """What the administrator of the SaaS application was given."""

    port: int
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    api: str
    """The API behind the gate that it calls for its people."""

    @property
    def address(self) -> str:
        """Where it is reached."""
        return f"http://localhost:{self.port}"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who is logged in here: what the ID token said, and the access token."""

    claims: dict[str, Any]
    access_token: str = field(repr=False)

    @property
    def name(self) -> str:
        """Whom to greet."""
        return str(self.claims.get("name") or self.claims.get("email") or self.claims["sub"])


@dataclass(frozen=True, slots=True)
class SaasPage:
    """What the page shows."""

    account: Account | None = None
    called: Called | None = None
    api: str = ""
    problem: str = ""

    def claim_rows(self) -> list[tuple[str, str]]:
        """The claims of the ID token as people read them."""
        claims = self.account.claims if self.account else {}
        return [
            (name, value if isinstance(value, str) else json.dumps(value))
            for name, value in claims.items()
        ]


class Application:
    """The handlers. Accounts live in memory; the browser's cookie only names one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._accounts: dict[str, Account] = {}
        self._oauth = OAuth()
        self._oauth.register(
            "gate",
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            server_metadata_url=f"{settings.issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email profile groups", "code_challenge_method": "S256"},
        )

    async def home(self, request: Request) -> Response:
        """GET /: who is logged in; with `?call=api` also what the API says to that."""
        account = self._accounts.get(str(request.session.get("account")))
        called = None
        if account is not None and request.query_params.get("call") == "api":
            bearer = {"authorization": f"Bearer {account.access_token}"}
            called = await asyncio.to_thread(call, self._settings.api, bearer)
        if "text/html" in request.headers.get("accept", ""):
            return _page(SaasPage(account, called, self._settings.api))
        claims = account.claims if account else None
        return JSONResponse({"claims": claims, "api": called.document() if called else None})

    async def login(self, request: Request) -> Response:
        """GET /login: off to the gate."""
        answer: Response = await self._oauth.gate.authorize_redirect(
            request, f"{self._settings.address}/callback"
        )
        return answer

    async def callback(self, request: Request) -> Response:
        """GET /callback: back from the gate with a code."""
        try:
            token = await self._oauth.gate.authorize_access_token(request)
        except AuthlibBaseError as error:
            return _page(SaasPage(problem=f"The login did not work: {error.error}"), 400)
        name = secrets.token_urlsafe(16)
        self._accounts[name] = Account(dict(token["userinfo"]), token["access_token"])
        request.session["account"] = name
        return RedirectResponse("/", 303)

    async def logout(self, request: Request) -> Response:
        """GET /logout: forget the account here; the session at the gate goes on."""
        self._accounts.pop(str(request.session.pop("account", "")), None)
        return RedirectResponse("/", 303)


def _page(page: SaasPage, status: int = 200) -> Response:
    answer = dressed("saas.html", page, _LOOK, status, folder=_FOLDER)
    return Response(answer.body, answer.status, dict(answer.headers))


def create_app(settings: Settings) -> Starlette:
    """The application."""
    handlers = Application(settings)
    return Starlette(
        routes=[
            Route("/", handlers.home),
            Route("/login", handlers.login),
            Route("/callback", handlers.callback),
            Route("/logout", handlers.logout),
        ],
        middleware=[
            Middleware(
                SessionMiddleware, secret_key=secrets.token_hex(), session_cookie="demo_saas"
            )
        ],
    )


def main() -> None:
    """Listen on loopback until told to stop."""
    settings = Settings(**json.loads(os.environ[SAAS_VARIABLE]))
    with socket.create_server(("127.0.0.1", settings.port), backlog=128) as listener:
        config = uvicorn.Config(
            create_app(settings),
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        with suppress(KeyboardInterrupt):  # uvicorn raises it again after a clean stop
            uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
