"""Every page carries the headers that close it to everything but itself (rows W05 and O19)."""

import base64
import hashlib
import re

import pytest

from lychgate.core.model import LoginDesign
from lychgate.pages import (
    ConsentPage,
    Form,
    HomePage,
    LoginPage,
    Look,
    Page,
    Tile,
    custom_answer,
    html_answer,
    problem_answer,
)
from lychgate.pages.samples import LOOKS, sample_pages
from tests.pages.reading import Reader

PAGES = sample_pages()
ASKING = ("login", "code", "approve", "consent", "purpose")


def directives(answer: Page) -> dict[str, str]:
    policy = dict(answer.headers)["content-security-policy"]
    return {name: rest for name, _, rest in (part.partition(" ") for part in policy.split("; "))}


def sha256(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_w05_every_page_has_the_headers(name: str, look: str) -> None:
    answer = html_answer(PAGES[name], LOOKS[look])
    headers = dict(answer.headers)
    policy = directives(answer)
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_w05_only_the_hashed_style_and_script_are_there(name: str, look: str) -> None:
    answer = html_answer(PAGES[name], LOOKS[look])
    policy, reader = directives(answer), Reader(answer.body.decode())
    assert policy["style-src"] == sha256(reader.one("style").text)
    scripts = [sha256(script.text) for script in reader.all("script")]
    assert policy.get("script-src", "").split() == scripts
    assert bool(scripts) == name.startswith(("login", "terminal-done"))
    assert not [a for e in reader.elements for a in e.attributes if a.startswith("on")]
    assert not [e for e in reader.elements if "style" in e.attributes]
    assert not [e for e in reader.elements if e.name in {"link", "iframe", "object", "base"}]
    assert "url(" not in reader.one("style").text


def test_w05_custom_pages_and_problem_bodies_have_headers_too() -> None:
    custom = dict(custom_answer("<p>no</p>").headers)
    assert custom["x-frame-options"] == "DENY" and custom["cache-control"] == "no-store"
    small = dict(problem_answer(401, "no_session", "Sign in.", "id").headers)
    assert small["content-type"] == "application/json"
    assert small["x-content-type-options"] == "nosniff" and small["cache-control"] == "no-store"


def test_images_come_only_from_the_named_origins() -> None:
    design = LoginDesign(logo_path="https://cdn.example.com:8443/logo.svg?x=1")
    tiles = (Tile("A", "https://a.example/", "https://img.example/a.png"),)
    policy = directives(html_answer(HomePage("a@b", tiles), Look("Org", design)))
    assert policy["img-src"] == "https://cdn.example.com:8443 https://img.example"
    assert "img-src" not in directives(html_answer(HomePage("a@b")))


@pytest.mark.parametrize("name", ASKING)
def test_o19_pages_that_ask_cannot_be_framed(name: str) -> None:
    answer = html_answer(PAGES[name])
    assert directives(answer)["frame-ancestors"] == "'none'"
    assert dict(answer.headers)["x-frame-options"] == "DENY"


@pytest.mark.parametrize(("local", "warned"), [(True, True), (False, False)])
def test_o19_consent_names_client_host_and_person(local: bool, warned: bool) -> None:
    page = ConsentPage(Form("/x"), "Cursor", "localhost:7777", "Tools", "ada@example.com", local)
    text = Reader(html_answer(page).body.decode()).visible
    assert all(word in text for word in ("Cursor", "localhost:7777", "Tools", "ada@example.com"))
    assert ("your own computer" in text) is warned


def test_the_stylesheet_changes_with_the_design_and_so_does_its_hash() -> None:
    plain = html_answer(LoginPage("Wiki"))
    red = html_answer(LoginPage("Wiki"), Look("Org", LoginDesign(background_color="darkred")))
    assert directives(plain)["style-src"] != directives(red)["style-src"]
    assert re.search(r"--ground:#8b0000", red.body.decode())
