"""Logins, PINs and mails are counted by what became of them."""

from tests.support.scraping import counted, value
from tests.web.installation import Browser, Installation

WIKI = "https://wiki.example.com"


def logins(installation: Installation, outcome: str) -> float:
    scraped = counted(installation.registry)
    return value(scraped, "lychgate_logins_total", provider="onetimepin", outcome=outcome)


def pins(installation: Installation, outcome: str) -> float:
    return value(counted(installation.registry), "lychgate_pins_total", outcome=outcome)


def test_a_login_counts_once_and_a_wrong_code_as_what_it_is(
    installation: Installation, browser: Browser
) -> None:
    code_page = browser.submit(browser.get(f"{WIKI}/"), {"email": "alice@example.com"})
    code = installation.mail.code()
    wrong = "000000" if code != "000000" else "000001"
    code_page = browser.submit(code_page, {"code": wrong})
    assert (logins(installation, "pin_wrong"), logins(installation, "ok")) == (1, 0)
    browser.submit(code_page, {"code": code})
    assert (logins(installation, "pin_wrong"), logins(installation, "ok")) == (1, 1)
    assert pins(installation, "mailed") == 1


def test_an_address_that_may_not_enter_is_counted_apart(
    installation: Installation, browser: Browser
) -> None:
    browser.submit(browser.get(f"{WIKI}/"), {"email": "eve@elsewhere.example"})
    assert (pins(installation, "mailed"), pins(installation, "unwelcome")) == (0, 1)
