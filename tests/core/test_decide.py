"""The order of evaluation, and the rows of the catalogue about paths, hosts and methods."""

import json
from datetime import timedelta
from typing import Any

import pytest

from lychgate.core.admit import Admitted, Refused, admit
from lychgate.core.decision import Allow, Deny, Reason, Redirect, Respond, Serve
from lychgate.core.identity import Service, User
from lychgate.core.model import (
    Action,
    AppId,
    Application,
    Cors,
    DenySettings,
    Destination,
    Organization,
    Policy,
)
from lychgate.core.request import address
from lychgate.core.selectors import Evidence, Login
from tests.core.s1 import (
    ADM,
    ALICE,
    BOB,
    LAX,
    OPEN,
    PAIR,
    PUB,
    ROOT,
    B,
    ask,
    cookie,
    outcome,
    token,
)
from tests.support.builders import (
    EVERYONE,
    NOW,
    STAFF,
    a_certificate,
    a_policy,
    a_request,
    a_service_token,
    a_snapshot,
    a_token,
    an_app,
    ip,
    rule,
)


def asked(path: str, host: str = "a.example", **more: Any) -> str:
    """The outcome for a stranger at a raw path."""
    return outcome(ask(a_request("https://a.example/", host=host, path=path, **more)))


# P rows: path and host confusion


@pytest.mark.parametrize(
    "path",
    ["/public/../admin", "/public/x/../../admin", "/public/./../admin", "/admin/", "/admin"],
)
def test_P01_dot_segments(path: str) -> None:
    assert asked(path) == "LOGIN adm"


@pytest.mark.parametrize("path", ["/public/%2e%2e/admin", "/public/%2E./admin"])
def test_P02_encoded_dots(path: str) -> None:
    assert asked(path) == "LOGIN adm"


@pytest.mark.parametrize(
    "path",
    [
        "/public/..;/admin",
        "/public/.;/../admin",
        "/admin;x=1",
        "/admin;/public/x",
        "/public/..%3b/admin",
        "/public/..;a=b/admin/x",
    ],
)
def test_P03_path_parameters(path: str) -> None:
    assert asked(path) == "LOGIN adm"
    assert outcome(ask(a_request("https://a.example/", path=path), snapshot=OPEN)) == "LOGIN adm"


def test_P03_an_admission_must_hold_for_both_readings() -> None:
    allowed = cookie(token(ADM, BOB), token(ROOT, BOB))
    for path in ("/public/..;/admin", "/admin;x=1", "/admin/..;/public/x"):
        assert outcome(ask("https://a.example" + path, allowed)) == "BAD"
    assert outcome(ask("https://a.example/admin/x;jsessionid=1", allowed)).startswith("OK(bob")


def test_P03_an_unmatched_reading_opens_nothing() -> None:
    snapshot = a_snapshot(
        an_app("adm", "a.example/admin"), organization=Organization(deny_unmatched_requests=False)
    )
    assert outcome(ask("https://a.example/x", snapshot=snapshot)) == "OK(unmatched_passed) None"
    for path in ("/admin/..;/x", "/admin/x/..;/..;/y"):
        assert outcome(ask("https://a.example" + path, snapshot=snapshot)) == "BAD"


@pytest.mark.parametrize(
    "path", ["/public%2f..%2fadmin", "/public/..%5cadmin", "/public\\..\\admin"]
)
def test_P04_encoded_separators(path: str) -> None:
    assert asked(path) == "BAD"


@pytest.mark.parametrize("path", ["//admin", "/public//../admin", "///admin", "/admin//"])
def test_P05_slashes(path: str) -> None:
    assert asked(path) == "LOGIN adm"


@pytest.mark.parametrize("path", ["/%61dmin", "/adm%69n"])
def test_P06_encoded_letters(path: str) -> None:
    assert asked(path) == "LOGIN adm"


@pytest.mark.parametrize(
    "path", ["/publicx", "/public-old/secret", "/public.", "/administrator", "/public"]
)
def test_P07_segment_boundary(path: str) -> None:
    assert asked(path) == "LOGIN root"


@pytest.mark.parametrize(
    "path",
    [
        "/public/%252e%252e/admin",
        "/public%252f..%252fadmin",
        "/public/%25%32%65%252e/admin",
        "/%2561dmin",
    ],
)
def test_P08_double_encoding(path: str) -> None:
    assert asked(path) == "BAD"


