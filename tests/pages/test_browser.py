"""The pages in a real browser, with the headers they are sent with."""

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from lychgate.pages import Form, GoOnPage, LoginPage, Provider, html_answer
from lychgate.pages.samples import LOOKS, sample_pages

PAGES = sample_pages() | {
    "carry": LoginPage("Wiki", (Provider("Acme", "/start?idp=1"),), Form("/post")),
    "onward": GoOnPage("/logged-out"),
}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


class Handler(BaseHTTPRequestHandler):
    """Serves `/NAME` and `/NAME?look` with the page's own status and headers."""

    def do_GET(self) -> None:
        """Answer with the named page."""
        url = urlsplit(self.path)
        answer = html_answer(PAGES.get(url.path[1:], PAGES["notice"]), LOOKS.get(url.query))
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 320, "height": 640})
    yield page
    page.close()


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", [name for name in sample_pages() if name != "go-on"])
def test_w05_pages_work_under_their_own_policy(
    tab: Page, address: str, name: str, look: str
) -> None:
    refused: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            refused.append(message.text)

    tab.on("console", note)
    tab.goto(f"{address}/{name}?{look}")
    styled = tab.evaluate("getComputedStyle(document.querySelector('main')).borderRadius")
    width = tab.evaluate("document.documentElement.scrollWidth")
    tab.remove_listener("console", note)
    assert (refused, width) == ([], 320)
    assert styled == "16px"


@pytest.mark.parametrize("fragment", ["#/a?b=c&d;e=%20f", "#x"])
def test_the_fragment_is_carried_through_the_login(tab: Page, address: str, fragment: str) -> None:
    tab.goto(f"{address}/logged-out")
    tab.goto(f"{address}/carry{fragment}")
    assert tab.input_value("input[name=fragment]") == fragment
    link = tab.evaluate("new URL(document.querySelector('a').href).searchParams.get('fragment')")
    assert link == fragment
    assert tab.evaluate("new URL(document.querySelector('a').href).searchParams.get('idp')") == "1"


def test_without_a_fragment_the_links_stay_as_they_are(tab: Page, address: str) -> None:
    tab.goto(f"{address}/carry?plain")
    assert tab.evaluate("document.querySelector('a').getAttribute('href')") == "/start?idp=1"
    assert tab.input_value("input[name=fragment]") == ""


def test_go_on_goes_on_by_itself(tab: Page, address: str) -> None:
    tab.goto(f"{address}/onward", wait_until="commit")
    tab.wait_for_url(f"{address}/logged-out")


def test_keyboard_focus_can_be_seen(tab: Page, address: str) -> None:
    tab.goto(f"{address}/login?plain")
    tab.keyboard.press("Tab")
    focus = "getComputedStyle(document.activeElement)"
    assert tab.evaluate("document.activeElement.className") == "button provider"
    assert tab.evaluate(f"{focus}.outlineStyle + ' ' + {focus}.outlineWidth") == "solid 3px"


def test_dark_follows_the_visitor(browser: Browser, address: str) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page = browser.new_page()
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.goto(f"{address}/denied?plain")
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.close()
    assert grounds == ["rgb(244, 245, 242)", "rgb(16, 20, 18)"]


def test_nothing_turns_for_those_who_asked_for_less_motion(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.emulate_media(reduced_motion="reduce")
    html = html_answer(PAGES["onward"]).body.decode().replace("refresh", "x")
    page.set_content(html)
    name = page.evaluate("getComputedStyle(document.querySelector('.spinner')).animationName")
    page.close()
    assert name == "none"
