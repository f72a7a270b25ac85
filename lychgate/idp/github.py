"""Login with GitHub: OAuth without OpenID, the person and their organisations over its API."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from lychgate.core.model import IdentityProvider
from lychgate.core.urls import canonical_email
from lychgate.idp import answers, client, grant
from lychgate.idp.base import Attempt, Failure, LoginFailed, Profile, Redirection
from lychgate.idp.failures import failed, shown
from lychgate.outbound import Outbound

ENDPOINTS = client.Endpoints(
    authorization="https://github.com/login/oauth/authorize",
    token="https://github.com/login/oauth/access_token",
    issuer="https://github.com/login/oauth",
    api="https://api.github.com",
)
DEFAULTS = replace(
    client.blank(("read:user", "user:email", "read:org")),
    pkce=True,
    client_auth=client.ClientAuth.POST,
    verified_email_only=True,
)
PAGE = 100
MOST_PAGES = 20


def github(idp: IdentityProvider, secret: str | None) -> "GitHub":
    """Anybody with a GitHub account."""
    return GitHub(client.parse(idp, secret, ENDPOINTS, DEFAULTS))


@dataclass(frozen=True, slots=True)
class _Api:
    """GitHub's API in the name of the person who logs in."""

    settings: client.Client
    token: str
    http: Outbound

    def get(self, path: str) -> Any:
        """One answer, or `LoginFailed`."""
        url = self.settings.endpoints.api + path
        reply = answers.get(self.http, url, self.token)
        return answers.read_value(reply, self.settings.name, Failure.USER_INFO)

    def all(self, path: str) -> list[Mapping[str, Any]] | LoginFailed:
        """Every page of a list."""
        found: list[Mapping[str, Any]] = []
        for number in range(1, MOST_PAGES + 1):
            page = self.get(f"{path}?per_page={PAGE}&page={number}")
            if isinstance(page, LoginFailed):
                return page
            if not isinstance(page, list) or not all(isinstance(item, dict) for item in page):
                return self.unusable(f"`{path}` is not a list")
            found += page
            if len(page) < PAGE:
                return found
        return self.unusable(f"`{path}` has more than {MOST_PAGES} pages")

    def unusable(self, detail: str) -> LoginFailed:
        """An answer without what was asked."""
        return failed(self.settings.name, Failure.USER_INFO, detail)


class GitHub:
    """GitHub, or a GitHub Enterprise server given by its URLs."""

    def __init__(self, settings: client.Client) -> None:
        self._client = settings

    def begin(self, attempt: Attempt, http: Outbound, now: datetime) -> Redirection | LoginFailed:
        """Say where the visitor has to go."""
        url = self._client.endpoints.authorization
        pkce = self._client.pkce is True
        return grant.redirection(self._client, url, attempt, pkce, {"login": attempt.login_hint})

    def finish(
        self, attempt: Attempt, answer: Mapping[str, str], http: Outbound, now: datetime
    ) -> Profile | LoginFailed:
        """Judge what the visitor brought back to the callback."""
        wrong = grant.wrong_issuer(self._client, answer, self._client.endpoints.issuer)
        code = wrong or grant.code(self._client, answer)
        if isinstance(code, LoginFailed):
            return code
        tokens = grant.exchange(self._client, self._turn_in(attempt, code), http)
        if isinstance(tokens, LoginFailed):
            return tokens
        if not tokens.access_token:
            return failed(self._client.name, Failure.BAD_ANSWER, "no access token")
        return self._profile(_Api(self._client, tokens.access_token, http))

    def _turn_in(self, attempt: Attempt, code: str) -> grant.TurnIn:
        return grant.TurnIn(
            self._client.endpoints.token,
            self._client.client_auth or client.ClientAuth.POST,
            code,
            attempt.redirect_uri,
            attempt.code_verifier if self._client.pkce else "",
        )

    def _profile(self, api: _Api) -> Profile | LoginFailed:
        person = api.get("/user")
        if isinstance(person, LoginFailed):
            return person
        if not isinstance(person, dict) or not _is_id(person.get("id")):
            return api.unusable("`/user` has no id")
        email = self._email(api)
        if isinstance(email, LoginFailed):
            return email
        groups = _groups(api)
        if isinstance(groups, LoginFailed):
            return groups
        name = person.get("name") or person.get("login")
        return Profile(
            subject=str(person["id"]),
            email=email,
            email_verified=True,
            name=name if isinstance(name, str) else "",
            groups=groups,
            claims={claim: person[claim] for claim in self._client.claims if claim in person},
            issuer=self._client.endpoints.issuer,
            raw={**person, "email": email, "groups": list(groups)},
        )

    def _email(self, api: _Api) -> str | LoginFailed:
        # The address on the public profile is what somebody typed; only this list is proven.
        addresses = api.all("/user/emails")
        if isinstance(addresses, LoginFailed):
            return addresses
        primary = next((item for item in addresses if item.get("primary") is True), None)
        if primary is None:
            return failed(self._client.name, Failure.EMAIL_MISSING, "no primary address")
        said = primary.get("email")
        email = canonical_email(said) if isinstance(said, str) else None
        if email is None:
            return failed(self._client.name, Failure.EMAIL_INVALID, f"`{shown(said)}`")
        if primary.get("verified") is not True:
            return failed(self._client.name, Failure.EMAIL_UNVERIFIED, f"`{email}`")
        return email


def _is_id(value: object) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool) and bool(value)


def _groups(api: _Api) -> tuple[str, ...] | LoginFailed:
    organizations = api.all("/user/orgs")
    if isinstance(organizations, LoginFailed):
        return organizations
    teams = api.all("/user/teams")
    if isinstance(teams, LoginFailed):
        return teams
    found = [_slug(item.get("login")) for item in organizations]
    for team in teams:
        owner = team.get("organization")
        organization = _slug(owner.get("login")) if isinstance(owner, dict) else ""
        slug = _slug(team.get("slug"))
        found.append(f"{organization}/{slug}" if organization and slug else "")
    if "" in found:
        return api.unusable("an organisation or team has no name")
    return tuple(dict.fromkeys(found))


def _slug(value: object) -> str:
    return value.lower() if isinstance(value, str) else ""
