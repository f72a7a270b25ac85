"""The real canaille with two people and one client; started by `oidc_canaille` as a process.

Reads one JSON document from standard input, prints one line of JSON once it listens, and stops
when standard input closes. Everything else is as canaille ships it, the RS512 of its ID tokens too.
"""

import json
import socket
import sys
import threading
from typing import Any

from canaille import create_app
from canaille.app import models
from joserfc import jwk
from werkzeug.serving import make_server


def people(app: Any) -> None:
    """Alice, who is in a group, and Bob, whose address is in mixed case."""
    backend = app.backend
    alice = models.User(
        user_name="alice",
        formatted_name="Alice Adams",
        family_name="Adams",
        emails=["alice@example.com"],
        password="alice's password",
    )
    bob = models.User(
        user_name="bob",
        formatted_name="Bob Müller 🦊",
        family_name="Müller",
        emails=["Bob.Mueller@Example.COM"],
        password="bob's password",
    )
    backend.save(alice)
    backend.save(bob)
    backend.save(models.Group(display_name="admins", members=[alice]))


def client(app: Any, settings: dict[str, Any]) -> None:
    """Our client; without an audience canaille leaves `aud` empty."""
    made = models.Client(
        client_id=settings["client_id"],
        client_secret=settings["client_secret"],
        client_name="lychgate",
        client_uri="https://team.example.com",
        redirect_uris=settings["redirect_uris"],
        grant_types=["authorization_code"],
        response_types=["code"],
        scope=["openid", "profile", "email", "groups"],
        token_endpoint_auth_method="client_secret_basic",
    )
    app.backend.save(made)
    made.audience = [made]
    app.backend.save(made)


def main() -> None:
    """Serve until standard input closes."""
    settings = json.loads(sys.stdin.readline())
    listener = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    key = jwk.RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)
    app = create_app(
        {
            "SECRET_KEY": "only for a test, and only for this one",
            "SERVER_NAME": origin.removeprefix("http://"),
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {"DATABASE": "memory", "LOGGING": None},
            "CANAILLE_OIDC": {"ENABLE_OIDC": True, "ACTIVE_JWKS": [key]},
        }
    )
    with app.app_context(), app.backend.session():
        people(app)
        client(app, settings)
    server = make_server("127.0.0.1", 0, app, threaded=True, fd=listener.fileno())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with app.test_request_context(base_url=origin):
        found = app.test_client().get("/.well-known/openid-configuration", base_url=origin).json
    urls = {
        "issuer": found["issuer"],
        "auth_url": found["authorization_endpoint"],
        "token_url": found["token_endpoint"],
        "certs_url": found["jwks_uri"],
        "userinfo_url": found["userinfo_endpoint"],
        "discovery_url": f"{origin}/.well-known/openid-configuration",
    }
    print(json.dumps(urls), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
