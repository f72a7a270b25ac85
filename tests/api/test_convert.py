"""Wire bodies become values of the core, or named problems."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lychgate.api import FOREVER, audience_of, client_id_of, to_model
from lychgate.core.model import (
    Action,
    Application,
    ApprovalGroup,
    AppType,
    CookieSettings,
    Cors,
    Destination,
    IdentityProvider,
    ItemList,
    ListId,
    ListType,
    ManagedOAuth,
    Organization,
    Policy,
    Rule,
    SameSite,
    ServiceToken,
)
from lychgate.errors import InvalidConfiguration

CHANGED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EVERYONE: dict[str, Any] = {"everyone": {}}


def application(**members: Any) -> Application:
    body = {"type": "self_hosted", "name": "app", "domain": "app.example.com", **members}
    value = to_model("application", "a1", body, CHANGED)
    assert isinstance(value, Application)
    return value


def refused(kind: str, body: Any) -> list[str]:
    with pytest.raises(InvalidConfiguration) as caught:
        to_model(kind, "x", body, CHANGED)
    return [str(problem) for problem in caught.value.problems]


def refused_application(**members: Any) -> list[str]:
    body = {"type": "self_hosted", "name": "app", "domain": "app.example.com", **members}
    return refused("application", body)


def test_a_plain_application_has_the_documented_defaults() -> None:
    value = application()
    assert value.destinations == (Destination("app.example.com"),)
    assert value.session_duration == timedelta(hours=24)
    assert value.audience == audience_of("a1")
    assert value.cookie == CookieSettings(SameSite.LAX, http_only=True, eager=False)
    assert value.type is AppType.SELF_HOSTED
    assert value.launcher_visible
    assert value.oauth is None
    assert value.cors is None
    assert value.rules_changed_at == CHANGED


def test_policies_come_in_ascending_precedence() -> None:
    links = [{"id": "third", "precedence": 9}, {"id": "first", "precedence": 1}, "last"]
    value = application(policies=[*links[:2], {"id": "second"}])
    assert value.policies == ("first", "second", "third")


def test_a_bare_id_is_a_link() -> None:
    assert application(policies=["one", "two"]).policies == ("one", "two")


def test_equal_precedences_are_refused() -> None:
    links = [{"id": "a", "precedence": 1}, {"id": "b", "precedence": 1}]
    assert "policy precedences must be unique" in refused_application(policies=links)[0]


def test_domain_must_be_among_the_destinations() -> None:
    destinations = [{"type": "public", "uri": "other.example.com"}]
    assert (
        "domain not included in destinations" in refused_application(destinations=destinations)[0]
    )


def test_destinations_with_overrides() -> None:
    destinations = [
        {"uri": "APP.example.com/a", "overrides": [{"path_pattern": "/x/*", "behavior": "public"}]},
        {"type": "public", "uri": "app.example.com"},
    ]
    assert application(destinations=destinations).destinations == (
        Destination("app.example.com", "/a", ("/x/*",)),
        Destination("app.example.com", "/"),
    )


def test_older_hosts_count_when_there_are_no_destinations() -> None:
    value = application(self_hosted_domains=["b.example.com", "app.example.com"])
    assert [one.host for one in value.destinations] == ["b.example.com", "app.example.com"]
    value = application(self_hosted_domains=["b.example.com"])
    assert [one.host for one in value.destinations] == ["app.example.com", "b.example.com"]
    assert value.cookie.eager


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("a*b*.example.com", "two stars in one label"),
        ("app.example.com/a*b*", "two stars in one path segment"),
        ("app.example.com:8443", "must not have a port"),
        ("app.example.com/x?y", "must not have a query string"),
        ("app.example.com/x#y", "must not have a fragment"),
        ("https://app.example.com", "must not have a scheme"),
        ("user@app.example.com", "must not have a user name"),
        ("app.example.com/../x", "not a normalised path"),
        ("app.example.com//x", "not a normalised path"),
        ("app example.com", "not a host name"),
        ("-app.example.com", "not a host name"),
        ("app.example.com/\\x", "characters that a path cannot have"),
        ("", "must not be empty"),
    ],
)
def test_patterns_that_are_refused(uri: str, message: str) -> None:
    assert any(message in line for line in refused_application(domain=uri))


@pytest.mark.parametrize(
    ("uri", "host", "path"),
    [
        ("*.example.com", "*.example.com", "/"),
        ("*test.Example.com.", "*test.example.com", "/"),
        ("example.com/foo*/bar", "example.com", "/foo*/bar"),
        ("bücher.example/x", "xn--bcher-kva.example", "/x"),
        ("localhost/api", "localhost", "/api"),
        ("[::1]/x", "[::1]", "/x"),
    ],
)
def test_patterns_that_are_kept(uri: str, host: str, path: str) -> None:
    assert application(domain=uri).destinations == (Destination(host, path),)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("logo_url", "javascript:alert(1)"),
        ("logo_url", "http://logo.example/x.png"),
        ("logo_url", "data:image/png;base64,AA"),
        ("logo_url", "//logo.example/x.png"),
        ("custom_deny_url", "javascript:alert(1)"),
        ("custom_deny_url", "//evil.example"),
        ("custom_deny_url", "/local"),
        ("custom_deny_url", "https://a@evil.example/"),
        ("custom_deny_url", "https:\\\\evil.example"),
        ("custom_non_identity_deny_url", "data:text/html,x"),
    ],
)
def test_w04_links_of_other_schemes_are_refused(member: str, value: str) -> None:
    assert any(member in line for line in refused_application(**{member: value}))


def test_w04_footer_links_are_judged_too() -> None:
    body = {"type": "app_launcher", "footer_links": [{"name": "x", "url": "javascript:x"}]}
    assert refused("application", body) == [
        "applications/x/footer_links/0/url: url must be a complete http or https URL"
    ]


def test_preflight_bypass_and_cors_exclude_each_other() -> None:
    cors = {"allow_all_methods": True, "allow_all_origins": True}
    lines = refused_application(cors_headers=cors, options_preflight_bypass=True)
    assert "options_preflight_bypass cannot be set together with cors_headers" in lines[0]


def test_cors() -> None:
    cors = {"allowed_methods": ["get"], "allowed_origins": ["https://A.example"], "max_age": -1}
    expected = Cors(origins=("https://a.example",), methods=("GET",), max_age=-1)
    assert application(cors_headers=cors).cors == expected


@pytest.mark.parametrize(
    "cors",
    [
        {"allow_all_methods": True},
        {"allow_all_methods": True, "allowed_methods": ["GET"], "allow_all_origins": True},
        {"allow_all_methods": True, "allow_all_origins": True, "allow_credentials": True},
        {"allow_all_methods": True, "allowed_origins": ["a.example"]},
        {"allowed_methods": ["FETCH"], "allow_all_origins": True},
        {"allow_all_methods": True, "allow_all_origins": True, "max_age": 90_000},
        {
            "allow_all_methods": True,
            "allow_all_origins": True,
            "allow_all_headers": True,
            "allowed_headers": ["x"],
        },
    ],
)
def test_cors_that_contradicts_itself(cors: dict[str, Any]) -> None:
    assert refused_application(cors_headers=cors)


def test_managed_oauth() -> None:
    assert application(oauth_configuration={}).oauth == ManagedOAuth()
    assert application(oauth_configuration={"enabled": False}).oauth is None
    full = {
        "dynamic_client_registration": {"enabled": False, "allowed_uris": ["https://a.example/*"]},
        "grant": {"access_token_lifetime": "5m", "session_duration": "2000h"},
    }
    assert application(oauth_configuration=full).oauth == ManagedOAuth(
        registration=False,
        allowed_uris=("https://a.example/*",),
        access_token_lifetime=timedelta(minutes=5),
        grant_duration=timedelta(hours=2000),
    )


@pytest.mark.parametrize(
    "uri",
    ["https://*.example/", "javascript:x", "https://a.example/*/b", "data:x", "/x", "https://a@b/"],
)
def test_redirect_uris_that_nobody_may_allow(uri: str) -> None:
    body = {"dynamic_client_registration": {"allowed_uris": [uri]}}
    assert refused_application(oauth_configuration=body)


def test_types_in_any_case_and_unknown_ones() -> None:
    assert application(type="Self_Hosted").type is AppType.SELF_HOSTED
    assert "unsupported type `ssh`" in refused("application", {"type": "ssh", "name": "x"})[0]


def test_names_must_not_be_empty() -> None:
    assert refused_application(name=" ") == ["applications/x/name: name must not be empty"]
    assert refused("application", {"type": "self_hosted", "domain": "a.example"}) == [
        "applications/x/name: name is a required field"
    ]


@pytest.mark.parametrize("text", ["1d", "abc", "-5m", "2000h"])
def test_session_durations_out_of_range(text: str) -> None:
    assert len(refused_application(session_duration=text)) == 1


def test_null_is_the_same_as_absent() -> None:
    assert application(cors_headers=None, policies=None) == application()


def test_unknown_members_are_ignored_over_the_api() -> None:
    assert application(created_at="now", surprise=1) == application()


def test_mcp_portals_are_reached_at_their_host() -> None:
    body = {"type": "mcp_portal", "name": "p", "domain": "mcp.example.com"}
    value = to_model("application", "p", body, CHANGED)
    assert isinstance(value, Application)
    assert value.destinations == (Destination("mcp.example.com"),)


def test_mcp_servers_are_reached_through_a_portal_only() -> None:
    destination = {"type": "via_mcp_server_portal", "mcp_server_id": "s"}
    body = {"type": "mcp", "name": "p", "destinations": [destination]}
    value = to_model("application", "p", body, CHANGED)
    assert isinstance(value, Application)
    assert value.destinations == ()
    assert refused("application", {"type": "mcp", "name": "p"})


def test_saas_applications_are_oidc() -> None:
    saas: dict[str, Any] = {"auth_type": "oidc", "redirect_uris": ["https://saas.example/cb"]}
    body = {"type": "saas", "name": "s", "saas_app": saas}
    assert to_model("application", "s", body, CHANGED)
    mistakes: list[dict[str, Any]] = [
        {"auth_type": "saml"},
        {"access_token_lifetime": "25h"},
        {"redirect_uris": []},
        {"redirect_uris": ["https://saas.example/*"]},
        {"refresh_token_options": {"lifetime": "90w"}},
        {"scopes": ["everything"]},
    ]
    for wrong in mistakes:
        assert refused("application", {**body, "saas_app": {**saas, **wrong}})


def test_bookmarks_are_links() -> None:
    for domain in ("https://wiki.example.com/start", "wiki.example.com"):
        assert to_model(
            "application", "b", {"type": "bookmark", "name": "b", "domain": domain}, CHANGED
        )
    assert refused("application", {"type": "bookmark", "name": "b", "domain": "javascript://x"})


def test_a_policy_with_everything() -> None:
    body = {
        "name": "p",
        "decision": "Allow",
        "include": [{"email": {"email": "A@example.com"}}, EVERYONE],
        "require": [{"ip": {"ip": "10.0.0.1/8"}}],
        "session_duration": "30m",
        "purpose_justification_required": True,
        "purpose_justification_prompt": "why",
        "approval_required": True,
        "approval_groups": [
            {"approvals_needed": 1, "email_addresses": ["Boss@example.com"], "email_list_uuid": "l"}
        ],
    }
    value = to_model("policy", "p1", body, CHANGED)
    assert isinstance(value, Policy)
    assert value.action is Action.ALLOW
    assert value.include == (Rule("email", {"email": "A@example.com"}), Rule("everyone", {}))
    assert value.require == (Rule("ip", {"ip": "10.0.0.1/8"}),)
    assert value.session_duration == timedelta(minutes=30)
    assert (value.purpose_required, value.purpose_prompt) == (True, "why")
    assert value.approval_groups == (ApprovalGroup(1, ("boss@example.com",), ListId("l")),)
    assert value.reusable


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decision": "permit"}, "unrecognized policy decision"),
        ({"include": []}, "include must not be empty"),
        ({"include": None}, "include is a required field"),
        ({"include": [{"email": {}, "ip": {}}]}, "exactly one member"),
        ({"include": [{"email": "x"}]}, "the rule `email` must hold an object"),
        ({"include": [EVERYONE] * 1001}, "include is too long"),
        ({"include": [{"geo": {"country_code": float("nan")}}]}, "must be plain JSON"),
        ({"approval_required": True}, "approval_groups is a required field"),
        ({"isolation_required": True}, "isolation_required is not supported"),
        ({"name": 5}, "name must be text"),
        ({"session_duration": 5}, "session_duration must be text"),
        ({"purpose_justification_required": "yes"}, "must be `true` or `false`"),
        ({"name": "a\x00b"}, "control characters"),
    ],
)
def test_policies_that_are_refused(change: dict[str, Any], message: str) -> None:
    body = {"name": "p", "decision": "allow", "include": [EVERYONE], **change}
    assert any(message in line for line in refused("policy", body))


def test_lists() -> None:
    body = {"name": "l", "type": "email", "items": [{"value": "a@example.com"}]}
    value = to_model("list", "l", body, CHANGED)
    assert value == ItemList(ListId("l"), "l", ListType.EMAIL, ("a@example.com",), CHANGED)
    twice = {**body, "items": [{"value": "a"}, {"value": "a"}]}
    assert "is in the list twice" in refused("list", twice)[0]


def test_service_tokens_keep_hashes_only() -> None:
    body = {"name": "t", "client_secret_hash": "ab" * 32, "expires_at": "2030-01-01T00:00:00Z"}
    value = to_model("service_token", "t", body, CHANGED)
    assert isinstance(value, ServiceToken)
    assert value.secret_hash == bytes.fromhex("ab" * 32)
    assert value.client_id == client_id_of("t")
    assert value.expires_at == datetime(2030, 1, 1, tzinfo=UTC)
    bare = to_model("service_token", "t", {"name": "t"}, CHANGED)
    assert isinstance(bare, ServiceToken)
    assert (bare.secret_hash, bare.expires_at) == (b"", FOREVER)
    assert refused("service_token", {"name": "t", "expires_at": "tomorrow"})
    assert refused("service_token", {"name": "t", "duration": "1y"})


def test_identity_providers() -> None:
    config = {
        "client_id": "c",
        "auth_url": "https://idp.example/a",
        "token_url": "https://idp.example/t",
        "certs_url": "https://idp.example/c",
    }
    value = to_model(
        "identity_provider", "i", {"name": "n", "type": "OIDC", "config": config}, CHANGED
    )
    assert isinstance(value, IdentityProvider)
    assert (value.type, value.config) == ("oidc", config)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"type": "oidc", "name": "n", "config": {"client_id": "c"}}, "are required fields"),
        ({"type": "oidc", "name": "n", "config": {}}, "client_id is a required field"),
        ({"type": "oidc", "name": "n"}, "config is a required field"),
        ({"type": "github", "config": {"client_id": "c"}}, "name is a required field"),
        ({"type": "okta", "name": "n", "config": {"client_id": "c"}}, "okta_account is a required"),
        ({"type": "ldap", "name": "n"}, "unsupported type `ldap`"),
        ({"name": "n"}, "type is a required field"),
        ({"type": "onetimepin", "scim_config": {}}, "scim_config cannot be set"),
        (
            {
                "type": "github",
                "name": "n",
                "config": {"client_id": "c", "auth_url": "http://x.example"},
            },
            "plain http is for loopback only",
        ),
    ],
)
def test_identity_providers_that_are_refused(body: dict[str, Any], message: str) -> None:
    assert any(message in line for line in refused("identity_provider", body))


def test_the_organization() -> None:
    body = {
        "name": "Acme",
        "session_duration": "8h",
        "login_design": {"background_color": "#abc", "header_text": "hi"},
        "strict_service_token_auth": False,
        "deny_unmatched_requests_exempted_zone_names": ["Free.example.com"],
    }
    value = to_model("organization", "f" * 32, body, CHANGED)
    assert isinstance(value, Organization)
    assert (value.name, value.account_id) == ("Acme", "f" * 32)
    assert value.session_duration == timedelta(hours=8)
    assert value.login_design.background_color == "#abc"
    assert not value.strict_service_tokens
    assert value.deny_unmatched_requests
    assert value.exempted_hosts == ("free.example.com",)


@pytest.mark.parametrize("colour", ["red;}", "url(x)", "#12", "expression(1)"])
def test_colours_cannot_carry_style(colour: str) -> None:
    assert refused("organization", {"login_design": {"background_color": colour}})


@pytest.mark.parametrize("body", [None, 5, [], "x", {"include": 5}, {"name": {}}])
@pytest.mark.parametrize(
    "kind", ["application", "policy", "group", "list", "identity_provider", "service_token"]
)
def test_a07_shapes_that_are_no_objects(kind: str, body: Any) -> None:
    assert refused(kind, body)


def test_unknown_kinds_are_refused() -> None:
    assert refused("castle", {}) == ["castle/x: unknown kind of object `castle`"]
