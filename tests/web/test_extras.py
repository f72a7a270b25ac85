"""Between login and application: reasons, approvals, outside services, eager cookies."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lychgate.store.base import AuditFilter
from lychgate.web.answering import Desk, Incoming
from lychgate.web.app import ROUTES
from lychgate.web.routing import Table
from tests.support.oidc_fake import FakeProvider, Page, Sent, fake_server, page, sign, signing_key
from tests.web.installation import TEAM, Installation, forms

HEAD = """
team: {url: "https://team.example.net", name: Example}
limits: {pins_per_hour: 100}
resources:
  organization: {name: Example}
  identity_providers: [{name: PIN, type: onetimepin, config: {}}]
"""
VAULT = "https://vault.example.com"

PURPOSE = (
    HEAD
    + """
  applications:
    - name: Vault
      type: self_hosted
      destinations: [{type: public, uri: vault.example.com}]
      policies:
        - name: staff
          decision: allow
          include: [{email_domain: {domain: example.com}}]
          purpose_justification_required: true
          purpose_justification_prompt: "Which ticket <b>number</b>?"
"""
)

APPROVAL = (
    HEAD
    + """
  lists:
    - {name: leads, type: EMAIL, items: [{value: lead@example.org}]}
  applications:
    - name: Vault
      type: self_hosted
      destinations: [{type: public, uri: vault.example.com}, {type: public, uri: "*.example.com"}]
      policies:
        - name: staff
          decision: allow
          include: [{email_domain: {domain: example.com}}]
          purpose_justification_required: true
          approval_required: true
          approval_groups:
            - {approvals_needed: 1, email_addresses: [boss@example.com]}
            - {approvals_needed: 1, email_list_uuid: leads}
"""
)

EAGER = (
    HEAD
    + """
  applications:
    - name: Many
      type: self_hosted
      eager_redirect_cookie_setting: true
      destinations:
        - {type: public, uri: one.example.com}
        - {type: public, uri: two.example.com/deep}
        - {type: public, uri: three.example.com}
        - {type: public, uri: "*.stars.example.com"}
      policies: [{name: all, decision: allow, include: [{everyone: {}}]}]