@pytest.mark.parametrize(
    "path", ["/public/%00/../admin", "/admin%00.png", "/public/%0d%0aX:1", "/\udcfc", "*", ""]
)
def test_P09_control_and_nul(path: str) -> None:
    assert asked(path) == "BAD"


def test_P10_fragment_and_query() -> None:
    assert asked("/admin#/public/x") == "BAD"
    assert asked("/admin", query="/public/x") == "LOGIN adm"
    assert asked("/admin", query="x=/../public/") == "LOGIN adm"
    assert asked("/admin", query="x#y") == "BAD"
    assert asked("/admin", query="caf\u00e9") == "BAD"


def test_P11_letter_case_of_the_path() -> None:
    assert asked("/PUBLIC/x") == "LOGIN root"
    assert (
        outcome(ask("https://a.example/Admin", cookie(token()))) == "OK(alice@staff.example) root"
    )


@pytest.mark.parametrize("host", ["A.EXAMPLE", "a.example.", "a.example:8443", "A.Example.:443"])
def test_P12_host_spelling(host: str) -> None:
    assert asked("/admin", host) == "LOGIN adm"


@pytest.mark.parametrize(
    "host",
    ["", "a.example, b.example", "b.example@a.example", "a.example/x", "a b", "a.example\x00"],
)
def test_P13_host_nonsense(host: str) -> None:
    assert asked("/", host) == "BAD"


@pytest.mark.parametrize(
    "hosts", [("a.example", "a.example"), ("b.example",), ("a.example, b.example",), ("",)]
)
def test_P14_a_host_header_that_says_otherwise(hosts: tuple[str, ...]) -> None:
    assert asked("/admin", headers={"host": hosts}) == "BAD"
    assert asked("/admin", headers={"host": ("A.example:80",), "accept": ("text/html",)}) == (
        "LOGIN adm"
    )


@pytest.mark.parametrize(
    "name",
    [
        "x-forwarded-uri",
        "x-original-url",
        "x-rewrite-url",
        "x-forwarded-prefix",
        "x-forwarded-host",
        "x-envoy-original-path",
        "forwarded",
        "x-http-method-override",
    ],
)
def test_P16_headers_that_speak_of_another_path_have_no_effect(name: str) -> None:
    assert outcome(ask("https://a.example/admin", {name: "/public/x"})) == "LOGIN adm"


@pytest.mark.parametrize("path", ["/.well-known/acme-challenge/x", "/favicon.ico", "/robots.txt"])
def test_P17_no_path_is_helpful(path: str) -> None:
    assert asked(path, headers={"user-agent": ("GoogleHC/1.0",)}) == "LOGIN root"


PREFLIGHT = {"origin": "https://x.example", "access-control-request-method": "GET"}


def test_P18_options() -> None:
    assert outcome(ask("https://a.example/admin", method="OPTIONS")) == "401"
    assert asked("/admin", method="OPTIONS", headers={}) == "LOGIN adm"
    assert outcome(ask("https://a.example/admin", PREFLIGHT, method="OPTIONS")) == "DENY"
    assert outcome(ask("https://a.example/admin", PREFLIGHT)) == "LOGIN adm"
    passing = a_snapshot(an_app("app", options_preflight_bypass=True))
    passed = ask(
        "https://app.example/", PREFLIGHT | cookie("x"), method="OPTIONS", snapshot=passing
    )
    assert isinstance(passed, Allow)
    assert passed.because.reason is Reason.PREFLIGHT_PASSED
    assert (passed.mint, passed.cookie, passed.set_headers) == (None, None, ())


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("TRACE", "405"),
        ("CONNECT", "405"),
        ("get", "BAD"),
        ("G T", "BAD"),
        ("", "BAD"),
        ("FOO", "LOGIN adm"),
        ("DELETE", "LOGIN adm"),
        ("M-SEARCH", "LOGIN adm"),
        ("A" * 40, "BAD"),
    ],
)
def test_F11_odd_methods(method: str, said: str) -> None:
    assert asked("/admin", method=method, headers={}) == said


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/cdn-cgi/access/../../admin", "LOGIN adm"),
        ("/cdn-cgi/access/%2e%2e/%2e%2e/admin", "LOGIN adm"),
        ("/cdn-cgi/access/x;/../../../admin", "LOGIN adm"),
        ("/cdn-cgi/accessory", "LOGIN root"),
        ("/cdn-cgi/access", "LOGIN root"),
        ("/cdn-cgi/access/login", "Serve"),
        ("//cdn-cgi//access/logout", "Serve"),
        ("/%63dn-cgi/access/x", "Serve"),
    ],
)
def test_F07_only_our_own_paths_go_to_the_companion(path: str, said: str) -> None:
    assert asked(path) == said


