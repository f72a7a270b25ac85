"""The whole way from a protected page through the login and back."""

from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.web.installation import TEAM, Browser, Installation, forms

WIKI = "https://wiki.example.com"
ADMIN = "https://admin.example.com"


def test_a_visitor_logs_in_by_pin_and_reaches_the_page(browser: Browser) -> None:
    page = browser.log_in(f"{WIKI}/a/b?c=d")
    assert page.status_code == 200
    assert str(page.url) == f"{WIKI}/a/b?c=d"
    assert page.json()["headers"]["cf-access-authenticated-user-email"] == "alice@example.com"


def test_a_program_that_posts_the_code_is_simply_redirected(installation: Installation) -> None:
    browser = installation.browser()
    for name in ("sec-fetch-mode", "sec-fetch-dest"):
        del browser.http.headers[name]
    page = browser.get(f"{WIKI}/")
    code_page = browser.submit(page, {"email": "alice@example.com"})
    action, hidden = forms(code_page.text)[0]
    fields = {**hidden, "code": installation.mail.code()}
    answer = browser.http.post(TEAM + action, data=fields, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{WIKI}/cdn-cgi/access/authorized?")


def test_a_browser_gets_a_page_that_goes_on_by_itself(
    installation: Installation, browser: Browser
) -> None:
    page = browser.get(f"{WIKI}/")
    code_page = browser.submit(page, {"email": "alice@example.com"})
    action, hidden = forms(code_page.text)[0]
    fields = {**hidden, "code": installation.mail.code()}
    answer = browser.http.post(TEAM + action, data=fields, follow_redirects=False)
    assert answer.status_code == 200
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert f"{WIKI}/cdn-cgi/access/authorized" in answer.text


def test_the_second_application_needs_no_second_login(browser: Browser) -> None:
    browser.log_in(f"{WIKI}/", "admin@example.com")
    page = browser.get(f"{ADMIN}/")
    assert page.json()["headers"]["cf-access-authenticated-user-email"] == "admin@example.com"


def test_somebody_without_access_sees_the_denied_page_with_the_request_id(
    browser: Browser,
) -> None:
    browser.log_in(f"{WIKI}/")
    page = browser.get(f"{ADMIN}/", headers={"x-request-id": "abcdef0123456789"})
    assert page.status_code == 403
    assert "alice@example.com" in page.text
    assert browser.cookie("CF_Authorization", "admin.example.com") is None
    assert "test-request-id" in page.text


def test_the_denied_page_offers_to_sign_in_as_somebody_else(
    installation: Installation, browser: Browser
) -> None:
    browser.log_in(f"{WIKI}/")
    denied = browser.get(f"{ADMIN}/")
    link = denied.text.split('href="/cdn-cgi/access/choose?', 1)[1].split('"', 1)[0]
    page = browser.get(f"{TEAM}/cdn-cgi/access/choose?{link.replace('&amp;', '&')}")
    code_page = browser.submit(page, {"email": "admin@example.com"})
    page = browser.submit(code_page, {"code": installation.mail.code()})
    assert page.json()["headers"]["cf-access-authenticated-user-email"] == "admin@example.com"


def test_the_fragment_survives_the_login(installation: Installation, browser: Browser) -> None:
    page = browser.get(f"{WIKI}/")
    code_page = browser.submit(page, {"email": "alice@example.com", "fragment": "#/a?b=c&d"})
    action, hidden = forms(code_page.text)[0]
    fields = {**hidden, "code": installation.mail.code()}
    browser.http.post(TEAM + action, data=fields, follow_redirects=False)
    answer = browser.step(_authorized_url(browser, f"{WIKI}/#/a?b=c&d"))
    assert answer.status_code == 302


def _authorized_url(browser: Browser, url: str) -> str:
    """Go through the redirects by hand until the hand-over."""
    answer = browser.step(url)
    while not urlsplit(answer.headers["location"]).path.endswith("/authorized"):
        answer = browser.step(answer.headers["location"])
    return str(answer.headers["location"])


def test_head_works_like_get_on_login_and_authorized(
    installation: Installation, browser: Browser
) -> None:
    """cloudflared exchanges its team token with HEAD requests only."""
    browser.log_in(f"{WIKI}/")
    browser.http.cookies.delete("CF_Authorization", domain="wiki.example.com")
    first = browser.http.head(f"{WIKI}/", follow_redirects=False)
    second = browser.http.head(first.headers["location"], follow_redirects=False)
    assert second.status_code == 302
    assert second.headers["cf-access-domain"] == "wiki.example.com"
    third = browser.http.head(second.headers["location"], follow_redirects=False)
    cookie = third.headers["set-cookie"]
    assert cookie.startswith("CF_Authorization=")
    expires = parsedate_to_datetime(cookie.split("Expires=")[1].split(";")[0])
    assert expires > installation.clock()
    assert third.content == b""


def test_head_of_the_login_page_names_the_application(browser: Browser) -> None:
    first = browser.http.head(f"{WIKI}/", follow_redirects=False)
    second = browser.http.head(first.headers["location"], follow_redirects=False)
    assert second.status_code == 200
    assert second.headers["cf-access-domain"] == "wiki.example.com"
    assert second.content == b""


def test_login_with_kid_and_redirect_url_only_bounces_once_over_the_application(
    installation: Installation, browser: Browser
) -> None:
    kid = _kid(browser)
    answer = browser.step(
        f"{TEAM}/cdn-cgi/access/login/wiki.example.com?kid={kid}&redirect_url=%2Fpage%3Fx%3D1"
    )
    assert answer.status_code == 302
    bounce = answer.headers["location"]
    assert bounce == f"{WIKI}/cdn-cgi/access/login?redirect_url=%2Fpage%3Fx%3D1"
    back = browser.step(bounce)
    assert "CF_AppSession=" in back.headers["set-cookie"]
    query = parse_qs(urlsplit(back.headers["location"]).query)
    assert query["kid"] == [kid]
    assert query["redirect_url"] == ["/page?x=1"]
    page = browser.get(back.headers["location"])
    code_page = browser.submit(page, {"email": "alice@example.com"})
    done = browser.submit(code_page, {"code": installation.mail.code()})
    assert str(done.url) == f"{WIKI}/page?x=1"


def _kid(browser: Browser) -> str:
    location = browser.step(f"{WIKI}/").headers["location"]
    return parse_qs(urlsplit(location).query)["kid"][0]


def test_twenty_tabs_on_an_expired_session_all_end_up_working(
    installation: Installation, browser: Browser
) -> None:
    browser.log_in(f"{WIKI}/")
    browser.http.cookies.delete("CF_Authorization", domain="wiki.example.com")
    first = [browser.step(f"{WIKI}/tab/{tab}") for tab in range(20)]
    second = [browser.step(answer.headers["location"]) for answer in first]
    third = [browser.step(answer.headers["location"]) for answer in reversed(second)]
    assert {answer.headers["location"] for answer in third} == {f"/tab/{tab}" for tab in range(20)}
    for tab in range(20):
        assert browser.get(f"{WIKI}/tab/{tab}").json()["path"] == f"/tab/{tab}"


def test_twenty_tabs_that_log_in_one_after_another_all_end_up_working(
    installation: Installation, browser: Browser
) -> None:
    pages = [browser.get(f"{WIKI}/tab/{tab}") for tab in range(20)]
    for tab, page in enumerate(pages):
        code_page = browser.submit(page, {"email": "alice@example.com"})
        done = browser.submit(code_page, {"code": installation.mail.code()})
        assert done.json()["path"] == f"/tab/{tab}"
    for tab in range(20):
        assert browser.get(f"{WIKI}/tab/{tab}").status_code == 200


def test_fifty_parallel_requests_bring_no_error(
    installation: Installation, browser: Browser
) -> None:
    browser.log_in(f"{WIKI}/")
    browser.http.cookies.delete("CF_Authorization", domain="wiki.example.com")
    twins = [browser.twin() for _ in range(50)]

    def visit(tab: int) -> int:
        return int(twins[tab].get(f"{WIKI}/tab/{tab}").status_code)

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(visit, range(50))) == {200}


