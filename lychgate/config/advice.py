"""What is allowed in a file and yet probably not meant: the warnings of `validate`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lychgate.config.items import Finding
from lychgate.config.resources import FileObject
from lychgate.settings import Settings

_TOKEN_RULES = frozenset({"service_token", "any_valid_service_token"})
_EMAIL_RULES = frozenset({"email", "email_domain", "email_list"})
_CERTIFICATE_RULES = frozenset({"certificate", "common_name"})
_VERIFYING = frozenset({"google", "google-apps", "okta", "github", "onetimepin"})
"""Providers whose addresses are verified unless a setting says otherwise."""


def advice(objects: Iterable[FileObject], settings: Settings) -> list[Finding]:
    """Every warning about sound objects."""
    world = _World(list(objects))
    return [
        *world.service_tokens_in_allow(),
        *world.pin_alone(),
        *world.unverified_email(),
        *world.nobody_enters(),
        *world.certificates_of_nobody(),
        *world.linked_in_saas(),
        *world.cannot_log_in(settings),
    ]


class _World:
    """The objects of a file, and what they say of each other."""

    def __init__(self, objects: list[FileObject]) -> None:
        self._policies = {one.id: one for one in objects if one.kind == "policy"}
        self._groups = {one.id: one for one in objects if one.kind == "group"}
        self._providers = [one for one in objects if one.kind == "identity_provider"]
        self._applications = [one for one in objects if one.kind == "application"]
        self._certificates = [one for one in objects if one.kind == "certificate"]

    def service_tokens_in_allow(self) -> Iterator[Finding]:
        """An Allow policy that names a service token lets no machine in."""
        for policy in self._allowing():
            if self._kinds(policy.body) & _TOKEN_RULES:
                yield Finding(
                    policy.path,
                    f"the Allow policy `{policy.name}` names a service token, which lets none in",
                    "service tokens need a policy whose decision is `non_identity`",
                )

    def pin_alone(self) -> Iterator[Finding]:
        """Login by one-time PIN as the only condition admits whoever has a mailbox."""
        pins = {one.id for one in self._providers if one.body.get("type") == "onetimepin"}
        for policy in self._allowing():
            named = {
                rule["login_method"].get("id")
                for rule in policy.body["include"]
                if "login_method" in rule
            }
            if named & pins and not policy.body.get("require"):
                yield Finding(
                    policy.path,
                    f"the Allow policy `{policy.name}` admits anybody who has a mailbox",
                    "require an email domain or a list besides the one-time PIN",
                )

    def unverified_email(self) -> Iterator[Finding]:
        """A provider that vouches for no address shares rules about addresses with another."""
        risky = [one for one in self._providers if not _verifies(one)]
        for provider in risky:
            for application in self._applications:
                if self._shares_email_rules(provider, application):
                    yield Finding(
                        provider.path,
                        f"`{provider.name}` accepts unverified addresses, and `{application.name}`"
                        " judges them by the same email rules as those of another provider",
                        "set require_email_verified, or add a login_method rule",
                    )
                    break

    def nobody_enters(self) -> Iterator[Finding]:
        """An application without policies refuses everybody."""
        for application in self._applications:
            reachable = application.body.get("type") in {"self_hosted", "mcp_portal"}
            if reachable and not application.body.get("policies"):
                message = f"the application `{application.name}` has no policy: nobody enters"
                yield Finding(application.path, message)

    def certificates_of_nobody(self) -> Iterator[Finding]:
        """A rule on client certificates counts only at a host that an authority is tied to."""
        tied = {
            host for one in self._certificates for host in one.body.get("associated_hostnames", ())
        }
        for application in self._applications:
            if not self._rules_of(application) & _CERTIFICATE_RULES:
                continue
            for host in sorted(_hosts(application.body) - tied):
                yield Finding(
                    application.path,
                    f"`{application.name}` has a rule on client certificates, which nobody meets at"
                    f" `{host}`",
                    "name the host in the `associated_hostnames` of a certificate",
                )

    def linked_in_saas(self) -> Iterator[Finding]:
        """Nobody comes to an application elsewhere with the token of another application."""
        for application in self._applications:
            is_saas = application.body.get("type") == "saas"
            if is_saas and "linked_app_token" in self._rules_of(application):
                message = f"the rule `linked_app_token` never counts in `{application.name}` (SaaS)"
                yield Finding(application.path, message)

    def _rules_of(self, application: FileObject) -> set[str]:
        """The kinds of rule in the policies of an application."""
        ids = [link["id"] for link in application.body.get("policies", ())]
        bodies = (self._policies[id].body for id in ids if id in self._policies)
        return set[str]().union(*map(self._kinds, bodies))

    def cannot_log_in(self, settings: Settings) -> Iterator[Finding]:
        """Providers that cannot work as things are."""
        mail = settings.mail.smtp_url or settings.mail.folder
        for provider in self._providers:
            kind = provider.body.get("type")
            if kind == "saml":
                message = f"nobody can log in through `{provider.name}`: SAML is not supported"
                yield Finding(provider.path, message)
            if kind == "onetimepin" and not mail:
                message = f"`{provider.name}` cannot send codes: `mail` is not set up"
                yield Finding(provider.path, message)

    def _allowing(self) -> Iterator[FileObject]:
        return (one for one in self._policies.values() if one.body.get("decision") == "allow")

    def _kinds(self, body: Mapping[str, Any]) -> set[str]:
        """The kinds of rule in a policy or group, those of its groups included."""
        kinds: set[str] = set()
        seen: set[str] = set()
        waiting = [body]
        while waiting:
            for kind, value in _rules(waiting.pop()):
                kinds.add(kind)
                group = self._groups.get(value.get("id", "")) if kind == "group" else None
                if group is not None and group.id not in seen:
                    seen.add(group.id)
                    waiting.append(group.body)
        return kinds

    def _shares_email_rules(self, provider: FileObject, application: FileObject) -> bool:
        allowed = application.body.get("allowed_idps") or [one.id for one in self._providers]
        if provider.id not in allowed or len(allowed) < 2:
            return False
        linked = [self._policies.get(link["id"]) for link in application.body.get("policies", ())]
        return any(
            policy is not None
            and policy.body.get("decision") == "allow"
            and self._kinds(policy.body) & _EMAIL_RULES
            and not any("login_method" in rule for rule in policy.body.get("require", ()))
            for policy in linked
        )


def _hosts(body: Mapping[str, Any]) -> set[str]:
    """The hosts of an application that are one host each."""
    uris = [one["uri"] for one in body.get("destinations", ()) if one.get("type") == "public"]
    uris += [*body.get("self_hosted_domains", ()), *filter(None, [body.get("domain")])]
    hosts = {uri.partition("/")[0].partition(":")[0].lower() for uri in uris}
    return {host for host in hosts if "*" not in host}


def _rules(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for part in ("include", "require", "exclude"):
        for rule in body.get(part, ()):
            yield from rule.items()


def _verifies(provider: FileObject) -> bool:
    required = provider.body.get("config", {}).get("require_email_verified")
    by_default = provider.body.get("type") in _VERIFYING
    return by_default if required is None else bool(required)
