"""Every selector: at least one match, one miss and one malformed value, and a row in its page."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lychgate.core.model import AppId, ItemList, ListId, ListType
from lychgate.core.request import address
from lychgate.core.selectors import (
    ALL,
    BY_KIND,
    Evidence,
    InvalidRule,
    Login,
    Match,
    Networks,
    claim_values,
    emails_of,
    networks_of,
    parse,
    parse_network,
)
from tests.support.builders import IDP, OTHER_IDP, a_certificate, a_service_token, a_user

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "selectors.md"
EVALUATE, KEYS = "https://eval.example/ask", "https://eval.example/keys"
LISTS = {
    "people": ItemList(
        ListId("people"), "people", ListType.EMAIL, ("Alice@staff.example", "no address")
    ),
    "nets": ItemList(
        ListId("nets"), "nets", ListType.IP, ("10.9.0.0/16", "192.0.2.7", "2001:db8::/32")
    ),
    "typo": ItemList(ListId("typo"), "typo", ListType.IP, ("10.9.0.0/99",)),
}


class Lists:
    """A lookup of the lists above."""

    def emails(self, id: ListId) -> frozenset[str]:
        return emails_of(self._items(id, ListType.EMAIL))

    def networks(self, id: ListId) -> Networks:
        return networks_of(self._items(id, ListType.IP))

    def _items(self, id: ListId, type: ListType) -> tuple[str, ...]:
        found = LISTS.get(id)
        if found is None or found.type is not type:
            raise InvalidRule(f"there is no {type.value} list `{id}`")
        return found.items


def person(address: str = "alice@staff.example", **more: Any) -> Evidence:
    return Evidence(login=Login.KNOWN, identity=a_user(address, **more))


def at(text: str) -> Evidence:
    return Evidence(ip=address(text))


STRANGER = Evidence(login=Login.PENDING)
NOBODY = Evidence()
ALICE = person()

type Case = tuple[str, Mapping[str, Any], Evidence, Match]
YES, NO, UNKNOWN, PENDING = Match.YES, Match.NO, Match.UNKNOWN, Match.PENDING
OIDC = {"claim_name": "dept", "claim_value": "eng", "identity_provider_id": IDP}
GITHUB = {"name": "Acme", "identity_provider_id": IDP}
ASK = {"evaluate_url": EVALUATE, "keys_url": KEYS}
SAML = {"attribute_name": "a", "attribute_value": "b", "identity_provider_id": IDP}

CASES: tuple[Case, ...] = (
    ("email", {"email": "Alice@Staff.Example"}, ALICE, YES),
    ("email", {"email": "alice@staff.example"}, person("bob@staff.example"), NO),
    ("email", {"email": "alice@staff.example"}, STRANGER, PENDING),
    ("email", {"email": "alice@staff.example"}, NOBODY, UNKNOWN),
    ("email_domain", {"domain": "staff.example"}, ALICE, YES),
    ("email_domain", {"domain": "@Staff.Example"}, ALICE, YES),
    ("email_domain", {"domain": "staff.example"}, person("a@evil-staff.example"), NO),
    ("email_domain", {"domain": "staff.example"}, person("a@sub.staff.example"), NO),
    ("email_domain", {"domain": "staff.example"}, person("a@evil@staff.example"), NO),
    ("email_domain", {"domain": "staff.example"}, person("a@staff.example.evil"), NO),
    ("email_domain", {"domain": "staff.example"}, STRANGER, PENDING),
    ("email_list", {"id": "people"}, ALICE, YES),
    ("email_list", {"id": "people"}, person("bob@staff.example"), NO),
    ("email_list", {"id": "people"}, STRANGER, PENDING),
    ("everyone", {}, NOBODY, YES),
    ("everyone", {}, ALICE, YES),
    ("ip", {"ip": "10.9.0.0/16"}, at("10.9.200.1"), YES),
    ("ip", {"ip": "192.168.100.1/24"}, at("192.168.100.77"), YES),
    ("ip", {"ip": "192.0.2.7"}, at("192.0.2.7"), YES),
    ("ip", {"ip": "10.9.0.0/16"}, at("10.10.0.1"), NO),
    ("ip", {"ip": "10.0.0.0/8"}, at("::ffff:10.0.0.1"), YES),
    ("ip", {"ip": "::ffff:10.0.0.0/104"}, at("10.1.2.3"), YES),
    ("ip", {"ip": "::/0"}, at("10.0.0.1"), NO),
    ("ip", {"ip": "0.0.0.0/0"}, at("2001:db8::1"), NO),
    ("ip", {"ip": "2001:db8::/32"}, at("2001:db8::1"), YES),
    ("ip", {"ip": "2001:db8::/112"}, at("2001:db8::1"), YES),
    ("ip", {"ip": "10.9.0.0/16"}, NOBODY, UNKNOWN),
    ("ip_list", {"id": "nets"}, at("10.9.3.4"), YES),
    ("ip_list", {"id": "nets"}, at("192.0.2.7"), YES),
    ("ip_list", {"id": "nets"}, at("2001:db8:ffff::1"), YES),
    ("ip_list", {"id": "nets"}, at("192.0.2.8"), NO),
    ("ip_list", {"id": "nets"}, at("::a09:304"), NO),
    ("ip_list", {"id": "nets"}, NOBODY, UNKNOWN),
    ("geo", {"country_code": "pt"}, Evidence(country="PT"), YES),
    ("geo", {"country_code": "PT"}, Evidence(country="pt"), YES),
    ("geo", {"country_code": "PT"}, Evidence(country="DE"), NO),
    ("geo", {"country_code": "PT"}, NOBODY, UNKNOWN),
    ("certificate", {}, Evidence(certificate=a_certificate()), YES),
    ("certificate", {}, Evidence(certificate=a_certificate(valid=False)), NO),
    ("certificate", {}, NOBODY, NO),
    ("common_name", {"common_name": "svc"}, Evidence(certificate=a_certificate("svc")), YES),
    ("common_name", {"common_name": "svc"}, Evidence(certificate=a_certificate("SVC")), NO),
    (
        "common_name",
        {"common_name": "svc"},
        Evidence(certificate=a_certificate("svc", valid=False)),
        NO,
    ),
    ("common_name", {"common_name": "svc"}, NOBODY, NO),
    ("service_token", {"token_id": "st1"}, Evidence(service=a_service_token("st1")), YES),
    ("service_token", {"token_id": "st1"}, Evidence(service=a_service_token("st2")), NO),
    ("service_token", {"token_id": "st1.access"}, Evidence(service=a_service_token()), NO),
    ("service_token", {"token_id": "st1"}, ALICE, NO),
    ("any_valid_service_token", {}, Evidence(service=a_service_token()), YES),
    ("any_valid_service_token", {}, ALICE, NO),
    ("linked_app_token", {"app_uid": "root"}, Evidence(linked=AppId("root")), YES),
    ("linked_app_token", {"app_uid": "root"}, Evidence(linked=AppId("other")), NO),
    ("linked_app_token", {"app_uid": "root"}, ALICE, NO),
    ("login_method", {"id": IDP}, ALICE, YES),
    ("login_method", {"id": OTHER_IDP}, ALICE, NO),
    ("login_method", {"id": IDP}, STRANGER, PENDING),
    ("auth_method", {"auth_method": "mfa"}, person(amr=("pwd", "mfa")), YES),
    ("auth_method", {"auth_method": "mfa"}, ALICE, NO),
    ("auth_method", {"auth_method": "mfa"}, STRANGER, PENDING),
    (
        "external_evaluation",
        ASK,
        Evidence(identity=a_user(), evaluations={(EVALUATE, KEYS): True}),
        YES,
    ),
    (
        "external_evaluation",
        ASK,
        Evidence(identity=a_user(), evaluations={(EVALUATE, KEYS): False}),
        NO,
    ),
    (
        "external_evaluation",
        ASK,
        Evidence(identity=a_user(), evaluations={(EVALUATE, "https://other/"): True}),
        UNKNOWN,
    ),
    ("external_evaluation", ASK, STRANGER, PENDING),
    ("oidc", OIDC, person(claims={"dept": "eng"}), YES),
    ("oidc", OIDC, person(claims={"dept": ["ops", "eng"]}), YES),
    ("oidc", OIDC, person(claims={"dept": "engineering"}), NO),
    ("oidc", OIDC, person(claims={"dept": {"eng": True}}), NO),
    ("oidc", OIDC, person(), NO),
    ("oidc", OIDC, person(partial=True), UNKNOWN),
    ("oidc", OIDC, person(claims={"dept": "eng"}, idp_id=OTHER_IDP), NO),
    ("oidc", OIDC | {"claim_value": "7"}, person(claims={"dept": 7}), YES),
    ("oidc", OIDC | {"claim_value": "true"}, person(claims={"dept": True}), YES),
    ("oidc", OIDC | {"claim_name": "groups"}, person(groups=("eng",)), YES),
    ("oidc", OIDC | {"claim_name": "groups"}, person(groups=None), UNKNOWN),
    ("oidc", OIDC, STRANGER, PENDING),
    ("azureAD", {"id": "g1", "identity_provider_id": IDP}, person(groups=("g1",)), YES),
    ("azureAD", {"id": "g1", "identity_provider_id": IDP}, person(groups=("g2",)), NO),
    ("azureAD", {"id": "g1", "identity_provider_id": OTHER_IDP}, person(groups=("g1",)), NO),
    ("azureAD", {"id": "g1", "identity_provider_id": IDP}, person(groups=None), UNKNOWN),
    ("okta", {"name": "Admins", "identity_provider_id": IDP}, person(groups=("Admins",)), YES),
    ("okta", {"name": "Admins", "identity_provider_id": IDP}, person(groups=("admins",)), NO),
    ("gsuite", {"email": "E@x.org", "identity_provider_id": IDP}, person(groups=("e@X.org",)), YES),
    ("gsuite", {"email": "e@x.org", "identity_provider_id": IDP}, ALICE, NO),
    ("github-organization", GITHUB, person(groups=("acme", "acme/core")), YES),
    ("github-organization", GITHUB, person(groups=("acmecorp",)), NO),
    ("github-organization", GITHUB | {"team": "Core"}, person(groups=("acme/core",)), YES),
    ("github-organization", GITHUB | {"team": "core"}, person(groups=("acme",)), NO),
    ("github-organization", GITHUB | {"team": None}, person(groups=("acme",)), YES),
    ("device_posture", {"integration_uid": "x"}, ALICE, UNKNOWN),
    ("device_posture", {"integration_uid": "x"}, STRANGER, UNKNOWN),
    ("user_risk_score", {"user_risk_score": ["low"]}, ALICE, UNKNOWN),
    ("cloudflare_account_member", {}, ALICE, UNKNOWN),
    (
        "auth_context",
        {"id": "1", "ac_id": "c1", "identity_provider_id": IDP},
        ALICE,
        UNKNOWN,
    ),
    ("saml", SAML, ALICE, UNKNOWN),
)


def case_name(value: object) -> str | None:
    return value if isinstance(value, str) else None


@pytest.mark.parametrize(("kind", "value", "evidence", "says"), CASES, ids=case_name)
def test_a_selector_says(
    kind: str, value: Mapping[str, Any], evidence: Evidence, says: Match
) -> None:
    selector = parse(kind, value, Lists())
    assert selector.matches(evidence) is says
    assert selector.saw(evidence)


MALFORMED: tuple[tuple[str, Mapping[str, Any], str], ...] = (
    ("email", {}, "email is a required field"),
    ("email", {"email": "a@b@c"}, "not an email address"),
    ("email", {"email": 7}, "must be a text"),
    ("email", {"email": "a@b", "extra": "x"}, "no member `extra`"),
    ("email_domain", {"domain": "sta ff"}, "not a domain"),
    ("email_domain", {"domain": "staff.example:443"}, "not a domain"),
    ("email_list", {"id": "nets"}, "no EMAIL list"),
    ("everyone", {"x": "y"}, "no member `x`"),
    ("ip", {"ip": "10.0.0.0/33"}, "not an IP address or range"),
    ("ip", {"ip": "10.0.0.300"}, "not an IP address or range"),
    ("ip", {"ip": "localhost"}, "not an IP address or range"),
    ("ip_list", {"id": "people"}, "no IP list"),
    ("ip_list", {"id": "typo"}, "not an IP address or range"),
    ("geo", {"country_code": "PRT"}, "two-letter"),
    ("geo", {"country_code": "\u00df\u00df"}, "two-letter"),
    ("certificate", {"x": "y"}, "no member"),
    ("common_name", {"common_name": " "}, "must be a text"),
    ("service_token", {"token_id": None}, "must be a text"),
    ("any_valid_service_token", {"token_id": "x"}, "no member"),
    ("linked_app_token", {}, "app_uid is a required field"),
    ("login_method", {"id": ["x"]}, "must be a text"),
    ("auth_method", {}, "auth_method is a required field"),
    ("external_evaluation", {"evaluate_url": "ftp://x", "keys_url": KEYS}, "http or https"),
    ("external_evaluation", {"evaluate_url": EVALUATE}, "keys_url is a required field"),
    ("oidc", {"claim_name": "x", "claim_value": "y"}, "identity_provider_id is a required"),
    ("azureAD", {"id": "g1"}, "identity_provider_id is a required"),
    ("okta", {"name": "x"}, "identity_provider_id is a required"),
    ("gsuite", {"email": "", "identity_provider_id": IDP}, "must be a text"),
    ("github-organization", GITHUB | {"team": 7}, "must be a text"),
    ("device_posture", {}, "integration_uid is a required"),
    ("user_risk_score", {"user_risk_score": []}, "list of low"),
    ("user_risk_score", {"user_risk_score": ["lowish"]}, "list of low"),
    ("user_risk_score", {"user_risk_score": "low"}, "list of low"),
    ("cloudflare_account_member", {"account_id": 7}, "must be a text"),
    ("auth_context", {"id": "1"}, "ac_id is a required"),
    ("saml", {"attribute_name": "a"}, "attribute_value is a required"),
    ("telepathy", {}, "unknown selector `telepathy`"),
)


@pytest.mark.parametrize(("kind", "value", "message"), MALFORMED, ids=case_name)
def test_a_malformed_rule_is_refused(kind: str, value: Mapping[str, Any], message: str) -> None:
    with pytest.raises(InvalidRule, match=re.escape(message)):
        parse(kind, value, Lists())


@pytest.mark.parametrize("selector", ALL, ids=lambda selector: selector.kind)
def test_every_selector_has_cases_and_a_row(selector: Any) -> None:
    says = {case[3] for case in CASES if case[0] == selector.kind}
    if selector.source:
        assert YES in says and (NO in says or selector.kind == "everyone")
    else:
        assert says == {UNKNOWN}
    assert any(kind == selector.kind for kind, _, _ in MALFORMED)
    row = rows()[selector.kind]
    for member in (*selector.members, *selector.optional):
        assert f"`{member}`" in row, member
    assert ("yes" if selector.each_request else "no") == cell(row, 2)
    assert ("yes" if selector.identity else "no") == cell(row, 3)
    assert ("yes" if selector.source else "never") == cell(row, 4)


def rows() -> dict[str, str]:
    lines = PAGE.read_text().splitlines()
    found = ((re.match(r"\| `([^`]+)` \|", line), line) for line in lines)
    return {match[1]: line for match, line in found if match}


def cell(row: str, index: int) -> str:
    return row.strip("| ").split("|")[index].strip()


def test_the_page_names_no_selector_that_does_not_exist() -> None:
    assert set(rows()) == set(BY_KIND) | {"group"}


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("a", {"a"}),
        (["a", "b", None], {"a", "b"}),
        (("a",), {"a"}),
        (7, {"7"}),
        (1.5, {"1.5"}),
        (False, {"false"}),
        (None, set()),
        ({"a": 1}, set()),
        ([["a"]], set()),
    ],
)
def test_a_claim_is_matched_by_its_texts(value: object, texts: set[str]) -> None:
    assert claim_values(value) == texts


def test_an_address_of_a_range_may_have_blanks_around_it() -> None:
    assert str(parse_network(" 10.0.0.1 ")) == "10.0.0.1/32"


@pytest.mark.parametrize(
    ("kind", "value", "evidence", "shown"),
    [
        ("email", {"email": "a@b.example"}, ALICE, "alice@staff.example"),
        ("email", {"email": "a@b.example"}, STRANGER, "not logged in"),
        ("ip", {"ip": "10.0.0.1"}, at("10.0.0.2"), "10.0.0.2"),
        ("ip", {"ip": "10.0.0.1"}, NOBODY, "address not known"),
        ("geo", {"country_code": "PT"}, NOBODY, "country not known"),
        ("certificate", {}, NOBODY, "no certificate"),
        ("certificate", {}, Evidence(certificate=a_certificate("x")), "x (valid)"),
        ("certificate", {}, Evidence(certificate=a_certificate("x", valid=False)), "x (not valid)"),
        ("any_valid_service_token", {}, Evidence(service=a_service_token("st9")), "st9"),
        ("any_valid_service_token", {}, NOBODY, "no service token"),
        ("linked_app_token", {"app_uid": "x"}, NOBODY, "no linked token"),
        ("linked_app_token", {"app_uid": "x"}, Evidence(linked=AppId("y")), "y"),
        ("login_method", {"id": IDP}, ALICE, "idp-1"),
        ("auth_method", {"auth_method": "x"}, person(amr=("pwd",)), "['pwd']"),
        ("external_evaluation", ASK, ALICE, "not evaluated"),
        ("oidc", OIDC, person(claims={"dept": 7}), "7"),
        ("oidc", OIDC | {"claim_name": "Groups"}, person(groups=("g",)), '["g"]'),
        ("saml", SAML, ALICE, "no source"),
        ("everyone", {}, ALICE, "anybody"),
    ],
)
def test_a_selector_shows_what_it_saw(
    kind: str, value: Mapping[str, Any], evidence: Evidence, shown: str
) -> None:
    assert parse(kind, value, Lists()).saw(evidence) == shown
