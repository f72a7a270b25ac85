"""Where everything of a demo is, and the configuration file that describes it."""

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from lychgate.admin.credentials import NewToken, new_token
from lychgate.config.naming import ACCOUNT
from lychgate.processes import free_port
from lychgate.service_tokens import Issued, create

TEAM_HOST = "127.0.0.1"
APP_HOST = "localhost"
"""The two names that resolve everywhere; names under `.localhost` do so in browsers."""
NAMES = ("whoami", "api", "admin", "public", "mcp")
USERS = {
    "allowed": "alice@example.com",
    "admin": "admin@example.com",
    "refused": "mallory@elsewhere.example",
}
SAAS_CLIENT = "demo-saas"
SAAS_VARIABLE = "LYCHGATE_DEMO_SAAS"
"""The environment variable that tells the SaaS application its settings, as JSON."""
_SOCKET_PATH = 100
"""Longest path of a unix socket that every system takes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and ports of one demo."""

    proxy: str
    port: int
    state: Path
    companion: str
    health: str
    origins: int
    decision: str
    proofs: str
    """Where Envoy gets its proofs from; empty behind another proxy."""
    admin: str
    admin_token: NewToken
    saas: int
    machine: Issued
    """The service token that opens `/api`."""
    saas_secret: str = field(repr=False)
    """What the SaaS application proves itself with at the token endpoint."""

    @property
    def team(self) -> str:
        """The team domain's URL."""
        return f"http://{TEAM_HOST}:{self.port}"

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.state / "lychgate.yaml"

    @property
    def mail(self) -> Path:
        """The folder mails appear in."""
        return self.state / "mail"

    @property
    def logs(self) -> Path:
        """The folder of the processes' output."""
        return self.state / "logs"

    def app(self, name: str) -> str:
        """The URL of an application."""
        if name == "saas":
            return f"http://{APP_HOST}:{self.saas}/"
        path = "" if name == "whoami" else name
        return f"http://{APP_HOST}:{self.port}/{path}"

    def info(self, pid: int) -> dict[str, Any]:
        """What a program that drives the demo needs to know."""
        return {
            "proxy": self.proxy,
            "team": self.team,
            "apps": {name: self.app(name) for name in (*NAMES, "saas")},
            "service_token": {
                "client_id": self.machine.client_id,
                "client_secret": self.machine.secret,
            },
            "admin_api": {
                "base_url": f"http://{self.admin}/client/v4",
                "token": self.admin_token.secret,
                "account_id": ACCOUNT,
            },
            "mail_dir": str(self.mail),
            "state_dir": str(self.state),
            "config": str(self.config),
            "users": USERS,
            "pid": pid,
        }


def plan(proxy: str, port: int, state: Path, now: datetime) -> Layout:
    """A demo on a port, everything else on free ports of loopback."""
    return Layout(
        proxy=proxy,
        port=port,
        state=state,
        companion=f"127.0.0.1:{free_port()}",
        health=f"127.0.0.1:{free_port()}",
        origins=free_port(),
        decision=_endpoint(state / "decision.sock"),
        proofs=_endpoint(state / "xds.sock") if proxy == "envoy" else "",
        admin=f"127.0.0.1:{free_port()}",
        admin_token=new_token(secrets.token_bytes),
        saas=free_port(),
        machine=create("demo machine", None, secrets.token_bytes, now),
        saas_secret=secrets.token_urlsafe(32),
    )


def _endpoint(socket: Path) -> str:
    short = len(str(socket)) <= _SOCKET_PATH
    return f"unix:{socket}" if short else f"127.0.0.1:{free_port()}"


def write(layout: Layout) -> None:
    """Make the folders and the configuration file."""
    for folder in (layout.state, layout.mail, layout.logs):
        folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(configuration(layout), sort_keys=False)
    layout.config.touch(mode=0o600)  # it holds the secret of the SaaS application
    layout.config.write_text("# The demo's installation. Edit it: changes count at once.\n" + text)