def test_our_paths_on_unknown_hosts_are_refused() -> None:
    assert asked("/cdn-cgi/access/login", "z.example") == "BAD"
    assert isinstance(ask("https://team.example/anything"), Serve)


def test_a_path_without_end_is_refused() -> None:
    assert asked("/" + "a" * 20_000) == "BAD"


def test_H03_a_header_name_with_an_underscore_is_refused() -> None:
    assert outcome(ask("https://a.example/public/x", {"cf_access_jwt_assertion": "x"})) == "BAD"


# no application


def test_unmatched_requests_are_refused_unless_said_otherwise() -> None:
    assert outcome(ask("https://z.example/")) == "DENY"
    passed = ask("https://z.example/", cookie("x", more="k=v"), snapshot=OPEN)
    assert isinstance(passed, Allow)
    assert passed.because.reason is Reason.UNMATCHED_PASSED
    assert passed.cookie == "k=v"


@pytest.mark.parametrize(
    ("host", "said"),
    [("zone.example", "OK"), ("x.zone.example", "OK"), ("xzone.example", "DENY")],
)
def test_an_exempted_zone_passes_when_nothing_matches(host: str, said: str) -> None:
    organization = Organization(exempted_hosts=("Zone.Example",))
    snapshot = a_snapshot(an_app("in", "app.zone.example"), organization=organization)
    assert outcome(ask(f"https://{host}/", snapshot=snapshot)).startswith(said)
    assert outcome(ask("https://app.zone.example/", snapshot=snapshot)) == "LOGIN other"


# public paths and encoded slashes


def public_app(**more: Any) -> Application:
    return an_app("app", Destination("app.example", "/", ("/open/*",)), **more)


def test_a_public_path_needs_nothing() -> None:
    snapshot = a_snapshot(public_app())
    opened = ask("https://app.example/open/x", snapshot=snapshot)
    assert isinstance(opened, Allow)
    assert opened.because.reason is Reason.BYPASSED
    for path in ("/open", "/openx", "/", "/open/../x", "/open/..;/x", "/x;/open/y"):
        request = a_request("https://app.example/", path=path)
        assert isinstance(ask(request, snapshot=snapshot), Redirect), path


def test_encoded_slashes_need_a_host_of_ones_own() -> None:
    token = a_token(public_app())
    for app, said in (
        (public_app(), 400),
        (public_app(allow_encoded_slash=True), None),
    ):
        got = ask("https://app.example/p/a%2fb", cookie(token), snapshot=a_snapshot(app))
        assert isinstance(got, Allow if said is None else Deny)
    assert isinstance(got, Allow)
    assert got.path == "/p/a%2Fb"
    shared = a_snapshot(public_app(allow_encoded_slash=True), an_app("two", "app.example/two"))
    assert outcome(ask("https://app.example/p/a%2fb", snapshot=shared)) == "BAD"


def test_an_encoded_slash_does_not_open_what_is_closed() -> None:
    snapshot = a_snapshot(public_app(allow_encoded_slash=True))
    for path in ("/open/..%2fx", "/open%2fx", "/open/a%2f..%2f..%2fx"):
        assert isinstance(ask(f"https://app.example{path}", snapshot=snapshot), Redirect), path
    narrow = a_snapshot(
        an_app("app", "app.example/in", allow_encoded_slash=True),
        organization=Organization(deny_unmatched_requests=False),
    )
    assert outcome(ask("https://app.example/out%2fx", snapshot=narrow)).startswith("OK(unmatched")
    for path in ("/in%2fx", "/out/..%2fin", "/in/..%2f..%2fout"):
        decision = ask(f"https://app.example{path}", snapshot=narrow)
        assert not isinstance(decision, Allow), path