def test_L15_parallel_logins_of_many_people_never_mix(installation: Installation) -> None:
    browsers = {f"user{n}@example.com": installation.browser(f"192.0.2.{n}") for n in range(1, 31)}
    pages = {email: browser.get(f"{WIKI}/") for email, browser in browsers.items()}
    codes: dict[str, str] = {}
    forms_ = {}
    for email in sorted(browsers, key=hash):
        forms_[email] = browsers[email].submit(pages[email], {"email": email})
        codes[email] = installation.mail.code()
    for email in sorted(browsers, reverse=True):
        done = browsers[email].submit(forms_[email], {"code": codes[email]})
        assert done.json()["headers"]["cf-access-authenticated-user-email"] == email


def test_L03_login_started_in_another_browser_is_refused(installation: Installation) -> None:
    first, second = installation.browser(), installation.browser()
    page = first.get(f"{WIKI}/")
    second.get(f"{WIKI}/")
    action, hidden = forms(page.text)[0]
    answer = second.http.post(TEAM + action, data={**hidden, "email": "alice@example.com"})
    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers
    assert installation.mail.messages == []


def test_L13_code_is_good_only_in_the_transaction_it_was_asked_in(
    installation: Installation,
) -> None:
    first, second = installation.browser(), installation.browser()
    mine = first.submit(first.get(f"{WIKI}/"), {"email": "alice@example.com"})
    code = installation.mail.code()
    other = second.submit(second.get(f"{WIKI}/"), {"email": "alice@example.com"})
    refused = second.submit(other, {"code": code})
    assert refused.status_code == 403
    action, hidden = forms(mine.text)[0]
    stolen = second.http.post(TEAM + action, data={**hidden, "code": code})
    assert stolen.status_code == 400
    assert second.cookie("CF_Authorization", "team.example.net") is None


