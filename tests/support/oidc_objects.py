"""What an administrator enters for a generic OpenID provider, and applications that use it."""

from typing import Any

from tests.support.oidc_running import Running

GUIDE = ("auth_url", "token_url", "certs_url")
"""What a provider's guide tells to fill in, besides name, client id and secret."""


def idp(provider: Running, name: str = "Work", **more: Any) -> dict[str, Any]:
    """The provider as an administrator enters it."""
    secret = {"client_secret": provider.client_secret}
    return {
        "name": name,
        "type": "oidc",
        "config": provider.config(*GUIDE) | secret | more,
    }


def resources(provider: Running, **more: Any) -> dict[str, Any]:
    """Four applications on one host: for all of a domain, by IdP group, and by a claim."""
    return {
        "organization": {"name": "Standing"},
        "identity_providers": [idp(provider, **more)],
        "policies": [
            policy("staff", {"email_domain": {"domain": "example.com"}}),
            policy("admins", claim("groups", "admins")),
            policy("engineers", claim("department", "engineering")),
        ],
        "applications": [
            application("whoami", "localhost", "staff"),
            application("second", "localhost/second", "staff"),
            application("admin", "localhost/admin", "admins"),
            application("engineering", "localhost/engineering", "engineers"),
        ],
    }


def policy(name: str, *include: dict[str, Any]) -> dict[str, Any]:
    """A policy that admits by any of these rules."""
    return {"name": name, "decision": "allow", "include": list(include)}


def claim(name: str, value: str) -> dict[str, Any]:
    """A rule on a claim of the provider called Work."""
    return {"oidc": {"claim_name": name, "claim_value": value, "identity_provider_id": "Work"}}


def application(name: str, domain: str, policy: str) -> dict[str, Any]:
    """An application by path on a host that it shares."""
    return {
        "name": name,
        "type": "self_hosted",
        "domain": domain,
        "path_cookie_attribute": True,
        "policies": [policy],
    }
