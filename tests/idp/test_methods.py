"""Which method a provider gets, how long it is kept, and what its test says."""

from dataclasses import replace

from lychgate.core.model import IdpId
from lychgate.idp import Failure, LoginFailed, LoginMethods, Profile, report
from tests.idp.conftest import a_provider

IDP = a_provider(
    {"client_id": "lychgate", "discovery_url": "https://idp.example/d", "claims": ["dept"]}
)
ALICE = Profile("1", "alice@example.com", True, "Alice", ("staff",), claims={"dept": "eng"})


def test_a_method_is_kept_until_its_settings_change() -> None:
    methods = LoginMethods()
    first = methods.get(IDP, "secret")
    assert methods.get(replace(IDP), "secret") is first
    assert methods.get(IDP, "new secret") is not first
    renamed = methods.get(replace(IDP, name="Other"), "secret")
    assert renamed is not first
    assert methods.get(replace(IDP, id=IdpId("another")), "secret") is not renamed


def test_a_good_test_shows_claims_groups_and_identity() -> None:
    said = report(IDP, ALICE)
    text = "\n".join(said.lines)
    assert said.ok
    assert said.headline == "Your connection works!"
    assert "alice@example.com" in text
    assert "is verified" in text
    assert "The claim `dept` is 'eng'." in text
    assert said.identity["oidc_fields"] == {"dept": "eng"}
    assert said.identity["groups"] == ["staff"]
    assert said.identity["idp"] == {"id": "the-idp", "type": "oidc"}


def test_a_test_says_what_is_missing() -> None:
    said = report(IDP, replace(ALICE, email_verified=None, groups=(), claims={}))
    text = "\n".join(said.lines)
    assert "does not say whether the email address is verified" in text
    assert "No groups came back" in text
    assert "`dept` did not come back" in text


def test_a_failed_test_says_why() -> None:
    said = report(IDP, LoginFailed(Failure.UNREACHABLE, "It is not answering.", "timeout: 5 s"))
    assert not said.ok
    assert "timeout: 5 s (idp_unreachable)" in said.lines[1]
    assert said.identity == {}
