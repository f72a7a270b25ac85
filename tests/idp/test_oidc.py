"""Generic OpenID Connect against a provider whose answers are bent."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lychgate.idp import Failure, Redirection, issuer_pin
from lychgate.outbound import Outbound
from tests.idp.conftest import Login, a_provider, failure, profile
from tests.idp.forged import ANSWERED, EMAILS, SIGNED, Bend
from tests.support.oidc_fake import FakeProvider, Page, page, public, sign, signing_key


def query(outcome: object) -> dict[str, list[str]]:
    assert isinstance(outcome, Redirection), outcome
    return parse_qs(urlsplit(outcome.url).query)


def test_a_good_answer_is_a_profile(login: Login) -> None:
    login.fake.claims |= {"groups": ["staff", "admins"], "amr": ["pwd", "mfa"]}
    person = profile(login.finish())
    assert (person.subject, person.email, person.name) == ("alice-id", "alice@example.com", "Alice")
    assert person.groups == ("staff", "admins")
    assert person.amr == ("pwd", "mfa")
    assert person.issuer == login.fake.origin
    assert person.email_verified is None


def test_begin_carries_what_the_answer_is_judged_by(login: Login) -> None:
    sent = query(login.begin())
    assert sent["response_type"] == ["code"]
    assert sent["client_id"] == ["lychgate"]
    assert sent["redirect_uri"] == [login.attempt.redirect_uri]
    assert sent["scope"] == ["openid email profile"]
    assert sent["state"] == ["the state"]
    assert sent["nonce"] == [login.attempt.nonce]
    assert login.fake.received == []


@pytest.mark.parametrize(("bend"), [bend for _, bend in SIGNED], ids=[name for name, _ in SIGNED])
def test_a_forged_id_token_is_refused(login: Login, bend: Bend) -> None:
    bend(login.fake)
    assert failure(login.finish()).code is Failure.INVALID_TOKEN


@pytest.mark.parametrize(
    ("bend", "code"), [row[1:] for row in ANSWERED], ids=[row[0] for row in ANSWERED]
)
def test_a_useless_token_answer_is_refused(login: Login, bend: Bend, code: Failure) -> None:
    bend(login.fake)
    assert failure(login.finish()).code is code


@pytest.mark.parametrize(
    ("email", "code"), [row[1:] for row in EMAILS], ids=[row[0] for row in EMAILS]
)
def test_an_odd_email_is_refused(login: Login, email: Any, code: Failure) -> None:
    login.fake.claims["email"] = email
    assert failure(login.finish()).code is code


def test_l11_a_case_variant_is_the_same_address(login: Login) -> None:
    login.fake.claims["email"] = "A@Staff.Example"
    assert profile(login.finish()).email == "a@staff.example"


@pytest.mark.parametrize("said", [False, None, "false", "yes", 1, []])
def test_l11_only_a_verified_address_where_that_is_asked(
    fake: FakeProvider, http: Outbound, said: Any
) -> None:
    login = Login(fake, http, "oidc", fake.config(require_email_verified=True))
    fake.claims["email_verified"] = said
    assert failure(login.finish()).code is Failure.EMAIL_UNVERIFIED
    fake.claims["email_verified"] = True
    assert profile(login.finish()).email_verified is True


def test_l11_verified_speaks_of_the_claim_email_only(fake: FakeProvider, http: Outbound) -> None:
    config = fake.config(require_email_verified=True, email_claim_name="upn")
    login = Login(fake, http, "oidc", config)
    fake.claims |= {"email_verified": True, "upn": "root@example.com"}
    assert failure(login.finish()).code is Failure.EMAIL_UNVERIFIED


def test_l11_verified_does_not_cross_from_userinfo_to_another_address(
    fake: FakeProvider, http: Outbound
) -> None:
    login = Login(fake, http, "oidc", fake.config(require_email_verified=True))
    fake.userinfo |= {"email": "mine@example.org", "email_verified": True}
    assert failure(login.finish()).code is Failure.EMAIL_UNVERIFIED
    fake.userinfo["email"] = "alice@example.com"
    assert profile(login.finish()).email_verified is True


@pytest.mark.parametrize(
    ("algorithm", "kind", "size"),
    [
        *((f"{family}{size}", "RSA", 2048) for family in ("RS", "PS") for size in (256, 384, 512)),
        ("ES256", "EC", "P-256"),
        ("ES384", "EC", "P-384"),
        ("ES512", "EC", "P-521"),
        ("EdDSA", "OKP", "Ed25519"),
        ("Ed25519", "OKP", "Ed25519"),
        ("Ed448", "OKP", "Ed448"),
    ],
)
def test_every_asymmetric_algorithm(
    login: Login, algorithm: str, kind: str, size: str | int
) -> None:
    key = signing_key(kind, size, f"{kind}-{size}")
    login.fake.keys = (signing_key(), key)
    login.fake.make_token = lambda claims: sign(claims, key, algorithm)
    assert profile(login.finish()).subject == "alice-id"


def test_a_long_header_and_a_fraction_in_auth_time_are_fine(login: Login) -> None:
    login.fake.claims["auth_time"] = 1795260423.833895
    login.fake.make_token = lambda claims: sign(claims, signing_key(), x5c=["A" * 4000])
    profile(login.finish())


def test_one_key_without_ids_is_enough(login: Login) -> None:
    document = public(signing_key())
    del document["keys"][0]["kid"]
    login.fake.routes["/jwks"] = lambda _: page(document)
    login.fake.make_token = lambda claims: sign(claims, signing_key(), kid=None)
    profile(login.finish())


def test_several_audiences_with_us_as_the_authorized_party(login: Login) -> None:
    login.fake.claims |= {"aud": ["lychgate", "another"], "azp": "lychgate"}
    profile(login.finish())


class TestIssuer:
    def test_the_first_good_login_reports_it_and_later_ones_must_match(self, login: Login) -> None:
        first = profile(login.finish())
        login.attempt = replace(login.attempt, issuer=first.issuer)
        profile(login.finish())
        login.fake.issuer = "https://another.example"
        assert failure(login.finish()).code is Failure.INVALID_TOKEN

    def test_l06_the_configured_one_counts(self, fake: FakeProvider, http: Outbound) -> None:
        login = Login(fake, http, "oidc", fake.config(issuer="https://idp.example/"))
        fake.issuer = "https://idp.example"
        assert failure(login.finish()).code is Failure.INVALID_TOKEN
        fake.issuer = "https://idp.example/"
        fake.claims["groups"] = []
        profile(login.finish())

    def test_l06_the_discovered_one_counts(self, fake: FakeProvider, http: Outbound) -> None:
        url = f"{fake.origin}/.well-known/openid-configuration"
        login = Login(fake, http, "oidc", {"client_id": "lychgate", "discovery_url": url})
        fake.claims["iss"] = "https://another.example"
        assert failure(login.finish()).code is Failure.INVALID_TOKEN
        del fake.claims["iss"]
        assert profile(login.finish()).issuer == fake.origin

    def test_l07_an_answer_of_another_provider_never_reaches_this_one(self, login: Login) -> None:
        login.attempt = replace(login.attempt, issuer=login.fake.origin)
        outcome = failure(login.finish(iss="https://another.example"))
        assert outcome.code is Failure.MIX_UP
        assert login.fake.received == []

    def test_l07_before_the_issuer_is_known_it_must_be_the_id_tokens(self, login: Login) -> None:
        assert failure(login.finish(iss="https://another.example")).code is Failure.MIX_UP
        profile(login.finish(iss=login.fake.origin))

    def test_l07_a_provider_that_says_it_always_sends_it_has_to(
        self, fake: FakeProvider, http: Outbound
    ) -> None:
        said = {**fake.discovery(), "authorization_response_iss_parameter_supported": True}
        fake.routes["/.well-known/openid-configuration"] = lambda _: page(said)
        url = f"{fake.origin}/.well-known/openid-configuration"
        login = Login(fake, http, "oidc", {"client_id": "lychgate", "discovery_url": url})
        assert failure(login.finish()).code is Failure.MIX_UP
        profile(login.finish(iss=fake.origin))

    def test_the_pin_changes_with_the_urls(self, fake: FakeProvider) -> None:
        one = a_provider(fake.config())
        assert issuer_pin(one) == issuer_pin(a_provider(fake.config(claims=["dept"])))
        assert issuer_pin(one) != issuer_pin(
            a_provider(fake.config(certs_url="https://x.example/"))
        )


class TestUserinfo:
    def test_it_is_not_asked_when_the_id_token_has_everything(self, login: Login) -> None:
        profile(login.finish())
        assert {sent.path for sent in login.fake.received} == {"/token", "/jwks"}

    def test_what_the_id_token_lacks_comes_from_it(
        self, fake: FakeProvider, http: Outbound
    ) -> None:
        fake.claims = {}
        fake.userinfo |= {"email": "Al@Example.com", "name": "Al", "Groups": ["a"], "dept": "eng"}
        login = Login(fake, http, "oidc", fake.config(claims=["dept"]))
        person = profile(login.finish())
        assert (person.email, person.name, person.groups) == ("al@example.com", "Al", ("a",))
        assert person.claims == {"dept": "eng"}
        assert fake.asked("/userinfo")[0].headers["authorization"] == "Bearer an access token"

    def test_the_id_token_goes_first(self, login: Login) -> None:
        login.fake.claims["groups"] = None
        login.fake.userinfo |= {"email": "other@example.com", "groups": ["a"]}
        person = profile(login.finish())
        assert (person.email, person.groups) == ("alice@example.com", ("a",))

    @pytest.mark.parametrize("subject", ["mallory-id", None, ["alice-id"], ""])
    def test_l06_it_speaks_of_the_same_person(self, login: Login, subject: Any) -> None:
        login.fake.claims["groups"] = None
        login.fake.userinfo = {"sub": subject, "groups": ["admins"]}
        assert failure(login.finish()).code is Failure.USER_INFO

    @pytest.mark.parametrize("status", [401, 403, 500, 302])
    def test_when_it_fails_the_login_does(self, login: Login, status: int) -> None:
        login.fake.claims["groups"] = None
        login.fake.routes["/userinfo"] = lambda _: page({}, status)
        assert failure(login.finish()).code is Failure.USER_INFO

    def test_when_discovery_fails_the_login_does(self, login: Login) -> None:
        login.fake.claims["groups"] = None
        login.fake.routes["/.well-known/openid-configuration"] = lambda _: page({}, 503)
        assert isinstance(failure(login.finish()).code, Failure)

    def test_a_provider_without_discovery_has_no_userinfo(self, login: Login) -> None:
        login.fake.claims["groups"] = None
        del login.fake.routes["/.well-known/openid-configuration"]
        assert profile(login.finish()).groups == ()

    def test_r01_an_issuer_elsewhere_is_never_asked(self, login: Login, fake: FakeProvider) -> None:
        fake.claims["groups"] = None
        fake.issuer = fake.origin.replace("127.0.0.1", "localhost")
        profile(login.finish())
        assert {sent.path for sent in fake.received} == {"/token", "/jwks"}

    def test_r01_a_userinfo_url_elsewhere_never_gets_the_token(
        self, login: Login, fake: FakeProvider
    ) -> None:
        fake.claims["groups"] = None
        elsewhere = fake.origin.replace("127.0.0.1", "localhost") + "/userinfo"
        said = {**fake.discovery(), "userinfo_endpoint": elsewhere}
        fake.routes["/.well-known/openid-configuration"] = lambda _: page(said)
        profile(login.finish())
        assert fake.asked("/userinfo") == []


class TestGroups:
    @pytest.mark.parametrize(
        ("said", "read"),
        [
            (["a", "b", "a"], ("a", "b")),
            ("a", ("a",)),
            ([1], ("1",)),
            ([{"name": "a", "id": "1"}, {"id": "2"}], ("a", "2")),
            ([], ()),
        ],
    )
    def test_every_shape_providers_use(
        self, login: Login, said: Any, read: tuple[str, ...]
    ) -> None:
        login.fake.claims["groups"] = said
        assert profile(login.finish()).groups == read

    @pytest.mark.parametrize("said", [[["a"]], [None], {"a": 1}, True, [{"x": 1}]])
    def test_one_that_cannot_be_read_must_not_vanish(self, login: Login, said: Any) -> None:
        login.fake.claims["groups"] = said
        assert failure(login.finish()).code is Failure.USER_INFO


class TestPkce:
    def test_it_is_used_when_switched_on(self, fake: FakeProvider, http: Outbound) -> None:
        login = Login(fake, http, "oidc", fake.config(pkce_enabled=True))
        sent = query(login.begin())
        assert sent["code_challenge_method"] == ["S256"]
        assert sent["code_challenge"] == ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"]
        profile(login.finish())
        assert fake.asked("/token")[0].form["code_verifier"] == login.attempt.code_verifier

    def test_it_is_used_when_the_provider_advertises_it(
        self, fake: FakeProvider, http: Outbound
    ) -> None:
        url = f"{fake.origin}/.well-known/openid-configuration"
        login = Login(fake, http, "oidc", {"client_id": "lychgate", "discovery_url": url})
        assert "code_challenge" in query(login.begin())

    def test_off_is_off(self, fake: FakeProvider, http: Outbound) -> None:
        url = f"{fake.origin}/.well-known/openid-configuration"
        config = {"client_id": "lychgate", "discovery_url": url, "pkce_enabled": False}
        login = Login(fake, http, "oidc", config)
        assert "code_challenge" not in query(login.begin())
        profile(login.finish())
        assert "code_verifier" not in fake.asked("/token")[0].form


class TestClientAuthentication:
    def test_basic_is_the_default(self, login: Login) -> None:
        profile(login.finish())
        sent = login.fake.asked("/token")[0]
        assert sent.headers["authorization"] == "Basic bHljaGdhdGU6b25seStmb3IrdGVzdHM="
        assert "client_secret" not in sent.form
        assert sent.form["redirect_uri"] == login.attempt.redirect_uri

    def test_post_when_asked_for(self, fake: FakeProvider, http: Outbound) -> None:
        config = fake.config(token_endpoint_auth_method="client_secret_post")
        profile(Login(fake, http, "oidc", config).finish())
        sent = fake.asked("/token")[0]
        assert sent.form["client_secret"] == "only for tests"
        assert "authorization" not in sent.headers

    def test_post_when_the_provider_takes_nothing_else(
        self, fake: FakeProvider, http: Outbound
    ) -> None:
        said = {
            **fake.discovery(),
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }
        fake.routes["/.well-known/openid-configuration"] = lambda _: page(said)
        url = f"{fake.origin}/.well-known/openid-configuration"
        profile(Login(fake, http, "oidc", {"client_id": "lychgate", "discovery_url": url}).finish())
        assert fake.asked("/token")[0].form["client_secret"] == "only for tests"


class TestKeys:
    def test_they_are_fetched_once(self, login: Login) -> None:
        for _ in range(3):
            profile(login.finish())
        assert len(login.fake.asked("/jwks")) == 1

    def test_a_new_key_is_found_and_an_unknown_one_asked_for_rarely(self, login: Login) -> None:
        profile(login.finish())
        fresh = signing_key("RSA", 2048, "two")
        login.fake.make_token = lambda claims: sign(claims, fresh)
        for _ in range(5):
            failure(login.finish())
        assert len(login.fake.asked("/jwks")) == 1
        login.fake.keys = (signing_key(), fresh)
        login.later(31)
        profile(login.finish())
        assert len(login.fake.asked("/jwks")) == 2

    def test_r04_one_failure_does_not_drop_good_keys(self, login: Login) -> None:
        profile(login.finish())
        login.fake.routes["/jwks"] = lambda _: Page(b"oops", 500)
        for _ in range(3):
            login.later(40)
            login.fake.make_token = lambda claims: sign(claims, signing_key(kid="unknown"))
            failure(login.finish())
            login.fake.make_token = lambda claims: sign(claims, signing_key())
            profile(login.finish())

    def test_a_withdrawn_key_goes_away(self, login: Login) -> None:
        profile(login.finish())
        login.fake.keys = (signing_key("RSA", 2048, "two"),)
        login.later(3700)
        login.fake.claims |= {"iat": login.now.timestamp(), "exp": login.now.timestamp() + 60}
        assert failure(login.finish()).code is Failure.INVALID_TOKEN

    def test_metadata_is_kept_when_the_provider_stops_giving_it(
        self, fake: FakeProvider, http: Outbound
    ) -> None:
        url = f"{fake.origin}/.well-known/openid-configuration"
        login = Login(fake, http, "oidc", {"client_id": "lychgate", "discovery_url": url})
        assert isinstance(login.begin(), Redirection)
        fake.routes["/.well-known/openid-configuration"] = lambda _: page({}, 500)
        login.later(7200)
        assert isinstance(login.begin(), Redirection)


class TestCallback:
    def test_what_the_provider_says_is_for_the_log(self, login: Login) -> None:
        outcome = failure(login.finish(error="access_denied", error_description="No\nway\x1b[1m"))
        assert outcome.code is Failure.REFUSED
        assert outcome.detail == "access_denied: No?way?[1m"
        assert "way" not in outcome.message
        assert login.fake.received == []

    @pytest.mark.parametrize("code", ["", "a\nb", "x" * 10_000])
    def test_without_a_usable_code_nobody_is_asked(self, login: Login, code: str) -> None:
        assert failure(login.finish(code=code)).code is Failure.BAD_ANSWER
        assert login.fake.received == []


class TestTrouble:
    def test_a_provider_that_is_down_is_a_sentence(self, http: Outbound) -> None:
        config = {
            "client_id": "lychgate",
            **dict.fromkeys(("auth_url", "token_url", "certs_url"), "http://127.0.0.1:1/"),
        }
        login = Login(FakeProvider(""), http, "oidc", config)
        assert isinstance(login.begin(), Redirection)
        outcome = failure(login.finish())
        assert outcome.code is Failure.UNREACHABLE
        assert outcome.message == (
            "Example is not answering at the moment. Please try again in a minute."
        )

    def test_discovery_that_is_down_is_a_sentence(self, http: Outbound) -> None:
        config = {"client_id": "lychgate", "discovery_url": "http://127.0.0.1:1/x"}
        login = Login(FakeProvider(""), http, "oidc", config)
        assert failure(login.begin()).code is Failure.UNREACHABLE

    @pytest.mark.parametrize(
        "config",
        [
            {},
            {"client_id": 3},
            {"client_id": "a"},
            {"client_id": "a", "auth_url": "ftp://x", "token_url": "x", "certs_url": "x"},
            {"client_id": "a", "auth_url": "https://x:99999/"},
            {"client_id": "a", "scopes": "openid"},
            {"client_id": "a", "pkce_enabled": "yes"},
            {"client_id": "a", "token_endpoint_auth_method": "none"},
        ],
    )
    def test_settings_that_cannot_work_are_a_sentence(
        self, fake: FakeProvider, http: Outbound, config: dict[str, Any]
    ) -> None:
        login = Login(fake, http, "oidc", config)
        assert failure(login.begin()).code is Failure.CONFIGURATION
        assert failure(login.finish()).code is Failure.CONFIGURATION

    def test_an_unknown_type_is_a_sentence(self, fake: FakeProvider, http: Outbound) -> None:
        assert failure(Login(fake, http, "saml", {}).begin()).code is Failure.CONFIGURATION

    def test_no_secret_is_shown(self, login: Login) -> None:
        login.fake.routes["/token"] = lambda sent: page({"error": "invalid_client"}, 401)
        outcome = failure(login.finish())
        said = f"{outcome!r} {login.attempt!r} {login.method!r}"
        assert "only for tests" not in said
        assert login.attempt.code_verifier not in said


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
NAMES = ["iss", "sub", "aud", "azp", "exp", "iat", "nbf", "email", "groups", "name", "amr", "nonce"]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    claims=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4),
    key=st.dictionaries(st.sampled_from(["n", "e", "alg", "use", "crv", "x", "y"]), JSON),
    body=st.binary(max_size=30),
)
def test_whatever_comes_back_nothing_is_raised(
    login: Login, claims: dict[str, Any], key: dict[str, Any], body: bytes
) -> None:
    fake = login.fake
    good = dict(fake.claims)
    fake.claims = {**good, **claims}
    login.finish()
    fake.claims = good
    bent = {**public(signing_key())["keys"][0], **key}
    fake.routes["/jwks"] = lambda _: Page(json.dumps({"keys": [bent]}).encode())
    login.later(3700)
    login.finish()
    fake.routes["/jwks"] = lambda _: page(public(signing_key()))
    fake.make_token = lambda _: sign(body, signing_key())
    failure(login.finish())
    fake.make_token = lambda made: sign(made, signing_key())
