"""Google, Okta and Entra, played by the bendable provider through endpoint overrides."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lychgate.idp import Failure, LoginMethod, Redirection, method_for
from lychgate.outbound import Outbound
from tests.idp.conftest import ATTEMPT, Login, a_provider, failure, profile
from tests.idp.forged import SIGNED, Bend
from tests.support.oidc_fake import FakeProvider, Page, Sent, page

TENANT = "11111111-2222-3333-4444-555555555555"
PERSON = "99999999-8888-7777-6666-555555555555"


def where(config: dict[str, Any], kind: str, login_hint: str = "") -> tuple[str, dict[str, str]]:
    """The authorization URL of a preset without overrides; nothing is sent."""
    method: LoginMethod = method_for(a_provider({"client_id": "lychgate", **config}, kind), "x")
    begun = method.begin(ATTEMPT, Outbound(), _never())
    assert isinstance(begun, Redirection), begun
    url, _, query = begun.url.partition("?")
    return url, {name: values[0] for name, values in parse_qs(query).items()}


def _never() -> Any:
    # Presets know their URLs, so that beginning needs no clock.
    return None


def preset(fake: FakeProvider, http: Outbound, kind: str, **config: Any) -> Login:
    overrides = {"userinfo_url": f"{fake.origin}/userinfo", "issuer": fake.origin}
    return Login(fake, http, kind, fake.config(**{**overrides, **config}))


class TestGoogle:
    def test_its_own_urls(self) -> None:
        url, query = where({}, "google")
        assert url == "https://accounts.google.com/o/oauth2/v2/auth"
        assert query["scope"] == "openid email profile"
        assert query["code_challenge_method"] == "S256"

    def test_a_verified_address(self, fake: FakeProvider, http: Outbound) -> None:
        fake.claims |= {"email_verified": True}
        assert profile(preset(fake, http, "google").finish()).email_verified is True

    def test_l11_never_an_unverified_one(self, fake: FakeProvider, http: Outbound) -> None:
        fake.claims |= {"email_verified": False}
        outcome = failure(preset(fake, http, "google").finish())
        assert outcome.code is Failure.EMAIL_UNVERIFIED

    def test_its_issuer_with_and_without_scheme(self, fake: FakeProvider, http: Outbound) -> None:
        login = preset(fake, http, "google", issuer=None)
        fake.claims |= {"email_verified": True}
        for issuer in ("https://accounts.google.com", "accounts.google.com"):
            fake.issuer = issuer
            profile(login.finish())
        fake.issuer = "https://accounts.google.com.evil.test"
        assert failure(login.finish()).code is Failure.INVALID_TOKEN


class TestWorkspace:
    def test_the_domain_is_asked_for(self) -> None:
        _, query = where({"apps_domain": "Example.com", "prompt": "consent"}, "google-apps")
        assert (query["hd"], query["prompt"]) == ("example.com", "consent")

    @pytest.mark.parametrize(
        "domain", [None, "evil.test", "example.com.evil.test", ["example.com"]]
    )
    def test_an_account_of_another_domain(
        self, fake: FakeProvider, http: Outbound, domain: Any
    ) -> None:
        fake.claims |= {"email_verified": True, "hd": domain}
        login = preset(fake, http, "google-apps", apps_domain="example.com")
        assert failure(login.finish()).code is Failure.NOT_A_MEMBER

    def test_an_account_of_the_domain(self, fake: FakeProvider, http: Outbound) -> None:
        fake.claims |= {"email_verified": True, "hd": "example.com"}
        profile(preset(fake, http, "google-apps", apps_domain="Example.com").finish())

    def test_without_a_domain_it_is_not_configured(
        self, fake: FakeProvider, http: Outbound
    ) -> None:
        assert failure(preset(fake, http, "google-apps").begin()).code is Failure.CONFIGURATION


class TestOkta:
    def test_the_organisations_own_server(self) -> None:
        url, query = where({"okta_account": "https://dev-1.okta.com/"}, "okta")
        assert url == "https://dev-1.okta.com/oauth2/v1/authorize"
        assert "groups" in query["scope"].split()

    def test_a_custom_server(self) -> None:
        config = {"okta_account": "dev-1.okta.com", "authorization_server_id": "default"}
        assert where(config, "okta")[0] == "https://dev-1.okta.com/oauth2/default/v1/authorize"

    def test_thin_tokens_are_filled_from_userinfo(self, fake: FakeProvider, http: Outbound) -> None:
        fake.claims = {}
        fake.userinfo |= {
            "email": "alice@example.com",
            "email_verified": True,
            "name": "Alice",
            "groups": ["Everyone"],
        }
        person = profile(preset(fake, http, "okta", okta_account="dev-1.okta.com").finish())
        assert person.groups == ("Everyone",)


@pytest.fixture
def entra(fake: FakeProvider, http: Outbound) -> Login:
    """An Entra tenant with groups on, and Graph."""
    fake.claims = {"tid": TENANT, "oid": PERSON, "email": "root@victim.example"}
    me = {"id": PERSON, "displayName": "Alice", "userPrincipalName": "Alice@Example.com"}
    fake.routes["/v1.0/me"] = lambda _: page(me)
    fake.routes["/v1.0/me/transitiveMemberOf/microsoft.graph.group"] = lambda sent: _groups(
        fake, sent
    )
    return preset(
        fake, http, "azureAD", directory_id=TENANT, support_groups=True, api_url=fake.origin
    )


def _groups(fake: FakeProvider, sent: Sent) -> Page:
    if "page" in sent.query:
        return page({"value": [{"id": "group-3"}]})
    link = f"{fake.origin}{sent.path}?page=2"
    return page({"value": [{"id": "group-1"}, {"id": "group-2"}], "@odata.nextLink": link})


class TestEntra:
    def test_its_own_urls(self) -> None:
        url, query = where({"directory_id": TENANT, "prompt": "login"}, "azureAD")
        assert url == f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize"
        assert (query["prompt"], query["scope"]) == ("login", "openid email profile User.Read")

    def test_tenant_and_object_id_are_the_key_and_the_principal_name_the_address(
        self, entra: Login
    ) -> None:
        person = profile(entra.finish())
        assert person.subject == f"{TENANT}/{PERSON}"
        assert person.email == "alice@example.com"
        assert person.name == "Alice"

    def test_groups_overage_is_resolved_page_by_page(self, entra: Login) -> None:
        entra.fake.claims |= {
            "_claim_names": {"groups": "src1"},
            "_claim_sources": {"src1": {"endpoint": "http://169.254.169.254/steal"}},
        }
        assert profile(entra.finish()).groups == ("group-1", "group-2", "group-3")

    def test_groups_in_the_token_need_no_call(self, entra: Login) -> None:
        entra.fake.claims |= {"groups": ["g"], "upn": "alice@example.com"}
        assert profile(entra.finish()).groups == ("g",)
        assert {sent.path for sent in entra.fake.received} == {"/token", "/jwks"}

    def test_when_graph_fails_the_login_does(self, entra: Login) -> None:
        path = "/v1.0/me/transitiveMemberOf/microsoft.graph.group"
        entra.fake.routes[path] = lambda _: page({}, 403)
        assert failure(entra.finish()).code is Failure.USER_INFO

    def test_r01_a_page_elsewhere_is_not_followed(self, entra: Login) -> None:
        path = "/v1.0/me/transitiveMemberOf/microsoft.graph.group"
        elsewhere = entra.fake.origin.replace("127.0.0.1", "localhost")
        body = {"value": [], "@odata.nextLink": f"{elsewhere}{path}?page=2"}
        entra.fake.routes[path] = lambda _: page(body)
        assert failure(entra.finish()).code is Failure.USER_INFO
        assert len(entra.fake.asked(path)) == 1

    def test_r04_pages_without_end(self, entra: Login) -> None:
        path = "/v1.0/me/transitiveMemberOf/microsoft.graph.group"
        body = {"value": [], "@odata.nextLink": f"{entra.fake.origin}{path}"}
        entra.fake.routes[path] = lambda _: page(body)
        assert failure(entra.finish()).code is Failure.USER_INFO
        assert len(entra.fake.asked(path)) == 20

    @pytest.mark.parametrize("tenant", [None, PERSON, [TENANT], ""])
    def test_l06_people_of_another_tenant(self, entra: Login, tenant: Any) -> None:
        entra.fake.claims["tid"] = tenant
        assert failure(entra.finish()).code is Failure.NOT_A_MEMBER

    def test_l06_no_object_id(self, entra: Login) -> None:
        entra.fake.claims["oid"] = None
        assert failure(entra.finish()).code is Failure.INVALID_TOKEN

    def test_l06_graph_speaks_of_somebody_else(self, entra: Login) -> None:
        me = {"id": TENANT, "userPrincipalName": "root@example.com"}
        entra.fake.routes["/v1.0/me"] = lambda _: page(me)
        assert failure(entra.finish()).code is Failure.USER_INFO

    @pytest.mark.parametrize("tenant", ["common", "organizations", "contoso.onmicrosoft.com"])
    def test_only_one_tenant_can_be_configured(
        self, fake: FakeProvider, http: Outbound, tenant: str
    ) -> None:
        login = preset(fake, http, "azureAD", directory_id=tenant)
        assert failure(login.begin()).code is Failure.CONFIGURATION


def _every_claim(fake: FakeProvider, http: Outbound, kind: str) -> Login:
    fake.claims |= {"email_verified": True, "hd": "example.com", "tid": TENANT, "oid": PERSON}
    fake.claims |= {"upn": "alice@example.com"}
    config = {"apps_domain": "example.com", "okta_account": "x.okta.com", "directory_id": TENANT}
    return preset(fake, http, kind, **config)


@pytest.mark.parametrize("kind", ["google", "google-apps", "okta", "azureAD"])
@pytest.mark.parametrize("bend", [bend for _, bend in SIGNED], ids=[name for name, _ in SIGNED])
def test_a_forged_id_token_is_refused_by_every_preset(
    fake: FakeProvider, http: Outbound, kind: str, bend: Bend
) -> None:
    login = _every_claim(fake, http, kind)
    bend(fake)
    assert failure(login.finish()).code is Failure.INVALID_TOKEN


@pytest.mark.parametrize("kind", ["google", "google-apps", "okta", "azureAD"])
def test_the_same_answers_unbent_are_a_login(fake: FakeProvider, http: Outbound, kind: str) -> None:
    profile(_every_claim(fake, http, kind).finish())


def test_overrides_stay_on_the_origin_they_name(fake: FakeProvider) -> None:
    config = fake.config(directory_id=TENANT, api_url=f"{fake.origin}/")
    url, _ = where(config, "azureAD")
    assert urlsplit(url).netloc == urlsplit(fake.origin).netloc