# the documented orders


def judged(*policies: Policy, headers: Any = None, user: bool = True, **more: Any) -> str:
    app = an_app("app", policies=[policy.id for policy in policies])
    snapshot = a_snapshot(app, *policies, a_service_token("st1"))
    known: dict[str, str] = {}
    if user:
        evidence = Evidence(
            ip=address("203.0.113.9"), country="PT", identity=ALICE, login=Login.KNOWN
        )
        admission = admit(snapshot.apps[app.id], evidence)
        if isinstance(admission, Refused):
            return f"{admission.reason.value} {admission.policy}"
        assert isinstance(admission, Admitted)
        known = cookie(a_token(app, policy=admission.policy, facts=admission.facts))
    decision = ask("https://app.example/", (headers or {}) | known, snapshot=snapshot, **more)
    if isinstance(decision, Redirect):
        return "login"
    because = decision.because
    return f"{because.reason.value} {because.policy}"


BLOCK = a_policy("block", Action.DENY, [EVERYONE])
PASS = a_policy("pass", Action.BYPASS, [EVERYONE])
ALLOW = a_policy("allow", include=[STAFF])
SERVICE = a_policy("service", Action.SERVICE_AUTH, [rule("service_token", token_id="st1")])
ANY_SERVICE = a_policy("any", Action.SERVICE_AUTH, [ip("203.0.113.0/24")])


@pytest.mark.parametrize(
    ("policies", "headers", "user", "said"),
    [
        pytest.param((BLOCK, PASS), {}, False, "bypassed pass", id="bypass before block"),
        pytest.param((PASS, ANY_SERVICE), {}, False, "bypassed pass", id="in list order"),
        pytest.param((ANY_SERVICE, PASS), {}, False, "service_auth any", id="in list order too"),
        pytest.param(
            (ALLOW, SERVICE), PAIR, False, "service_auth service", id="service auth first"
        ),
        pytest.param(
            (BLOCK, SERVICE), PAIR, False, "service_auth service", id="block does not stop"
        ),
        pytest.param((BLOCK, ALLOW), {}, True, "blocked block", id="block before allow"),
        pytest.param((ALLOW, BLOCK), {}, True, "allowed allow", id="allow before block"),
        pytest.param((ALLOW, BLOCK), {}, False, "login", id="a stranger may be staff"),
        pytest.param((BLOCK, ALLOW), {}, False, "blocked block", id="no login for the blocked"),
        pytest.param((), {}, False, "no_policy_matched None", id="no policy"),
        pytest.param((), {}, True, "no_policy_matched None", id="no policy, with a token"),
        pytest.param((SERVICE,), {}, False, "no_policy_matched None", id="only service auth"),
        pytest.param(
            (a_policy("geo", Action.DENY, [rule("geo", country_code="XX")]), ALLOW),
            {},
            False,
            "blocked geo",
            id="unknown country is blocked before the login",
        ),
    ],
)
def test_policies_run_in_their_documented_order(
    policies: tuple[Policy, ...], headers: Any, user: bool, said: str
) -> None:
    assert judged(*policies, headers=headers, user=user) == said


def test_staff_from_a_blocked_country_are_refused_before_login() -> None:
    blocked = a_policy("geo", Action.DENY, [rule("geo", country_code="XX")])
    assert judged(blocked, ALLOW, user=False, country="XX") == "blocked geo"
    assert judged(blocked, ALLOW, user=True, country="XX") == "blocked geo"
    assert judged(blocked, ALLOW, user=False, country="PT") == "login"
    assert judged(blocked, ALLOW, user=True, country="PT") == "allowed allow"


def test_S02_an_allow_policy_does_not_take_a_service_token() -> None:
    app = an_app("app", policies=["machines"])
    machines = a_policy("machines", include=[rule("service_token", token_id="st1")])
    strict = a_snapshot(app, machines, a_service_token())
    assert outcome(ask("https://app.example/", PAIR, snapshot=strict)) == "DENY"
    assert outcome(ask("https://app.example/", snapshot=strict)) == "DENY"
    lax = Organization(strict_service_tokens=False)
    lenient = a_snapshot(app, machines, a_service_token(), organization=lax)
    decision = ask("https://app.example/", PAIR, snapshot=lenient)
    assert isinstance(decision, Redirect)
    assert decision.meta is not None


