"""What a SaaS application is told: by scope, by its own claims, and never more."""

from typing import Any

import pytest

from lychgate.api.saas import SaasBody
from lychgate.core.identity import Identity
from lychgate.core.model import CustomClaim, IdpId, SaasClient
from lychgate.oauth.saas_claims import MissingClaim, person_claims
from tests.support.builders import IDP, OTHER_IDP, a_user

ADA = a_user(
    "ada@staff.example",
    groups=("eng", "eng-admins", "ops"),
    claims={"dept": "R&D", "level": 7, "tags": ["a", "b"]},
)


def a_client(*custom: CustomClaim, **more: Any) -> SaasClient:
    return SaasClient("c", ("https://s.example/cb",), custom_claims=custom, **more)


def told(client: SaasClient, scope: str, identity: Identity = ADA) -> dict[str, Any]:
    return person_claims(client, identity, scope.split())


def test_each_scope_brings_its_claims_and_no_more() -> None:
    client = a_client()
    assert told(client, "openid") == {"sub": ADA.subject}
    assert told(client, "openid email") == {"sub": ADA.subject, "email": ADA.email}
    assert told(client, "openid profile") == {
        "sub": ADA.subject,
        "name": ADA.name,
        "custom": dict(ADA.claims),
    }
    assert told(client, "openid groups")["groups"] == ["eng", "eng-admins", "ops"]


def test_groups_are_filtered() -> None:
    assert told(a_client(group_filter="^eng"), "openid groups")["groups"] == ["eng", "eng-admins"]
    assert told(a_client(group_filter="^none$"), "openid groups")["groups"] == []
    nobody = a_user(groups=None)
    assert told(a_client(), "openid groups", nobody)["groups"] == []


def test_a_custom_claim_has_a_source_that_may_differ_by_provider() -> None:
    claim = CustomClaim("department", "dept", {OTHER_IDP: "division"}, "profile")
    assert told(a_client(claim), "openid profile")["department"] == "R&D"
    assert "department" not in told(a_client(claim), "openid email")
    elsewhere = a_user(idp_id=OTHER_IDP, claims={"dept": "wrong", "division": "right"})
    assert told(a_client(claim), "openid profile", elsewhere)["department"] == "right"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("email", "ada@staff.example"),
        ("name", "Ada"),
        ("groups", ["eng", "eng-admins", "ops"]),
        ("level", 7),
        ("tags", ["a", "b"]),
    ],
)
def test_a_source_may_be_a_standard_fact_or_any_kind_of_value(source: str, value: Any) -> None:
    assert told(a_client(CustomClaim("x", source)), "openid")["x"] == value


def test_nobody_enters_without_a_required_claim() -> None:
    client = a_client(CustomClaim("cost_center", "cc", scope="profile", required=True))
    with pytest.raises(MissingClaim, match="cost_center"):
        told(client, "openid email")
    optional = a_client(CustomClaim("cost_center", "cc"))
    assert "cost_center" not in told(optional, "openid")


def test_the_subject_cannot_be_replaced() -> None:
    assert told(a_client(CustomClaim("sub", "dept")), "openid")["sub"] == ADA.subject


@pytest.mark.parametrize("name", ["sub", "iss", "aud", "exp", "type", "nonce", "at_hash", "amr"])
def test_a_claim_that_only_we_make_is_refused_when_saved(name: str) -> None:
    with pytest.raises(ValueError, match="only the gate makes"):
        _body(custom_claims=[{"name": name, "source": {"name": "dept"}}])


@pytest.mark.parametrize(
    "wrong",
    [
        {"group_filter_regex": "("},
        {"group_filter_regex": "(?=a)"},
        {"access_token_lifetime": "30s"},
        {"access_token_lifetime": "25h"},
        {"refresh_token_options": {"lifetime": "5s"}},
        {"refresh_token_options": {"lifetime": "d"}},
        {"refresh_token_options": {"lifetime": "²d"}},
        {"client_id": "a/b"},
        {"client_id": ""},
        {"client_secret": "short"},
        {"redirect_uris": []},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": ["https://s.example/*"]},
        {"scopes": ["openid", "phone"]},
        {"grant_types": ["password"]},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        _body(**wrong)


def test_settings_become_the_cores_value() -> None:
    body = _body(
        custom_claims=[
            {"name": "d", "source": {"name": "dept", "name_by_idp": {IDP: "x"}}, "scope": "Email"}
        ],
        refresh_token_options={"lifetime": "90d"},
        hybrid_and_implicit_options={"return_id_token_from_authorization_endpoint": True},
    )
    client = body.client("an id")
    assert client.refresh_lifetime is not None and client.refresh_lifetime.days == 90
    assert client.access_token_lifetime.total_seconds() == 300
    assert client.front_id_token and not client.front_access_token
    assert client.custom_claims[0] == CustomClaim("d", "dept", {IdpId(IDP): "x"}, "email")
    assert len(client.client_id) == 64 and client.client_id == body.client("an id").client_id
    assert client.client_id != body.client("another").client_id
    assert client.secret_hash is None


def _body(**more: Any) -> SaasBody:
    given = {"auth_type": "oidc", "redirect_uris": ["https://s.example/cb"]}
    return SaasBody.model_validate(given | more)
