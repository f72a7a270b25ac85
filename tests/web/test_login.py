"""The whole way from a protected page through the login and back."""

from tests.web.installation import TEAM, Browser, Installation


def test_a_visitor_logs_in_by_pin_and_reaches_the_page(browser: Browser) -> None:
    page = browser.log_in("https://wiki.example.com/a/b?c=d")
    assert page.status_code == 200
    assert str(page.url) == "https://wiki.example.com/a/b?c=d"
    assert page.json()["headers"]["cf-access-authenticated-user-email"] == "alice@example.com"