# what every request is judged by again


OFFICE = a_policy("office", include=[STAFF], require=[ip("10.9.0.0/16")])


def later(*policies: Policy, admitted_by: str, facts: int, **more: Any) -> str:
    app = an_app("app", policies=[policy.id for policy in policies])
    snapshot = a_snapshot(app, *policies)
    known = cookie(a_token(app, policy=admitted_by, facts=facts, issued=more.pop("issued", NOW)))
    decision = ask("https://app.example/", known, snapshot=snapshot, **more)
    if isinstance(decision, Redirect):
        return f"login {decision.because.reason.value}"
    return f"{decision.because.reason.value} {decision.because.policy}"


def test_the_address_is_judged_on_every_request() -> None:
    inside, outside = address("10.9.1.1"), address("10.10.0.1")
    assert later(OFFICE, admitted_by="office", facts=1, client_ip=inside) == "allowed office"
    assert later(OFFICE, admitted_by="office", facts=1, client_ip=outside) == (
        "no_policy_matched None"
    )
    assert later(OFFICE, admitted_by="office", facts=1, client_ip=None) == "no_policy_matched None"
    assert later(OFFICE, admitted_by="office", facts=0, client_ip=inside) == (
        "no_policy_matched None"
    )


@pytest.mark.parametrize(
    ("elsewhere", "said"),
    [
        (a_policy("else", include=[STAFF]), "allowed else"),
        (
            a_policy("else", include=[STAFF], approval_required=True),
            "login token_outdated",
        ),
        (
            a_policy("else", include=[STAFF], purpose_required=True),
            "login token_outdated",
        ),
        (
            a_policy("else", include=[STAFF], session_duration=timedelta(minutes=5)),
            "login token_outdated",
        ),
        (
            a_policy("else", include=[STAFF], session_duration=timedelta(minutes=15)),
            "allowed else",
        ),
    ],
)
def test_a_session_goes_on_under_another_policy_only_if_that_asks_nothing_more(
    elsewhere: Policy, said: str
) -> None:
    issued = NOW - timedelta(minutes=10)
    more: Any = {"admitted_by": "office", "facts": 3, "client_ip": address("10.10.0.1")}
    assert later(OFFICE, elsewhere, issued=issued, **more) == said


def test_a_session_goes_on_while_its_own_policy_holds() -> None:
    first = a_policy("first", include=[STAFF], require=[ip("10.9.0.0/16")], approval_required=True)
    own = a_policy("own", include=[STAFF])
    at_office = address("10.9.1.1")
    assert later(first, own, admitted_by="own", facts=3, client_ip=at_office) == "allowed first"
    blocked = a_policy("block", Action.DENY, [ip("10.9.0.0/16")])
    assert later(first, blocked, own, admitted_by="own", facts=3, client_ip=at_office) == (
        "login token_outdated"
    )


def test_an_unknown_rule_at_login_keeps_counting_against_the_visitor() -> None:
    ask_url = rule("external_evaluation", evaluate_url="https://e/", keys_url="https://k/")
    block = a_policy("block", Action.DENY, [ask_url], require=[ip("10.9.0.0/16")])
    allow = a_policy("allow", include=[STAFF])
    snapshot = a_snapshot(an_app("app", policies=["block", "allow"]), block, allow)
    evidence = Evidence(ip=address("10.10.0.1"), identity=ALICE, login=Login.KNOWN)
    admitted = admit(snapshot.apps[AppId("app")], evidence)
    assert isinstance(admitted, Admitted)
    more: Any = {"admitted_by": "allow", "facts": admitted.facts}
    assert later(block, allow, client_ip=address("10.10.0.1"), **more) == "allowed allow"
    assert later(block, allow, client_ip=address("10.9.0.1"), **more) == "blocked block"


def test_H06_a_forwarded_address_counts_for_nothing() -> None:
    spoofed = {"x-forwarded-for": "10.9.0.1", "x-real-ip": "10.9.0.1", "forwarded": "for=10.9.0.1"}
    only = a_policy("net", Action.SERVICE_AUTH, [ip("10.9.0.0/16")])
    assert judged(only, headers=spoofed, user=False) == "no_policy_matched None"
    assert judged(only, user=False, client_ip=address("10.9.0.1")) == "service_auth net"


