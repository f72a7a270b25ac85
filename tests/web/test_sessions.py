"""Sessions from their start to their end: renewal, logout, revocation, identity."""

import jwt
import pytest

from lychgate.core.keys import new_signing_key
from lychgate.core.tokens import sign
from lychgate.store.base import AuditFilter
from tests.web.configs import BASE
from tests.web.installation import TEAM, Browser, Installation

WIKI = "https://wiki.example.com"
ADMIN = "https://admin.example.com"


def test_C06_a_login_replaces_the_session_and_the_old_one_is_dead(
    installation: Installation, browser: Browser
) -> None:
    browser.log_in(f"{WIKI}/", "mallory@example.com")
    planted = browser.cookie("CF_Authorization", "team.example.net")
    old_app = browser.cookie("CF_Authorization", "wiki.example.com")
    browser.http.cookies.delete("CF_Authorization", domain="wiki.example.com")
    page = browser.get(f"{TEAM}/cdn-cgi/access/refresh-identity")
    code_page = browser.submit(page, {"email": "alice@example.com"})
    browser.submit(code_page, {"code": installation.mail.code()})
    assert browser.cookie("CF_Authorization", "team.example.net") != planted
    installation.catch_up()
    thief = installation.browser()
    thief.http.cookies.set("CF_Authorization", planted or "", domain="team.example.net")
    thief.http.cookies.set("CF_Authorization", old_app or "", domain="wiki.example.com")
    assert thief.get(f"{WIKI}/").url.host == "team.example.net"
    document = browser.get(f"{TEAM}/cdn-cgi/access/get-identity").json()
    assert document["email"] == "alice@example.com"


def test_C06_a_planted_browser_cookie_that_is_not_well_formed_is_replaced(
    browser: Browser,
) -> None:
    browser.http.cookies.set("CF_Session", "short", domain="team.example.net")
    page = browser.get(f"{WIKI}/")
    values = [one for one in page.headers.get_list("set-cookie") if one.startswith("CF_Session=")]
    assert len(values) == 1 and not values[0].startswith("CF_Session=short")


@pytest.mark.parametrize("host", [WIKI, TEAM])
def test_C07_a_copied_token_is_dead_after_logout(
    installation: Installation, browser: Browser, host: str
) -> None:
    browser.log_in(f"{WIKI}/")
    thief = browser.twin()
    page = browser.get(f"{host}/cdn-cgi/access/logout")
    assert page.status_code == 200 and page.url.host == "team.example.net"
    assert browser.cookie("CF_Authorization", "team.example.net") is None
    installation.catch_up()
    assert thief.get(f"{WIKI}/").url.host == "team.example.net"
    assert thief.get(f"{TEAM}/cdn-cgi/access/get-identity").status_code == 400


def test_C08_a_login_in_the_second_of_the_logout_waits_and_works(
    installation: Installation, browser: Browser
) -> None:
    browser.log_in(f"{WIKI}/")
    browser.get(f"{WIKI}/cdn-cgi/access/logout")
    revoked_at = int(installation.clock().timestamp())
    page = browser.log_in(f"{WIKI}/again")
    assert page.json()["path"] == "/again"
    token = browser.cookie("CF_Authorization", "wiki.example.com") or ""
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["iat"] > revoked_at


def test_C10_somebody_removed_from_the_policy_gets_no_new_token(
    installation: Installation, browser: Browser
) -> None:
    browser.log_in(f"{WIKI}/")
    rule = "include: [{email_domain: {domain: example.com}}]"
    installation.configure(BASE.replace(rule, "include: [{email: {email: bob@example.com}}]"))
    page = browser.get(f"{WIKI}/")
    assert page.status_code == 403
    assert "alice@example.com" in page.text


def test_L16_the_session_of_a_deleted_provider_is_over(
    installation: Installation, browser: Browser
) -> None:
    browser.log_in(f"{WIKI}/")
    two = "- {name: Other, type: onetimepin, config: {}}"
    installation.configure(BASE.replace("- {name: PIN, type: onetimepin, config: {}}", two))
    browser.http.cookies.delete("CF_Authorization", domain="wiki.example.com")
    page = browser.get(f"{WIKI}/")
    assert page.url.host == "team.example.net" and page.status_code == 200
    assert browser.get(f"{TEAM}/cdn-cgi/access/get-identity").status_code == 400