def test_L13_code_is_good_once_and_for_ten_minutes(
    installation: Installation, browser: Browser
) -> None:
    code_page = browser.submit(browser.get(f"{WIKI}/"), {"email": "alice@example.com"})
    code = installation.mail.code()
    assert browser.submit(code_page, {"code": code}).status_code == 200
    again = browser.submit(code_page, {"code": code})
    assert again.status_code == 403
    assert "already been used" in again.text
    late = installation.browser()
    code_page = late.submit(late.get(f"{WIKI}/"), {"email": "alice@example.com"})
    installation.clock.advance(601)
    assert late.submit(code_page, {"code": installation.mail.code()}).status_code == 400


def test_L12_five_wrong_codes_kill_the_right_one(
    installation: Installation, browser: Browser
) -> None:
    code_page = browser.submit(browser.get(f"{WIKI}/"), {"email": "alice@example.com"})
    right = installation.mail.code()
    wrong = "000000" if right != "000000" else "111111"
    for _ in range(5):
        assert browser.submit(code_page, {"code": wrong}).status_code == 403
    assert browser.submit(code_page, {"code": right}).status_code == 403
    assert browser.cookie("CF_Authorization", "team.example.net") is None


def test_L12_D08_addresses_that_differ_in_case_or_blanks_share_one_limit(
    installation: Installation,
) -> None:
    spellings = ["A@example.com", "a@example.com ", " a@EXAMPLE.com", "a@example.com"]
    answers = []
    for number in range(104):
        browser = installation.browser(f"198.51.{number}.1")
        page = browser.submit(browser.get(f"{WIKI}/"), {"email": spellings[number % 4]})
        answers.append((page.status_code, len(forms(page.text))))
    assert set(answers) == {answers[0]}, "nobody learns that no mail was sent any more"
    assert answers[0][0] == 200
    sent = [message for message in installation.mail.messages if message.to == "a@example.com"]
    assert len(sent) == len(installation.mail.messages) == 100


def test_L14_allowed_and_unknown_addresses_get_the_same_answer(
    installation: Installation,
) -> None:
    shown = []
    for email in ("alice@example.com", "mallo@example.org"):
        browser = installation.browser()
        page = browser.get(f"{WIKI}/")
        action, hidden = forms(page.text)[0]
        answer = browser.http.post(
            TEAM + action, data={**hidden, "email": email}, follow_redirects=False
        )
        code_page = browser.get(TEAM + answer.headers["location"])
        shown.append(
            (
                answer.status_code,
                len(answer.headers["location"]),
                sorted(answer.headers),
                code_page.status_code,
                len(code_page.text),
            )
        )
    assert shown[0] == shown[1]
    assert len(installation.mail.messages) == 1


def test_D08_many_addresses_from_one_source_are_limited(installation: Installation) -> None:
    browser = installation.browser("203.0.113.9")
    page = browser.get(f"{WIKI}/")
    answers = [browser.submit(page, {"email": f"user{n}@example.com"}) for n in range(102)]
    statuses = [answer.status_code for answer in answers]
    assert answers[-1].headers["retry-after"]
    assert statuses[:100] == [200] * 100
    assert statuses[100:] == [429, 429]


def test_the_mail_link_fills_in_the_code_and_redeems_nothing(
    installation: Installation, browser: Browser
) -> None:
    browser.submit(browser.get(f"{WIKI}/"), {"email": "alice@example.com"})
    message = installation.mail.messages[-1]
    link = message.html.split('href="', 1)[1].split('"', 1)[0].replace("&amp;", "&")
    for _ in range(3):
        page = browser.get(link)
        assert page.status_code == 200
    assert installation.mail.code() in page.text
    assert browser.submit(page, {"code": installation.mail.code()}).status_code == 200


def test_the_code_can_be_typed_with_blanks(installation: Installation, browser: Browser) -> None:
    code_page = browser.submit(browser.get(f"{WIKI}/"), {"email": "alice@example.com"})
    code = installation.mail.code()
    assert browser.submit(code_page, {"code": f" {code[:3]} {code[3:]} "}).status_code == 200


@pytest.mark.parametrize(
    "email", ["", "alice", "a@b@example.com", "alice@example.com\x00", "ſ@x.y"]
)
def test_L11_an_address_that_is_none_is_asked_for_again(
    installation: Installation, browser: Browser, email: str
) -> None:
    page = browser.submit(browser.get(f"{WIKI}/"), {"email": email})
    assert page.status_code == 200
    assert "does not look like an email address" in page.text
    assert installation.mail.messages == []