def test_H07_a_certificate_header_counts_for_nothing() -> None:
    header = {"x-forwarded-client-cert": 'By=x;Subject="CN=svc"', "x-lychgate-client-cert": "svc"}
    only = a_policy("cert", Action.SERVICE_AUTH, [rule("common_name", common_name="svc")])
    assert judged(only, headers=header, user=False) == "no_policy_matched None"
    assert judged(only, user=False, certificate=a_certificate("svc")) == "service_auth cert"
    assert judged(only, user=False, certificate=a_certificate("svc", valid=False)) == (
        "no_policy_matched None"
    )


def test_a_certificate_is_a_machine_with_a_cookie() -> None:
    app = an_app("app", policies=["cert"])
    only = a_policy("cert", Action.SERVICE_AUTH, [rule("certificate")])
    snapshot = a_snapshot(app, only)
    decision = ask("https://app.example/", certificate=a_certificate("svc"), snapshot=snapshot)
    assert isinstance(decision, Allow)
    assert decision.mint is not None
    assert decision.mint.claims["common_name"] == "svc"
    assert decision.mint.cookie is not None
    assert decision.because.principal == Service("", "", common_name="svc")


# refusals


def test_only_service_auth_may_answer_401() -> None:
    app = an_app("app", policies=["service"], service_auth_401=True)
    snapshot = a_snapshot(app, SERVICE, a_service_token())
    assert outcome(ask("https://app.example/", snapshot=snapshot)) == "401"
    both = a_snapshot(
        an_app("app", policies=["service", "block"], service_auth_401=True),
        SERVICE,
        BLOCK,
        a_service_token(),
    )
    assert outcome(ask("https://app.example/", snapshot=both)) == "401"


def test_refusals_name_the_application_and_never_the_grounds() -> None:
    decision = ask("https://app.example/", snapshot=a_snapshot(an_app("app", policies=[])))
    assert isinstance(decision, Deny)
    headers = dict(decision.headers)
    assert headers["cf-access-error"] == "forbidden"
    assert headers["cf-access-domain"] == "app.example"
    assert len(headers["cf-access-aud"]) == 64


def test_refused_people_go_where_the_application_says() -> None:
    deny = DenySettings(url="https://why.example/", non_identity_url="https://who.example/")
    app = an_app("app", policies=["office"], deny=deny)
    snapshot = a_snapshot(app, OFFICE)
    stranger = ask("https://app.example/", snapshot=snapshot)
    known = ask("https://app.example/", cookie(a_token(app, policy="office")), snapshot=snapshot)
    script = ask("https://app.example/", {"sec-fetch-mode": "cors"}, snapshot=snapshot)
    assert isinstance(stranger, Redirect)
    assert (stranger.location, stranger.meta) == ("https://who.example/", None)
    assert isinstance(known, Redirect)
    assert known.location == "https://why.example/"
    assert isinstance(script, Deny)


def test_a_refused_machine_is_never_redirected() -> None:
    app = an_app("app", policies=["staff"], deny=DenySettings("", "https://x/", "https://x/"))
    snapshot = a_snapshot(app, a_policy(), a_service_token())
    assert outcome(ask("https://app.example/", PAIR, snapshot=snapshot)) == "DENY"


# CORS


CORS = Cors(
    origins=("https://X.example",),
    methods=("GET", "PUT"),
    headers=("X-One",),
    credentials=True,
    max_age=600,
)


def preflight(cors: Cors, **headers: str) -> Respond | Deny:
    asking = PREFLIGHT | {name.replace("_", "-"): value for name, value in headers.items()}
    snapshot = a_snapshot(an_app("app", cors=cors))
    decision = ask("https://app.example/", asking, method="OPTIONS", snapshot=snapshot)
    assert isinstance(decision, Respond | Deny)
    return decision


def test_a_preflight_is_answered_as_configured() -> None:
    answer = preflight(CORS, access_control_request_headers="x-one, X-Two")
    assert isinstance(answer, Respond)
    assert (answer.status, answer.body) == (200, "")
    assert dict(answer.headers) == {
        "vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        "access-control-allow-origin": "https://x.example",
        "access-control-allow-methods": "GET",
        "access-control-allow-headers": "x-one",
        "access-control-allow-credentials": "true",
        "access-control-max-age": "600",
    }


