"""The token endpoint: codes once, refresh tokens in turn, nothing for anybody else."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest

from lychgate.store.base import AuditFilter
from lychgate.web.oauth.paths import TOKEN
from tests.support.scraping import counted, value
from tests.web.installation import Browser, Installation
from tests.web.oauth.flow import (
    CALLBACK,
    CONFIG,
    OTHER,
    TOOLS,
    VERIFIER,
    Agent,
    error_of,
    program,
    register,
)

GRANT = "400 invalid_grant"


@pytest.mark.parametrize(
    "verifier",
    [None, "", "x" * 64, "v" * 42, "v" * 129, VERIFIER + "\n", VERIFIER + " ", "é" * 43],
)
def test_o02_the_verifier_must_be_the_challenges(
    agent: Agent, browser: Browser, verifier: str | None
) -> None:
    code = agent.code(browser)
    assert error_of(agent.redeem(code, code_verifier=verifier)) == GRANT
    assert agent.redeem(code).status_code == 200


def test_o08_a_code_used_twice_ends_what_it_gave(agent: Agent, browser: Browser) -> None:
    code = agent.code(browser)
    assert agent.redeem(code).status_code == 200
    assert agent.call().status_code == 200
    tokens = dict(agent.tokens)
    assert error_of(agent.redeem(code)) == GRANT
    agent.installation.catch_up()
    assert agent.call(token=tokens["access_token"]).status_code == 401
    assert error_of(agent.refresh(refresh_token=tokens["refresh_token"])) == GRANT
    events = agent.installation.store.audit.query(AuditFilter(actions=("grant_revoked",)))
    assert [one.reason for one in events] == ["code_replayed"]


def test_o09_of_many_redemptions_at_once_at_most_one_succeeds(
    agent: Agent, browser: Browser
) -> None:
    code = agent.code(browser)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: agent.redeem(code).status_code, range(20)))
    assert answers.count(200) <= 1
    assert set(answers) <= {200, 400}
    assert error_of(agent.refresh(refresh_token=agent.tokens.get("refresh_token", "x"))) == GRANT


def test_o10_another_client_gets_nothing_and_does_no_harm(agent: Agent, browser: Browser) -> None:
    thief = register(agent.installation)
    code = agent.code(browser)
    assert error_of(thief.redeem(code)) == GRANT
    assert agent.redeem(code).status_code == 200
    assert error_of(thief.redeem(code)) == GRANT
    refresh = agent.tokens["refresh_token"]
    assert error_of(thief.refresh(refresh_token=refresh)) == GRANT
    assert agent.call().status_code == 200
    assert agent.refresh().status_code == 200


def test_o10_the_redirect_uri_must_be_the_one_of_before(agent: Agent, browser: Browser) -> None:
    code = agent.code(browser)
    other = CALLBACK.replace("4711", "4712")
    assert error_of(agent.redeem(code, redirect_uri=other)) == GRANT
    assert agent.redeem(code, redirect_uri=None).status_code == 200


def test_o10_a_code_is_good_for_a_minute(agent: Agent, browser: Browser) -> None:
    code = agent.code(browser)
    agent.installation.clock.advance(61)
    assert error_of(agent.redeem(code)) == GRANT


def test_o11_a_repeat_within_the_grace_gets_the_same_next_token(
    agent: Agent, browser: Browser
) -> None:
    agent.log_in(browser)
    first = agent.tokens["refresh_token"]
    second = agent.refresh().json()["refresh_token"]
    agent.installation.clock.advance(9)
    assert agent.refresh(refresh_token=first).json()["refresh_token"] == second
    thief = register(agent.installation)
    assert error_of(thief.refresh(refresh_token=first)) == GRANT
    assert agent.refresh(refresh_token=second).status_code == 200
    assert agent.call().status_code == 200


def test_o11_two_at_once_leave_one_grant_that_works(agent: Agent, browser: Browser) -> None:
    agent.log_in(browser)
    first = agent.tokens["refresh_token"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: agent.refresh(refresh_token=first), range(8)))
    assert {one.status_code for one in answers} == {200}
    assert len({one.json()["refresh_token"] for one in answers}) == 1
    assert agent.refresh().status_code == 200


@pytest.mark.parametrize("late", [0, 11])
def test_o11_a_reused_token_ends_its_grant(agent: Agent, browser: Browser, late: int) -> None:
    agent.log_in(browser)
    first = agent.tokens["refresh_token"]
    agent.refresh()
    if late:
        agent.installation.clock.advance(late)
    else:
        agent.refresh()
    assert error_of(agent.refresh(refresh_token=first)) == GRANT
    agent.installation.catch_up()
    assert agent.call().status_code == 401
    assert error_of(agent.refresh()) == GRANT
    events = agent.installation.store.audit.query(AuditFilter(actions=("grant_revoked",)))
    assert [one.reason for one in events] == ["refresh_token_reused"]


def _withdraw(installation: Installation) -> None:
    nobody = CONFIG.replace(
        "{name: staff, decision: allow, include: [{email_domain: {domain: example.com}}]}",
        "{name: staff, decision: allow, include: [{email: {email: bob@example.com}}]}",
    )
    installation.configure(nobody)


def _switch_off(installation: Installation) -> None:
    installation.configure(CONFIG.replace("        enabled: true", "        enabled: false", 1))


def _remove_app(installation: Installation) -> None:
    start = CONFIG.index("    - name: Tools")
    installation.configure(CONFIG[:start] + CONFIG[CONFIG.index("    - name: Other") :])


def _remove_idp(installation: Installation) -> None:
    new = "{name: Corp, type: github, config: {client_id: a, client_secret: b}}"
    installation.configure(CONFIG.replace("{name: PIN, type: onetimepin, config: {}}", new))


def _revoke_user(installation: Installation) -> None:
    installation.store.revocations.revoke_user("alice@example.com", installation.clock())


def _revoke_app(installation: Installation) -> None:
    from lychgate.core.model import AppId
    from lychgate.store.base import Kind

    apps = installation.store.objects(Kind.APPLICATION)
    id = next(one.id for one in apps if one.body["name"] == "Tools")
    installation.store.revocations.revoke_app(AppId(id), installation.clock())


def _remove_client(installation: Installation) -> None:
    for client in installation.store.oauth.clients.list(installation.clock()):
        installation.store.oauth.clients.remove(client.id, installation.clock())


def _delete_user(installation: Installation) -> None:
    user = installation.store.users.by_email("alice@example.com")
    assert user is not None
    installation.store.users.delete(user.id, installation.clock())


@pytest.mark.parametrize(
    ("withdraw", "access"),
    [
        (_withdraw, 401),
        (_switch_off, 302),
        (_remove_app, 403),
        (_remove_idp, 200),
        (_revoke_user, 401),
        (_revoke_app, 401),
        (_delete_user, 401),
    ],
)
def test_o12_what_was_withdrawn_is_not_refreshed(
    agent: Agent, browser: Browser, withdraw: object, access: int
) -> None:
    assert callable(withdraw)
    agent.log_in(browser)
    agent.installation.clock.advance(2)
    withdraw(agent.installation)
    agent.installation.catch_up()
    assert agent.call().status_code == access
    assert error_of(agent.refresh()) == GRANT


def test_o12_logging_out_ends_the_grants_of_the_login(agent: Agent, browser: Browser) -> None:
    agent.log_in(browser)
    browser.get("https://team.example.net/cdn-cgi/access/logout")
    agent.installation.catch_up()
    assert agent.call().status_code == 401
    assert error_of(agent.refresh()) == GRANT


def test_o12_a_client_that_was_removed_is_unknown(agent: Agent, browser: Browser) -> None:
    agent.log_in(browser)
    _remove_client(agent.installation)
    agent.installation.catch_up()
    assert agent.call().status_code == 401
    assert error_of(agent.refresh()) == "401 invalid_client"


def test_o12_a_grant_outlives_the_team_session(
    browser: Browser, installation: Installation
) -> None:
    plain = "        enabled: true\n"
    longer = plain + "        grant: {session_duration: 1440h}\n"
    long = CONFIG.replace(plain, longer, 1)
    assert long != CONFIG
    installation.configure(long)
    installation.clock.advance(2)
    agent = register(installation).log_in(browser)
    for _ in range(5):
        installation.clock.advance(10 * 86400)
        installation.store.prune(installation.clock())
        assert agent.refresh().status_code == 200
    assert agent.call().status_code == 200
    _revoke_user(installation)
    assert error_of(agent.refresh()) == GRANT


def test_o13_a_token_is_good_for_one_thing(agent: Agent, browser: Browser) -> None:
    code = agent.code(browser)
    agent.redeem(code)
    access, refresh = agent.tokens["access_token"], agent.tokens["refresh_token"]
    for wrong in (refresh, code, "oauth:" + code, access[:-1], access + "A", "oauth:"):
        assert agent.call(token=wrong).status_code in (302, 401)
    for wrong in (refresh, "oauth:" + code, access[:-1], access + "A"):
        refused = agent.call(token=wrong)
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert error_of(agent.refresh(refresh_token=access)) == GRANT
    assert error_of(agent.redeem(access)) == GRANT
    assert error_of(agent.refresh(refresh_token=refresh[:-1])) == GRANT


@pytest.mark.parametrize("resource", [OTHER, TOOLS + "/#part", "https://evil.example"])
def test_o14_the_resource_must_be_the_granted_one(
    agent: Agent, browser: Browser, resource: str
) -> None:
    code = agent.code(browser)
    assert error_of(agent.redeem(code, resource=resource)) == "400 invalid_target"
    assert agent.redeem(code).status_code == 200
    assert error_of(agent.refresh(resource=resource)) == "400 invalid_target"
    assert agent.refresh(resource=TOOLS + "/").status_code == 200


def test_o14_a_resource_that_is_missing_is_the_granted_one(agent: Agent, browser: Browser) -> None:
    assert agent.redeem(agent.code(browser), resource=None).status_code == 200
    assert agent.call().status_code == 200
    assert agent.refresh(resource=None).status_code == 200
    assert agent.call().status_code == 200


def test_o14_a_resource_is_named_once(agent: Agent, browser: Browser) -> None:
    agent.log_in(browser)
    twice = {
        "grant_type": "refresh_token",
        "refresh_token": agent.tokens["refresh_token"],
        "client_id": agent.id,
        "resource": [agent.resource, agent.resource],
    }
    answer = agent.http.post(TOKEN, data=twice)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


def test_o15_a_token_comes_in_one_header_only(agent: Agent, browser: Browser) -> None:
    agent.log_in(browser)
    token = agent.tokens["access_token"]
    http = agent.http
    assert http.get(f"{TOOLS}/?access_token={token}").status_code == 401
    assert http.post(TOOLS + "/", data={"access_token": token}).status_code == 401
    twice = [("authorization", f"Bearer {token}"), ("authorization", "Bearer x")]
    assert http.get(TOOLS + "/", headers=twice).status_code == 401
    for scheme in ("bearer", "BEARER", "Bearer "):
        answer = http.get(TOOLS + "/", headers={"authorization": f"{scheme} {token}"})
        assert answer.status_code == 200
    basic = base64.b64encode(f"x:{token}".encode()).decode()
    assert http.get(TOOLS + "/", headers={"authorization": f"Basic {basic}"}).status_code == 401


@pytest.mark.parametrize("name", ["grant_type", "code", "code_verifier", "client_id"])
def test_o07_a_repeated_parameter_is_refused(shared: Installation, name: str) -> None:
    body = f"grant_type=authorization_code&code=x&code_verifier=y&client_id=z&{name}=again"
    answer = program(shared).post(
        TOKEN, content=body, headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert error_of(answer) == "400 invalid_request"


@pytest.mark.parametrize(
    ("body", "kind", "error"),
    [
        (b'{"grant_type":"refresh_token"}', "application/json", "400 invalid_request"),
        (b"grant_type=x", "", "400 invalid_request"),
        (b"grant_type=x", ";;=nonsense", "400 invalid_request"),
        (b"", "application/x-www-form-urlencoded", "400 invalid_request"),
        (b"grant_type=\xff", "application/x-www-form-urlencoded", "400 invalid_request"),
        (b"grant_type=%ff", "application/x-www-form-urlencoded", "400 invalid_request"),
        (b"x" * 1_000_000, "application/x-www-form-urlencoded", "400 invalid_request"),
        (b"response_type=token", "application/x-www-form-urlencoded", "400 invalid_request"),
        (
            b"grant_type=password&username=a&password=b",
            "application/x-www-form-urlencoded",
            "400 unsupported_grant_type",
        ),
        (
            b"grant_type=refresh_token&refresh_token=x",
            "application/x-www-form-urlencoded",
            "401 invalid_client",
        ),
        (
            b"grant_type=refresh_token&refresh_token=x&client_id=nobody",
            "application/x-www-form-urlencoded",
            "401 invalid_client",
        ),
    ],
)
def test_o21_bad_input_is_answered_as_the_rfc_says(
    shared: Installation, body: bytes, kind: str, error: str
) -> None:
    headers = {"content-type": kind} if kind else {}
    assert error_of(program(shared).post(TOKEN, content=body, headers=headers)) == error


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic YWJj", "Bearer x", "Basic /w=="])
def test_o21_a_malformed_authorization_header_is_no_client(
    shared: Installation, header: str
) -> None:
    answer = program(shared).post(
        TOKEN, data={"grant_type": "refresh_token"}, headers={"authorization": header}
    )
    assert error_of(answer) == "401 invalid_client"
    assert "www-authenticate" in answer.headers


def test_o21_only_post_is_answered(shared: Installation) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert error_of(program(shared).request(method, TOKEN)) == "400 invalid_request"


def test_a_client_may_not_authenticate_in_two_ways(installation: Installation) -> None:
    agent = register(installation, token_endpoint_auth_method="client_secret_post")
    answer = agent.http.post(
        TOKEN,
        data={"grant_type": "refresh_token", "refresh_token": "x", "client_secret": agent.secret},
        auth=(agent.id, agent.secret),
    )
    assert error_of(answer) == "400 invalid_request"


def test_w06_any_origin_may_call_and_none_with_cookies(shared: Installation) -> None:
    http = program(shared)
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    granted = http.options(TOKEN, headers=asked)
    assert granted.status_code == 204
    for answer in (granted, http.post(TOKEN, headers={"origin": "https://evil.example"})):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


def test_o22_only_the_client_itself_gives_a_token_back(agent: Agent, browser: Browser) -> None:
    agent.log_in(browser)
    stranger = register(agent.installation)
    for token in (agent.tokens["access_token"], agent.tokens["refresh_token"], "unknown"):
        assert stranger.revoke(token).status_code == 200
    assert agent.call().status_code == 200
    assert agent.refresh().status_code == 200
    assert agent.revoke("unknown").status_code == 200
    assert agent.revoke("x", client_id="nobody").status_code == 401


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_a_token_given_back_ends_its_grant(agent: Agent, browser: Browser, which: str) -> None:
    agent.log_in(browser)
    assert agent.revoke(agent.tokens[which], token_type_hint=which).status_code == 200
    agent.installation.catch_up()
    assert agent.call().status_code == 401
    assert error_of(agent.refresh()) == GRANT


def test_a_changed_policy_makes_the_client_refresh_and_go_on(
    agent: Agent, browser: Browser
) -> None:
    agent.log_in(browser)
    agent.installation.clock.advance(2)
    staff = "{name: staff, decision: allow, include: ["
    wider = staff + "{email: {email: carol@example.com}}, "
    agent.installation.configure(CONFIG.replace(staff, wider))
    assert agent.call().status_code == 401
    assert agent.refresh().status_code == 200
    assert agent.call().status_code == 200


def test_token_requests_are_counted_by_what_came_of_them(agent: Agent, browser: Browser) -> None:
    code = agent.code(browser)
    agent.redeem(code)
    agent.refresh()
    agent.refresh(refresh_token="nobody's")
    scraped, name = counted(agent.installation.registry), "lychgate_oauth_tokens_total"
    assert value(scraped, name, grant="authorization_code", outcome="issued") == 1
    assert value(scraped, name, grant="refresh_token", outcome="issued") == 1
    assert value(scraped, name, kind="managed", outcome="invalid_grant") == 1