def write_info(layout: Layout, pid: int, file: Path) -> None:
    """Write the information file: complete or not at all, and for its owner alone."""
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_text(json.dumps(layout.info(pid), indent=2) + "\n")
    part.rename(file)


def configuration(layout: Layout) -> dict[str, Any]:
    """The configuration of the demo."""
    origin = f"http://127.0.0.1:{layout.origins}"
    return {
        "team": {"name": "Lychgate demo", "url": layout.team},
        "public_scheme": "http",
        "public_port": layout.port,
        "store": f"sqlite:///{layout.state / 'lychgate.db'}",
        "companion": {"listen": layout.companion},
        "extauthz": {"listen": [layout.decision]},
        **({"zero_hop": {"listen": layout.proofs}} if layout.proofs else {}),
        "health": {"listen": layout.health},
        "admin": {"listen": layout.admin},
        "mail": {"folder": str(layout.mail), "from": "gate@lychgate.example"},
        "limits": {"pins_per_hour": 1000},
        "upstreams": [
            {"host": APP_HOST, "to": origin},
            *({"host": f"{name}.localhost", "to": origin} for name in NAMES),
        ],
        "resources": {
            "organization": {
                "name": "Lychgate demo",
                "login_design": {
                    "header_text": "Welcome to the demo",
                    "footer_text": "Use any address at example.com. The code appears in the "
                    "terminal the demo runs in.",
                },
            },
            "identity_providers": [{"name": "One-time PIN", "type": "onetimepin", "config": {}}],
            "groups": [
                {"name": "admins", "include": [{"email": {"email": USERS["admin"]}}]},
            ],
            "policies": [
                {
                    "name": "staff",
                    "decision": "allow",
                    "include": [{"email_domain": {"domain": "example.com"}}],
                },
                {
                    "name": "administrators",
                    "decision": "allow",
                    "include": [{"group": {"id": "admins"}}],
                },
                {"name": "open to all", "decision": "bypass", "include": [{"everyone": {}}]},
                {
                    "name": "machines",
                    "decision": "non_identity",
                    "include": [{"service_token": {"token_id": "demo machine"}}],
                },
                {
                    "name": "on behalf of visitors",
                    "decision": "non_identity",
                    "include": [
                        {"linked_app_token": {"app_uid": "whoami"}},
                        {"linked_app_token": {"app_uid": "saas"}},
                    ],
                },
            ],
            "service_tokens": [dict(layout.machine.body)],
            "applications": [
                _application("whoami", "staff"),
                _application("api", "staff", "machines", "on behalf of visitors"),
                _application("admin", "administrators"),
                _application("public", "open to all"),
                {**_application("mcp", "staff"), "oauth_configuration": {"enabled": True}},
                _saas(layout),
            ],
        },
    }


def _application(name: str, *policies: str) -> dict[str, Any]:
    domain = APP_HOST if name == "whoami" else f"{APP_HOST}/{name}"
    return {
        "name": name,
        "type": "self_hosted",
        "domain": domain,
        "destinations": [
            {"type": "public", "uri": domain},
            {"type": "public", "uri": f"{name}.localhost"},
        ],
        "path_cookie_attribute": True,
        "eager_redirect_cookie_setting": False,
        "http_only_cookie_attribute": True,
        "policies": list(policies),
    }


def _saas(layout: Layout) -> dict[str, Any]:
    return {
        "name": "saas",
        "type": "saas",
        "saas_app": {
            "auth_type": "oidc",
            "client_id": SAAS_CLIENT,
            "client_secret": layout.saas_secret,
            "redirect_uris": [layout.app("saas") + "callback"],
            "grant_types": ["authorization_code", "refresh_tokens"],
            "scopes": ["openid", "email", "profile", "groups"],
            "access_token_lifetime": "1h",
        },
        "policies": ["staff"],
    }