def test_a_preflight_for_anything_echoes_the_origin_and_never_a_star() -> None:
    anything = Cors(all_origins=True, all_methods=True, all_headers=True)
    answer = preflight(anything, access_control_request_headers="x-two")
    assert dict(answer.headers)["access-control-allow-origin"] == "https://x.example"
    assert dict(answer.headers)["access-control-allow-headers"] == "x-two"
    assert "access-control-max-age" not in dict(answer.headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://x.example.evil"},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"access_control_request_method": "DELETE"},
    ],
)
def test_a_preflight_outside_the_settings_is_refused(headers: dict[str, str]) -> None:
    answer = preflight(CORS, **headers)
    assert isinstance(answer, Deny)
    assert answer.status == 403


def test_a_preflight_that_asks_for_no_allowed_header_is_told_none() -> None:
    answer = preflight(CORS, access_control_request_headers="x-two")
    assert "access-control-allow-headers" not in dict(answer.headers)


def test_bypass_comes_before_the_preflight() -> None:
    decision = ask("https://a.example/public/x", PREFLIGHT, method="OPTIONS")
    assert outcome(decision) == "OK(bypassed) pub"


def test_allowed_origins_can_read_our_own_refusals() -> None:
    app = an_app("app", cors=CORS)
    asking = {"sec-fetch-mode": "cors", "origin": "https://x.example"}
    decision = ask("https://app.example/", asking, snapshot=a_snapshot(app))
    assert outcome(decision) == "401"
    assert ("access-control-allow-origin", "https://x.example") in decision.headers  # type: ignore[union-attr]
    foreign = ask(
        "https://app.example/",
        asking | {"origin": "https://evil.example"},
        snapshot=a_snapshot(app),
    )
    assert "access-control-allow-origin" not in dict(foreign.headers)  # type: ignore[union-attr]


def test_a_session_is_an_allow_with_the_token_as_the_assertion() -> None:
    text = token()
    decision = ask("https://a.example/x?y=z", cookie(text, more="k=v"))
    assert isinstance(decision, Allow)
    assert decision.path == "/x?y=z"
    assert dict(decision.set_headers) == {
        "cf-access-jwt-assertion": text,
        "cf-access-authenticated-user-email": ALICE.email,
        "cf-access-authenticated-user-id": ALICE.subject,
    }
    assert decision.cookie == f"CF_Authorization={text}; k=v"
    assert decision.because.principal == User(ALICE.subject, ALICE.email, "session-1", "staff")  # type: ignore[arg-type]


def test_the_decisions_of_the_installation_are_deterministic() -> None:
    request = a_request("https://a.example/x", headers={"cookie": "a=b"})
    assert ask(request) == ask(request)
    assert ask(request, snapshot=LAX) == ask(request, snapshot=LAX)
    assert json.dumps(dict(ask(request).meta or {}))  # type: ignore[union-attr]


def test_every_application_of_the_installation_has_its_own_owner() -> None:
    for app, url in ((PUB, "https://a.example/public/x"), (B, "https://b.example/")):
        assert ask(url).because.app == app.id
    assert ask("https://a.example/").because.app == ROOT.id


@pytest.mark.parametrize(
    ("url", "headers", "method", "reason"),
    [
        ("https://team.example/", {}, "GET", Reason.COMPANION),
        ("https://z.example/", {}, "GET", Reason.NO_APPLICATION),
        ("https://a.example/", PREFLIGHT, "OPTIONS", Reason.PREFLIGHT_REFUSED),
        ("https://a.example/", PAIR, "GET", Reason.SERVICE_TOKEN_NOT_ALLOWED),
        ("https://a.example/", {}, "TRACE", Reason.METHOD_NOT_ALLOWED),
        ("https://a.example/%00", {}, "GET", Reason.BAD_REQUEST),
    ],
)
def test_the_log_is_told_why(url: str, headers: Any, method: str, reason: Reason) -> None:
    assert ask(url, headers, method=method).because.reason is reason


def test_an_answered_preflight_says_so() -> None:
    assert preflight(CORS).because.reason is Reason.PREFLIGHT_ANSWERED