"""
)


def test_purpose_is_asked_once_for_each_login_and_written_down(tmp_path: Path) -> None:
    with Installation(tmp_path, PURPOSE) as installation:
        browser = installation.browser()
        asked = browser.log_in(f"{VAULT}/x")
        assert "Which ticket &lt;b&gt;number&lt;/b&gt;?" in asked.text
        assert browser.cookie("CF_Authorization", "vault.example.com") is None
        again = browser.submit(asked, {"purpose": "   "})
        assert "Please say why." in again.text
        done = browser.submit(again, {"purpose": "T-1 <script>"})
        assert done.json()["path"] == "/x"
        browser.http.cookies.delete("CF_Authorization", domain="vault.example.com")
        assert browser.get(f"{VAULT}/y").json()["path"] == "/y"
        event = installation.store.audit.query(AuditFilter(actions=("purpose",)))[0]
        assert event.details["response"] == "T-1 <script>"
        assert event.email == "alice@example.com"


def test_purpose_form_of_another_browser_or_person_is_refused(tmp_path: Path) -> None:
    with Installation(tmp_path, PURPOSE) as installation:
        mine, theirs = installation.browser(), installation.browser()
        asked = mine.log_in(f"{VAULT}/")
        theirs.log_in(f"{VAULT}/", "bob@example.com")
        action, hidden = forms(asked.text)[0]
        answer = theirs.http.post(TEAM + action, data={**hidden, "purpose": "x"})
        assert answer.status_code == 400
        asked = mine.get(f"{VAULT}/")
        mine.get(f"{TEAM}/cdn-cgi/access/logout")
        assert mine.submit(asked, {"purpose": "x"}).status_code == 400


def test_an_old_purpose_form_is_no_fresh_login(tmp_path: Path) -> None:
    each_time = PURPOSE.replace(
        "purpose_justification_required",
        "session_duration: 0s\n          purpose_justification_required",
    )
    with Installation(tmp_path, each_time) as installation:
        browser = installation.browser()
        asked = browser.log_in(f"{VAULT}/x")
        assert browser.submit(asked, {"purpose": "T-1"}).json()["path"] == "/x"
        installation.clock.advance(3600)
        again = browser.submit(asked, {"purpose": "T-2"})
        assert 'name="email"' in again.text


def _approve(installation: Installation, who: str, link: str, **fields: str) -> str:
    approver = installation.browser("198.51.100.8")
    login = approver.get(link)
    code_page = approver.submit(login, {"email": who})
    form = approver.submit(code_page, {"code": installation.mail.code()})
    return approver.submit(form, {"decision": "approve", "duration": "1h", **fields}).text


def test_temporary_authentication_needs_every_group_and_ends(tmp_path: Path) -> None:
    with Installation(tmp_path, APPROVAL) as installation:
        browser = installation.browser()
        asked = browser.log_in(f"{VAULT}/x?y=z")
        waiting = browser.submit(asked, {"purpose": "the server is on fire"})
        assert "/cdn-cgi/access/waiting/" in str(waiting.url)
        mails = {mail.to: mail for mail in installation.mail.messages if "asks" in mail.subject}
        assert set(mails) == {"boss@example.com", "lead@example.org"}
        link = mails["boss@example.com"].text.split("\n\n")[-1].strip()
        assert link.startswith(f"{TEAM}/cdn-cgi/access/approve/")
        text = _approve(installation, "boss@example.com", link)
        assert "somebody else has to approve" in text
        assert "/cdn-cgi/access/waiting/" in str(browser.get(str(waiting.url)).url)
        assert "may enter now" in _approve(installation, "lead@example.org", link)
        approved = browser.get(str(waiting.url))
        assert f"{VAULT}/x?y=z" in approved.text.replace("&amp;", "&")
        # A star of the destination covers any text: no link to another server may come of it.
        evil = browser.get(str(waiting.url).replace("vault.example", "3221225985%2Fvault.example"))
        assert evil.status_code == 200 and "3221225985" not in evil.text.partition("<body")[2]
        installation.clock.advance(600)
        assert browser.get(f"{VAULT}/x?y=z").json()["path"] == "/x?y=z"
        token = browser.cookie("CF_Authorization", "vault.example.com") or ""
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] < 3600 - 590
        installation.clock.advance(3600)
        assert "purpose" in browser.get(f"{VAULT}/").text
        actions = [event.action for event in installation.store.audit.query(AuditFilter())]
        assert actions.count("approved") == 2


def test_only_listed_people_other_than_the_asker_may_approve(tmp_path: Path) -> None:
    with Installation(tmp_path, APPROVAL) as installation:
        asker = installation.browser()
        asked = asker.log_in(f"{VAULT}/", "boss@example.com")
        asker.submit(asked, {"purpose": "for myself"})
        mails = [mail for mail in installation.mail.messages if "asks" in mail.subject]
        assert [mail.to for mail in mails] == ["lead@example.org"]
        link = mails[0].text.split("\n\n")[-1].strip()
        assert asker.get(link).status_code == 403
        stranger = installation.browser()
        stranger.log_in(f"{VAULT}/", "carol@example.com")
        assert stranger.get(link).status_code == 403


def test_refusing_counts_for_nothing_and_a_wrong_duration_is_refused(tmp_path: Path) -> None:
    with Installation(tmp_path, APPROVAL) as installation:
        browser = installation.browser()
        browser.submit(browser.log_in(f"{VAULT}/"), {"purpose": "x"})
        link = installation.mail.messages[-1].text.split("\n\n")[-1].strip()
        assert "Not approved" in _approve(installation, "boss@example.com", link, decision="refuse")
        approval = installation.store.approvals.get(link.rsplit("/", 1)[1])
        assert approval is not None and approval.votes == ()
        text = _approve(installation, "boss@example.com", link, duration="9000h")
        assert "not one of the durations" in text


def test_eager_cookies_reach_every_concrete_host(tmp_path: Path) -> None:
    with Installation(tmp_path, EAGER) as installation:
        browser = installation.browser()
        done = browser.log_in("https://one.example.com/page")
        assert str(done.url) == "https://one.example.com/page"
        for host in ("one", "two", "three"):
            assert browser.cookie("CF_Authorization", f"{host}.example.com")
        for url in ("https://two.example.com/deep/x", "https://three.example.com/"):
            assert browser.step(url).status_code == 200
        events = installation.store.audit.query(AuditFilter(actions=("login",)))
        assert len(events) == 1


def test_eager_cookies_of_an_attacker_do_not_stick(tmp_path: Path) -> None:
    """Each hop is bound to the browser that logs in: a stolen chain gives nothing away."""
    with Installation(tmp_path, EAGER) as installation:
        attacker, victim = installation.browser(), installation.browser()
        attacker.log_in("https://one.example.com/")
        for name in ("one", "two", "three"):
            attacker.http.cookies.delete("CF_Authorization", domain=f"{name}.example.com")
        answer = attacker.step("https://one.example.com/")
        while answer.status_code == 302:
            location = str(answer.headers["location"])
            if urlsplit(location).path.endswith("/authorized"):
                stolen = victim.step(location)
                assert "CF_Authorization" not in stolen.headers.get("set-cookie", "")
                assert stolen.status_code in (302, 400)
            answer = attacker.step(str(answer.url.join(location)))
        assert victim.cookie("CF_Authorization", "two.example.com") is None


@pytest.fixture(scope="module")
def service() -> Iterator[FakeProvider]:
    """An outside service with a key set."""
    with fake_server() as server:
        yield server.provider


EVALUATED = (
    HEAD
    + """
  applications:
    - name: Vault
      type: self_hosted
      destinations: [{type: public, uri: vault.example.com}]
      policies:
        - name: staff
          decision: allow
          include: [{email_domain: {domain: example.com}}]
          require:
            - external_evaluation: {evaluate_url: "SERVICE/evaluate", keys_url: "SERVICE/jwks"}
