"""The readable page of the admin API: it stands on its own, and every link leads somewhere."""

import re
import shutil

from playwright.sync_api import sync_playwright

from lychgate.admin.openapi import document
from tests.admin.calling import OPERATIONS
from tests.admin.running import Running
from tests.e2e.conftest import ARGUMENTS


def test_a_browser_shows_the_page_without_asking_anybody_else(server: Running) -> None:
    asked: list[str] = []
    said: list[str] = []
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{server.base_url}/docs")
        assert page.locator("h1").inner_text() == "Admin API"
        assert page.evaluate("getComputedStyle(document.body).display") == "grid"
        page.get_by_role("navigation").get_by_text("Apps and Policies").click()
        page.get_by_role("link", name="create application", exact=True).click()
        assert page.locator("article:target h3").inner_text().startswith("POST")
        wide = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        browser.close()
    assert asked == [f"{server.base_url}/docs"] and said == [] and wide


def test_every_call_and_every_shape_is_on_the_page(server: Running) -> None:
    with server.http() as http:
        html = http.get("/docs").text
    places = set(re.findall(r' id="([^"]+)"', html))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= places
    described = document()
    assert {f"shape-{name}" for name in described["components"]["schemas"]} <= places
    assert {name for name in OPERATIONS if not name.endswith("_of_zone")} <= places
