"""A person with a browser goes through the demo."""

import time

from playwright.sync_api import BrowserContext, Page, expect

from tests.support.demo import Demo


def log_in(page: Page, demo: Demo, url: str, person: str) -> None:
    """Open a protected page and come back to it with a code from the mail."""
    page.goto(url)
    before = demo.mails()
    page.fill("input[name=email]", person)
    page.click("button[type=submit]")
    page.fill("input[name=code]", demo.code(before))
    page.click("button[type=submit]")
    page.wait_for_url(url)


def test_login_second_application_logout(demo: Demo, context: BrowserContext) -> None:
    first, alice = context.new_page(), demo.info["users"]["allowed"]
    log_in(first, demo, demo.app("whoami"), alice)
    expect(first.locator("body")).to_contain_text(alice)

    second = context.new_page()
    second.goto(demo.app("api"))
    assert second.url == demo.app("api"), "a second login was asked for"
    expect(second.locator("body")).to_contain_text(alice)

    second.goto(demo.team + "/cdn-cgi/access/logout")
    time.sleep(1)
    first.reload()
    expect(first.locator("input[name=email]")).to_be_visible()
    second.goto(demo.app("api"))
    expect(second.locator("input[name=email]")).to_be_visible()


def test_only_the_admin_enters_admin(demo: Demo, context: BrowserContext) -> None:
    page, users = context.new_page(), demo.info["users"]
    log_in(page, demo, demo.app("whoami"), users["allowed"])
    answer = page.goto(demo.app("admin"))
    assert answer is not None
    assert answer.status == 403
    expect(page.locator("body")).to_contain_text(users["allowed"])
    expect(page.locator("body")).to_contain_text("equest id")

    page.goto(demo.team + "/cdn-cgi/access/logout")
    time.sleep(1)
    log_in(page, demo, demo.app("admin"), users["admin"])
    expect(page.locator("body")).to_contain_text(users["admin"])


def test_others_get_no_code(demo: Demo, context: BrowserContext) -> None:
    page, before = context.new_page(), demo.mails()
    page.goto(demo.app("whoami"))
    page.fill("input[name=email]", demo.info["users"]["refused"])
    page.click("button[type=submit]")
    expect(page.locator("input[name=code]")).to_be_visible()
    time.sleep(1)
    assert demo.mails() == before


def test_names_below_localhost_work_in_a_browser(demo: Demo, context: BrowserContext) -> None:
    page = context.new_page()
    url = demo.app("whoami").replace("localhost", "whoami.localhost")
    log_in(page, demo, url, demo.info["users"]["allowed"])
    expect(page.locator("body")).to_contain_text(demo.info["users"]["allowed"])


def test_a_fragment_survives_the_login(demo: Demo, context: BrowserContext) -> None:
    page = context.new_page()
    log_in(page, demo, demo.app("whoami") + "#/a?b=c&d", demo.info["users"]["allowed"])


def test_twenty_tabs_on_an_expired_session(demo: Demo, context: BrowserContext) -> None:
    first = context.new_page()
    log_in(first, demo, demo.app("whoami"), demo.info["users"]["allowed"])
    host = "localhost"
    context.clear_cookies(domain=host)
    tabs = [context.new_page() for _ in range(20)]
    for number, tab in enumerate(tabs):
        tab.evaluate("url => { location.href = url }", f"{demo.app('whoami')}tab/{number}")
    for number, tab in enumerate(tabs):
        tab.wait_for_url(f"{demo.app('whoami')}tab/{number}")
        expect(tab.locator("body")).to_contain_text(demo.info["users"]["allowed"])
    for number, tab in enumerate(tabs):
        answer = tab.reload()
        assert answer is not None
        assert (answer.status, tab.url) == (200, f"{demo.app('whoami')}tab/{number}")


def test_the_login_works_without_script(demo: Demo, context: BrowserContext) -> None:
    browser = context.browser
    assert browser is not None
    plain = browser.new_context(java_script_enabled=False)
    try:
        page = plain.new_page()
        log_in(page, demo, demo.app("whoami"), demo.info["users"]["allowed"])
        expect(page.locator("body")).to_contain_text(demo.info["users"]["allowed"])
    finally:
        plain.close()