"""
)


@pytest.mark.parametrize(
    ("bent", "status"),
    [
        ({}, 200),
        ({"success": False}, 403),
        ({"success": "true"}, 403),
        ({"nonce": "another"}, 503),
        ({"exp": 1}, 503),
        ({"exp": None}, 503),
    ],
)
def test_external_evaluation_counts_only_a_signed_fresh_yes(
    tmp_path: Path, service: FakeProvider, bent: dict[str, object], status: int
) -> None:
    questions: list[dict[str, object]] = []

    def evaluate(sent: Sent) -> Page:
        question = next(iter(sent.form))
        asked = jwt.decode(json.loads(question)["token"], options={"verify_signature": False})
        questions.append(asked)
        now = int(time.time())
        claims = {"success": True, "iat": now, "exp": now + 60, "nonce": asked["nonce"], **bent}
        return page({"token": sign(claims, signing_key())})

    service.routes["/evaluate"] = evaluate
    config = EVALUATED.replace("SERVICE", service.origin)
    with Installation(tmp_path, config) as installation:
        browser = installation.browser()
        done = browser.log_in(f"{VAULT}/")
        assert done.status_code == status
        identity = questions[0]["identity"]
        assert isinstance(identity, dict) and identity["email"] == "alice@example.com"
        has_cookie = browser.cookie("CF_Authorization", "vault.example.com") is not None
        assert has_cookie == (status == 200)


def test_what_a_service_said_counts_no_longer_than_the_step_it_was_asked_in(
    tmp_path: Path, service: FakeProvider
) -> None:
    """A purpose form that waited: the service is asked again, and says no by now."""
    says = {"success": True}

    def evaluate(sent: Sent) -> Page:
        question = json.loads(next(iter(sent.form)))["token"]
        asked = jwt.decode(question, options={"verify_signature": False})
        # The clock of the installation is ahead of this machine's by then.
        ends = int(time.time()) + 100_000
        return page({"token": sign({**says, "nonce": asked["nonce"], "exp": ends}, signing_key())})

    service.routes["/evaluate"] = evaluate
    config = EVALUATED.replace("SERVICE", service.origin)
    config += "          purpose_justification_required: true\n"
    with Installation(tmp_path, config) as installation:
        browser = installation.browser()
        asked = browser.log_in(f"{VAULT}/")
        installation.clock.advance(3600)
        says["success"] = False
        done = browser.submit(asked, {"purpose": "T-1"})
        assert done.status_code == 403
        assert browser.cookie("CF_Authorization", "vault.example.com") is None


def test_external_evaluation_that_is_down_denies_the_login(
    tmp_path: Path, service: FakeProvider
) -> None:
    service.routes["/evaluate"] = lambda _: Page(b"no", 500)
    config = EVALUATED.replace("SERVICE", service.origin)
    with Installation(tmp_path, config) as installation:
        browser = installation.browser()
        assert browser.log_in(f"{VAULT}/").status_code == 503
        assert browser.cookie("CF_Authorization", "vault.example.com") is None


@pytest.mark.parametrize(
    "evil",
    ['"><img src=x onerror=alert(1)>', "</script><script>alert(1)</script>", "{{7*7}}${7*7}%(x)s"],
)
def test_W01_W03_names_and_texts_are_inert_everywhere(tmp_path: Path, evil: str) -> None:
    quoted = json.dumps(evil)
    config = f"""
team: {{url: "https://team.example.net", name: Example}}
limits: {{pins_per_hour: 100}}
resources:
  organization: {{name: {quoted}, login_design: {{header_text: {quoted}, footer_text: {quoted}}}}}
  identity_providers:
    - {{name: PIN, type: onetimepin, config: {{}}}}
    - name: {quoted}
      type: oidc
      config: {{client_id: x, client_secret: y, auth_url: "https://a.example/a",
               token_url: "https://a.example/t", certs_url: "https://a.example/c"}}
  applications:
    - name: {quoted}
      type: self_hosted
      destinations: [{{type: public, uri: vault.example.com}}]
      custom_deny_message: {quoted}
      policies:
        - name: x
          decision: allow
          include: [{{email: {{email: alice@example.com}}}}]
          purpose_justification_required: true
          purpose_justification_prompt: {quoted}
    - name: Open
      type: self_hosted
      destinations: [{{type: public, uri: open.example.com}}]
      policies: [{{name: all, decision: allow, include: [{{everyone: {{}}}}]}}]
