"""The official Python SDK drives every resource over HTTP: create, list, get, update, delete."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import cloudflare
import pytest

from tests.admin.running import FROM_FILE, Running

type Api = Callable[[Any], Any]
EVERYONE: list[Any] = [{"everyone": {}}]
OIDC = {
    "client_id": "lychgate",
    "auth_url": "https://idp.example.com/authorize",
    "token_url": "https://idp.example.com/token",
    "certs_url": "https://idp.example.com/jwks",
}


def unique(word: str) -> str:
    """A name nobody else uses."""
    return f"{word}-{secrets.token_hex(4)}"


@dataclass(frozen=True)
class Case:
    """One resource: what is sent at first, and afterwards."""

    api: Api
    first: Mapping[str, Any]
    second: Mapping[str, Any]
    get: str = "get"
    id: str = "id"
    lists: bool = True
    host: str = ""
    """The member that must differ from object to object, made from a fresh word."""
    hidden: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


POLICY = {"decision": "allow", "include": [{"email_domain": {"domain": "example.com"}}]}
CASES = {
    "self_hosted": Case(
        lambda cf: cf.zero_trust.access.applications,
        {"type": "self_hosted", "session_duration": "30m"},
        {"type": "self_hosted", "session_duration": "24h", "allow_iframe": True},
        host="domain",
    ),
    "bookmark": Case(
        lambda cf: cf.zero_trust.access.applications,
        {"type": "bookmark"},
        {"type": "bookmark", "app_launcher_visible": False},
        host="domain",
    ),
    "reusable policy": Case(
        lambda cf: cf.zero_trust.access.policies,
        POLICY,
        {"decision": "deny", "include": EVERYONE, "session_duration": "1h"},
    ),
    "group": Case(
        lambda cf: cf.zero_trust.access.groups,
        {"include": [{"email": {"email": "a@example.com"}}, {"ip": {"ip": "203.0.113.0/24"}}]},
        {"include": EVERYONE, "exclude": [{"geo": {"country_code": "PT"}}]},
    ),
    "service token": Case(
        lambda cf: cf.zero_trust.access.service_tokens,
        {"duration": "720h"},
        {"enabled": False},
        hidden=("client_secret",),
    ),
    "identity provider": Case(
        lambda cf: cf.zero_trust.identity_providers,
        {"type": "oidc", "config": {**OIDC, "client_secret": "do not tell"}},
        {"type": "oidc", "config": {**OIDC, "scopes": ["openid"]}},
    ),
    "list": Case(
        lambda cf: cf.zero_trust.gateway.lists,
        {"type": "EMAIL", "items": [{"value": "a@example.com"}]},
        {"description": "people"},
    ),
    "custom page": Case(
        lambda cf: cf.zero_trust.access.custom_pages,
        {"type": "forbidden", "custom_html": "<p>no</p>"},
        {"type": "identity_denied", "custom_html": "<p>never</p>"},
        id="uid",
        hidden=("custom_html",),
    ),
    "mcp server": Case(
        lambda cf: cf.zero_trust.access.ai_controls.mcp.servers,
        {
            "auth_type": "bearer",
            "hostname": "https://mcp.example.com/mcp",
            "auth_credentials": "do not tell",
        },
        {"description": "tools"},
        get="read",
        hidden=("auth_credentials",),
        more={"id": True},
    ),
    "mcp portal": Case(
        lambda cf: cf.zero_trust.access.ai_controls.mcp.portals,
        {},
        {"description": "all tools", "code_mode": "off"},
        get="read",
        host="hostname",
        more={"id": True},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_object_lives_as_its_client_expects(case: Case, cf: Any, account: str) -> None:
    api, word = case.api(cf), unique("thing")
    sent = dict(case.first) | {"name": word}
    if case.host:
        sent[case.host] = f"{word}.example.com"
    if case.more:
        sent["id"] = word
    made = api.create(account_id=account, **sent)
    id = getattr(made, case.id)
    read = getattr(api, case.get)(id, account_id=account)
    drift = {*case.hidden, "updated_at"}
    assert _plain(read, drift) == _plain(made, drift)
    assert word in {one.name for one in api.list(account_id=account)}

    changed = dict(case.second) | {"name": f"{word}-2"}
    if case.host and case.api is not CASES["mcp portal"].api:
        changed[case.host] = sent[case.host]
    after = api.update(id, account_id=account, **changed)
    again = getattr(api, case.get)(id, account_id=account)
    assert _plain(again, drift) == _plain(after, drift)
    assert again.name == f"{word}-2"

    api.delete(id, account_id=account)
    with pytest.raises(cloudflare.NotFoundError) as gone:
        getattr(api, case.get)(id, account_id=account)
    assert gone.value.errors[0].code in (11021, 12135)


def _plain(value: Any, without: set[str]) -> Any:
    shown = value.to_dict(mode="json")
    return {name: inner for name, inner in shown.items() if name not in without}


def test_lists_are_walked_to_their_end(cf: Any, account: str) -> None:
    groups = cf.zero_trust.access.groups
    word = unique("many")
    made = [
        groups.create(account_id=account, name=f"{word}-{n}", include=EVERYONE).id for n in range(5)
    ]
    walked = [one.id for one in groups.list(account_id=account, search=word, per_page=2)]
    assert walked == made
    assert [one.id for one in groups.list(account_id=account)][-5:] == made
    past = groups.list(account_id=account, page=999)
    assert past.result == []


def test_secrets_are_shown_once(server: Running, cf: Any, account: str) -> None:
    tokens = cf.zero_trust.access.service_tokens
    made = tokens.create(account_id=account, name=unique("bot"))
    assert made.id and made.client_secret and len(made.client_secret) >= 40
    rotated = tokens.rotate(made.id, account_id=account)
    assert rotated.client_id == made.client_id
    assert rotated.client_secret != made.client_secret
    raised = tokens.update(made.id, account_id=account, client_secret_version=3)
    refreshed = tokens.refresh(made.id, account_id=account)
    extra = raised.model_extra or {}
    secret = extra.get("client_secret") or getattr(raised, "client_secret", None)
    assert secret and secret != rotated.client_secret
    with server.http() as http:
        path = server.account(f"/access/service_tokens/{made.id}")
        everything = http.get(path).text + http.get(server.account("/access/service_tokens")).text
    everything += refreshed.to_json() + server.output.read_text()
    for shown in (made.client_secret, rotated.client_secret, secret):
        assert shown and shown not in everything


def test_a_saas_application_keeps_its_client(cf: Any, account: str) -> None:
    apps = cf.zero_trust.access.applications
    saas = {"auth_type": "oidc", "redirect_uris": ["https://saas.example.com/callback"]}
    made = apps.create(account_id=account, type="saas", name=unique("saas"), saas_app=saas)
    first = made.to_dict(mode="json")
    assert len(first["saas_app"]["client_secret"]) == 64
    changed: Any = {**saas, "scopes": ["openid"], "client_id": "mine", "client_secret": "x" * 20}
    apps.update(first["id"], account_id=account, type="saas", name="saas", saas_app=changed)
    read = apps.get(first["id"], account_id=account).to_dict(mode="json")
    assert read["saas_app"]["client_id"] == first["saas_app"]["client_id"]
    assert "client_secret" not in read["saas_app"] and "client_secret_hash" not in read["saas_app"]
    assert read["aud"] == first["aud"] and read["uid"] == read["id"]


def test_policies_of_an_application(cf: Any, account: str) -> None:
    access, host = cf.zero_trust.access, f"{unique('app')}.example.com"
    shared = access.policies.create(account_id=account, name=unique("shared"), **POLICY)
    inline = {"name": "inline", "decision": "deny", "include": EVERYONE}
    app: Any = access.applications.create(
        account_id=account,
        type="self_hosted",
        name="app",
        domain=host,
        policies=[{"id": shared.id}, inline],
    )
    assert [(one.name, one.precedence) for one in app.policies] == [(shared.name, 1), ("inline", 2)]
    own = access.applications.policies.create(
        app.id,
        account_id=account,
        extra_body={"name": "own", "decision": "allow", "include": EVERYONE},
    )
    listed = [one.name for one in access.applications.policies.list(app.id, account_id=account)]
    assert listed == [shared.name, "inline", "own"]
    assert shared.id
    with pytest.raises(cloudflare.BadRequestError, match="can not update reusable policies"):
        access.applications.policies.update(
            shared.id, app_id=app.id, account_id=account, extra_body={"name": "x", **POLICY}
        )
    with pytest.raises(cloudflare.ConflictError, match="application `app`"):
        access.policies.delete(shared.id, account_id=account)
    reusable = {one.id for one in access.policies.list(account_id=account)}
    assert shared.id in reusable and own.id not in reusable
    assert access.policies.get(shared.id, account_id=account).app_count == 1

    kept: Any = access.applications.update(
        app.id, account_id=account, type="self_hosted", name="app", domain=host
    )
    assert len(kept.policies) == 3
    back = [one.to_dict(mode="json") for one in kept.policies]
    same: Any = access.applications.update(
        app.id, account_id=account, type="self_hosted", name="app", domain=host, policies=back
    )
    assert [one.id for one in same.policies] == [one.id for one in kept.policies]
    none: Any = access.applications.update(
        app.id, account_id=account, type="self_hosted", name="app", domain=host, policies=[]
    )
    assert none.policies == []
    assert own.id
    with pytest.raises(cloudflare.NotFoundError):
        access.applications.policies.get(own.id, app_id=app.id, account_id=account)
    access.policies.delete(shared.id, account_id=account)


def test_settings_and_tokens_of_an_application(cf: Any, account: str) -> None:
    apps, host = cf.zero_trust.access.applications, f"{unique('app')}.example.com"
    app: Any = apps.create(account_id=account, type="self_hosted", name="app", domain=host)
    edited = apps.settings.edit(app.id, account_id=account, allow_iframe=True)
    assert edited and (edited.allow_iframe, edited.skip_interstitial) == (True, False)
    put = apps.settings.update(app.id, account_id=account, skip_interstitial=True)
    assert put and (put.allow_iframe, put.skip_interstitial) == (False, True)
    assert apps.revoke_tokens(app.id, account_id=account) is not None


def test_the_organization_changes_in_part(cf: Any, account: str) -> None:
    organizations = cf.zero_trust.organizations
    organizations.update(
        account_id=account, session_duration="12h", login_design={"header_text": "Hi"}
    )
    organizations.update(account_id=account, is_ui_read_only=False)
    found = organizations.list(account_id=account)
    assert found and found.session_duration == "12h" and found.login_design
    assert found.login_design.header_text == "Hi"
    organizations.update(account_id=account, extra_body={"login_design": None})
    cleared = organizations.list(account_id=account)
    assert cleared and cleared.login_design is None
    with pytest.raises(cloudflare.ConflictError):
        organizations.create(account_id=account, name="x", auth_domain="team.example.net")
    assert organizations.revoke_users(account_id=account, email="nobody@example.com") is True


def test_keys_are_rotated_and_never_shown(cf: Any, account: str) -> None:
    keys = cf.zero_trust.access.keys
    changed = keys.update(account_id=account, key_rotation_interval_days=30)
    assert changed and changed.key_rotation_interval_days == 30
    rotated = keys.rotate(account_id=account)
    assert rotated and rotated.key_rotation_interval_days == 30
    assert rotated.days_until_next_rotation == 30
    with pytest.raises(cloudflare.BadRequestError):
        keys.update(account_id=account, key_rotation_interval_days=1)


def test_people(cf: Any, account: str) -> None:
    users, email = cf.zero_trust.access.users, f"{unique('bob')}@example.com"
    made = users.create(account_id=account, email=email, name="Bob")
    assert made and made.id
    assert [one.id for one in users.list(account_id=account, email=email)] == [made.id]
    changed = users.update(made.id, account_id=account, email=email, name="Robert")
    assert changed and changed.name == "Robert"
    assert list(users.active_sessions.list(made.id, account_id=account)) == []
    assert list(users.failed_logins.list(made.id, account_id=account)) == []
    with pytest.raises(cloudflare.NotFoundError):
        users.last_seen_identity.get(made.id, account_id=account)
    users.delete(made.id, account_id=account)
    with pytest.raises(cloudflare.NotFoundError):
        users.get(made.id, account_id=account)
    assert isinstance(cf.zero_trust.access.logs.access_requests.list(account_id=account), list)


def test_a_tag_is_renamed_wherever_it_is_used(cf: Any, account: str) -> None:
    access, tag, host = cf.zero_trust.access, unique("tag"), f"{unique('app')}.example.com"
    access.tags.create(account_id=account, name=tag)
    app: Any = access.applications.create(
        account_id=account, type="self_hosted", name="app", domain=host, tags=[tag]
    )
    renamed = access.tags.update(tag, account_id=account, name=f"{tag}-2")
    assert renamed and renamed.name == f"{tag}-2"
    read: Any = access.applications.get(app.id, account_id=account)
    assert read.tags == [f"{tag}-2"]
    with pytest.raises(cloudflare.BadRequestError, match="tag not found"):
        access.applications.create(
            account_id=account, type="self_hosted", name="x", domain=f"x.{host}", tags=[tag]
        )


def test_policy_tests_are_answered(cf: Any, account: str) -> None:
    tests = cf.zero_trust.access.applications.policy_tests
    made = tests.create(account_id=account, policies=[{"name": "x", **POLICY}])
    assert made and made.id
    found = tests.get(made.id, account_id=account)
    assert found and found.status == "complete"
    assert isinstance(list(tests.users.list(made.id, account_id=account)), list)


ERRORS: Mapping[str, tuple[Callable[[Any, str], Any], type[cloudflare.APIStatusError], int]] = {
    "an unknown service token in a rule": (
        lambda access, account: access.groups.create(
            account_id=account, name="g", include=[{"service_token": {"token_id": "nope"}}]
        ),
        cloudflare.BadRequestError,
        12130,
    ),
    "an unknown decision": (
        lambda access, account: access.policies.create(
            account_id=account, name="p", decision="perhaps", include=EVERYONE
        ),
        cloudflare.BadRequestError,
        12130,
    ),
    "equal precedences": (
        lambda access, account: access.applications.create(
            account_id=account,
            type="self_hosted",
            name="a",
            domain="equal.example.com",
            policies=[
                {"name": "1", "decision": "deny", "include": EVERYONE, "precedence": 1},
                {"name": "2", "decision": "deny", "include": EVERYONE, "precedence": 1},
            ],
        ),
        cloudflare.BadRequestError,
        12130,
    ),
    "a host that is taken": (
        lambda access, account: access.applications.create(
            account_id=account, type="self_hosted", name="a", domain="file.example.com"
        ),
        cloudflare.ConflictError,
        11010,
    ),
    "an unknown application": (
        lambda access, account: access.applications.get("nope", account_id=account),
        cloudflare.NotFoundError,
        11021,
    ),
    "a path that is not offered": (
        lambda access, account: list(access.gateway_ca.list(account_id=account)),
        cloudflare.NotFoundError,
        7003,
    ),
    "certificate authorities for SSH": (
        lambda access, account: list(access.applications.cas.list(account_id=account)),
        cloudflare.NotFoundError,
        7003,
    ),
}


@pytest.mark.parametrize(("call", "error", "code"), ERRORS.values(), ids=ERRORS)
def test_errors_are_those_of_the_service(
    call: Callable[[Any, str], Any],
    error: type[cloudflare.APIStatusError],
    code: int,
    cf: Any,
    account: str,
) -> None:
    with pytest.raises(error) as raised:
        call(cf.zero_trust.access, account)
    assert raised.value.errors[0].code == code


def test_what_is_in_use_stays(cf: Any, account: str) -> None:
    access = cf.zero_trust.access
    token = access.service_tokens.create(account_id=account, name=unique("bot"))
    name = unique("group")
    group = access.groups.create(
        account_id=account,
        name=name,
        include=[{"service_token": {"token_id": token.id or ""}}],
    )
    assert token.id and group.id
    with pytest.raises(cloudflare.BadRequestError, match=name) as refused:
        access.service_tokens.delete(token.id, account_id=account)
    assert refused.value.errors[0].code == 12139
    access.groups.delete(group.id, account_id=account)
    access.service_tokens.delete(token.id, account_id=account)


def test_what_the_file_says_is_changed_there(cf: Any, account: str) -> None:
    apps = cf.zero_trust.access.applications
    found: Any = next(one for one in apps.list(account_id=account) if one.name == FROM_FILE)
    with pytest.raises(cloudflare.ConflictError, match="configuration file"):
        apps.delete(found.id, account_id=account)
    with pytest.raises(cloudflare.ConflictError, match="configuration file"):
        apps.update(found.id, account_id=account, type="self_hosted", domain="file.example.com")