def test_logout_of_a_host_clears_one_cookie_for_each_application_path(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    config = """
team: {url: "https://team.example.net"}
resources:
  identity_providers: [{name: PIN, type: onetimepin, config: {}}]
  applications:
    - {name: Root, type: self_hosted, path_cookie_attribute: true,
       destinations: [{type: public, uri: all.example.com}],
       policies: [{name: a, decision: allow, include: [{everyone: {}}]}]}
    - {name: Api, type: self_hosted, path_cookie_attribute: true, enable_binding_cookie: true,
       destinations: [{type: public, uri: all.example.com/api}],
       policies: [{name: a, decision: allow, include: [{everyone: {}}]}]}
"""
    with Installation(tmp_path_factory.mktemp("paths"), config) as installation:
        browser = installation.browser()
        browser.log_in("https://all.example.com/api/x")
        browser.get("https://all.example.com/")
        answer = browser.step("https://all.example.com/cdn-cgi/access/logout")
        cleared = {
            (one.split("=")[0], one.split("Path=")[1].split(";")[0])
            for one in answer.headers.get_list("set-cookie")
        }
        assert cleared == {
            ("CF_Authorization", "/"),
            ("CF_Authorization", "/api"),
            ("CF_Binding", "/api"),
        }
        for one in answer.headers.get_list("set-cookie"):
            assert "Max-Age=0" in one and "Secure" in one
        assert answer.headers["location"] == f"{TEAM}/cdn-cgi/access/logout"


def test_C09_a_token_without_its_binding_cookie_opens_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    config = BASE.replace(
        "    - name: Wiki\n      type: self_hosted\n",
        "    - name: Wiki\n      type: self_hosted\n      enable_binding_cookie: true\n",
    )
    with Installation(tmp_path_factory.mktemp("binding"), config) as installation:
        browser = installation.browser()
        assert browser.log_in(f"{WIKI}/").json()["path"] == "/"
        thief = installation.browser()
        token = browser.cookie("CF_Authorization", "wiki.example.com") or ""
        thief.http.cookies.set("CF_Authorization", token, domain="wiki.example.com")
        assert thief.get(f"{WIKI}/").url.host == "team.example.net"


def test_logging_out_needs_a_visit_and_no_hidden_request(
    installation: Installation, browser: Browser
) -> None:
    browser.log_in(f"{WIKI}/")
    hidden = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    answer = browser.step(f"{TEAM}/cdn-cgi/access/logout", headers=hidden)
    assert answer.status_code == 403
    installation.catch_up()
    assert browser.get(f"{WIKI}/").status_code == 200


def test_get_identity_shows_the_record_on_both_hosts(browser: Browser) -> None:
    browser.log_in(f"{WIKI}/")
    for host in (TEAM, WIKI):
        document = browser.get(f"{host}/cdn-cgi/access/get-identity").json()
        assert document["email"] == "alice@example.com"
        assert document["idp"]["type"] == "onetimepin"
        assert document["user_uuid"]
        assert document["version"] == 2
        assert document["mtls_auth"]["cert_presented"] is False


def test_get_identity_takes_an_application_token_on_the_team_host(
    installation: Installation, browser: Browser
) -> None:
    """The Pages plugin sends the application's token to the team domain."""
    browser.log_in(f"{WIKI}/")
    token = browser.cookie("CF_Authorization", "wiki.example.com") or ""
    plugin = installation.browser()
    plugin.http.cookies.set("CF_Authorization", token, domain="team.example.net")
    document = plugin.get(f"{TEAM}/cdn-cgi/access/get-identity").json()
    assert document["email"] == "alice@example.com"


def test_get_identity_without_a_token_is_400(browser: Browser) -> None:
    for host in (TEAM, WIKI):
        answer = browser.get(f"{host}/cdn-cgi/access/get-identity")
        assert (answer.status_code, answer.json()) == (400, {"err": "no app token set"})


def test_get_identity_of_one_host_does_not_take_the_token_of_another(
    installation: Installation, browser: Browser
) -> None:
    browser.log_in(f"{WIKI}/", "admin@example.com")
    for source in ("wiki.example.com", "team.example.net"):
        token = browser.cookie("CF_Authorization", source) or ""
        other = installation.browser()
        other.http.cookies.set("CF_Authorization", token, domain="admin.example.com")
        assert other.get(f"{ADMIN}/cdn-cgi/access/get-identity").status_code == 400


def test_W06_identity_cannot_be_read_across_origins(browser: Browser) -> None:
    browser.log_in(f"{WIKI}/")
    evil = {"origin": "https://evil.example"}
    answer = browser.get(f"{TEAM}/cdn-cgi/access/get-identity", headers=evil)
    assert "access-control-allow-origin" not in answer.headers
    keys = browser.get(f"{TEAM}/cdn-cgi/access/certs", headers=evil)
    assert keys.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in keys.headers


def test_refresh_identity_logs_in_again_and_ends_with_success(
    installation: Installation, browser: Browser
) -> None:
    browser.log_in(f"{WIKI}/")
    page = browser.get(f"{TEAM}/cdn-cgi/access/refresh-identity")
    code_page = browser.submit(page, {"email": "alice@example.com"})
    done = browser.submit(code_page, {"code": installation.mail.code()})
    assert str(done.url) == f"{TEAM}/cdn-cgi/access/refresh-identity?success=true"
    installation.catch_up()
    assert browser.get(f"{WIKI}/").status_code == 200


def test_certs_lists_every_key_that_counts_with_its_certificate(
    installation: Installation, browser: Browser
) -> None:
    installation.store.keys.rotate(installation.clock())
    installation.catch_up()
    for host in (TEAM, WIKI):
        answer = browser.get(f"{host}/cdn-cgi/access/certs")
        document = answer.json()
        assert "public" in answer.headers["cache-control"]
        assert len(document["keys"]) == len(document["public_certs"]) == 2
        for key in document["keys"]:
            assert (key["kty"], key["alg"], key["use"], key["e"]) == ("RSA", "RS256", "sig", "AQAB")
        kids = {key["kid"] for key in document["keys"]}
        assert {one["kid"] for one in document["public_certs"]} == kids
        assert document["public_cert"]["kid"] in kids
        assert document["public_cert"]["cert"].startswith("-----BEGIN CERTIFICATE-----")


def test_the_published_keys_verify_an_assertion_across_a_rotation(
    installation: Installation, browser: Browser
) -> None:
    page = browser.log_in(f"{WIKI}/")
    token = page.json()["headers"]["cf-access-jwt-assertion"]
    installation.store.keys.rotate(installation.clock())
    installation.catch_up()
    keys = jwt.PyJWKSet.from_dict(browser.get(f"{TEAM}/cdn-cgi/access/certs").json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    options = dict.fromkeys(("verify_exp", "verify_aud", "verify_iat", "verify_nbf"), False)
    claims = jwt.decode(token, key, ["RS256"], options=options, issuer=TEAM)  # type: ignore[arg-type]
    assert claims["email"] == "alice@example.com"


def test_two_team_sessions_of_different_people_count_for_neither(
    installation: Installation, browser: Browser
) -> None:
    browser.log_in(f"{WIKI}/")
    other = installation.browser()
    other.log_in(f"{WIKI}/", "mallory@example.com")
    mine = browser.cookie("CF_Authorization", "team.example.net")
    theirs = other.cookie("CF_Authorization", "team.example.net")
    both = f"CF_Authorization={theirs}; CF_Authorization={mine}"
    page = installation.browser().get(f"{TEAM}/", headers={"cookie": both})
    assert "Signed in as" not in page.text


def test_a_session_of_the_same_claims_signed_by_another_key_is_nobody(
    installation: Installation, browser: Browser
) -> None:
    browser.log_in(f"{WIKI}/")
    token = browser.cookie("CF_Authorization", "team.example.net") or ""
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = sign(claims, new_signing_key(installation.clock()))
    other = installation.browser()
    other.http.cookies.set("CF_Authorization", forged, domain="team.example.net")
    assert other.get(f"{TEAM}/cdn-cgi/access/get-identity").status_code == 400


def test_the_root_of_the_team_shows_the_applications_somebody_may_enter(
    browser: Browser,
) -> None:
    assert 'name="email"' in browser.get(f"{TEAM}/").text
    browser.log_in(f"{WIKI}/")
    page = browser.get(f"{TEAM}/")
    assert "alice@example.com" in page.text
    assert f"{WIKI}/" in page.text
    assert f"{ADMIN}/" not in page.text


def test_audit_tells_login_refusal_and_logout(installation: Installation, browser: Browser) -> None:
    browser.log_in(f"{WIKI}/")
    browser.get(f"{ADMIN}/")
    browser.get(f"{TEAM}/cdn-cgi/access/logout")
    events = installation.store.audit.query(AuditFilter(email="alice@example.com"))
    assert [(event.action, event.allowed) for event in events] == [
        ("logout", None),
        ("refused", False),
        ("login", True),
    ]
    assert all(event.ip == "192.0.2.7" and event.request_id for event in events)