"""
    with Installation(tmp_path, config) as installation:
        browser = installation.browser()
        pages = [browser.get(f"{VAULT}/")]
        pages.append(browser.submit(pages[0], {"email": "alice@example.com"}))
        mail = installation.mail.messages[-1]
        pages.append(browser.submit(pages[1], {"code": installation.mail.code()}))
        other = installation.browser()
        other.log_in("https://open.example.com/", "bob@example.com")
        pages.append(other.get(f"{VAULT}/"))
        assert [one.status_code for one in pages] == [200, 200, 200, 403]
        for text in (*(one.text for one in pages), mail.html):
            assert "<img src=x" not in text and "<script>alert" not in text
        if "{{" in evil:
            assert all(evil in one.text for one in pages)


def test_a_made_up_chain_hides_no_login_from_the_audit_log(tmp_path: Path) -> None:
    with Installation(tmp_path, EAGER) as installation:
        browser = installation.browser()
        url = "https://one.example.com/cdn-cgi/access/login?redirect_url=%2F&next=made.up"
        done = browser.log_in(url)
        assert done.json()["path"] == "/"
        events = installation.store.audit.query(AuditFilter(actions=("login",)))
        assert [event.email for event in events] == ["alice@example.com"]


CERTIFIED = (
    HEAD
    + """
  applications:
    - name: Vault
      type: self_hosted
      destinations: [{type: public, uri: vault.example.com}]
      policies:
        - name: staff
          decision: allow
          include: [{email_domain: {domain: example.com}}]
          require: [{common_name: {common_name: laptop-7}}]
"""
)


def test_the_certificate_of_the_proxy_counts_and_a_strangers_header_does_not(
    tmp_path: Path,
) -> None:
    with Installation(tmp_path, CERTIFIED) as installation:
        app = next(iter(installation.services.current().apps.values()))
        desk = Desk(Table(ROUTES), installation.services)
        pem = quote(certificate("laptop-7"))
        told = {"host": ("vault.example.com",), "x-lychgate-client-cert": (pem,)}
        for peer, name in (("127.0.0.1", "laptop-7"), ("203.0.113.5", "")):
            answer = desk.answer(Incoming("GET", "/cdn-cgi/access/login", "", told, peer))
            meta = parse_qs(urlsplit(dict(answer.headers)["location"]).query)["meta"][0]
            claims = jwt.decode(meta, options={"verify_signature": False})
            assert claims["aud"] == app.app.audience
            assert claims["mtls_auth"]["common_name"] == name


def certificate(name: str) -> str:
    """A certificate with that common name, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.fromtimestamp(time.time(), UTC)
    built = x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=subject,
        public_key=key.public_key(),
        serial_number=7,
        not_valid_before=now,
        not_valid_after=now + timedelta(days=1),
    )
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


DENYING = (
    HEAD
    + """
  applications:
    - name: Vault
      type: self_hosted
      destinations: [{type: public, uri: vault.example.com}]
      custom_deny_url: "https://help.example.org/denied"
      policies: [{name: one, decision: allow, include: [{email: {email: alice@example.com}}]}]
    - name: Strict
      type: self_hosted
      same_site_cookie_attribute: strict
      destinations: [{type: public, uri: strict.example.com}]
      policies: [{name: all, decision: allow, include: [{everyone: {}}]}]
"""
)


def test_a_custom_deny_url_is_where_refused_people_go(tmp_path: Path) -> None:
    with Installation(tmp_path, DENYING) as installation:
        browser = installation.browser()
        browser.log_in("https://strict.example.com/", "bob@example.com")
        answer = browser.step(f"{VAULT}/")
        answer = browser.step(answer.headers["location"])
        assert answer.headers["location"] == "https://help.example.org/denied"


def test_a_strict_cookie_is_set_on_a_page_that_goes_on_by_itself(tmp_path: Path) -> None:
    with Installation(tmp_path, DENYING) as installation:
        browser = installation.browser()
        browser.log_in("https://strict.example.com/")
        browser.http.cookies.delete("CF_Authorization", domain="strict.example.com")
        page = browser.get("https://strict.example.com/x")
        assert "SameSite=Strict" in page.headers["set-cookie"]
        assert browser.go_on(page).json()["path"] == "/x"
