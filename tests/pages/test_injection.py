"""What people and other systems write stays text on every page (security rows W01 to W04)."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

import pytest

from lychgate.core.model import LoginDesign
from lychgate.pages import (
    AnyPage,
    ConsentPage,
    DeniedPage,
    ErrorPage,
    Form,
    GoOnPage,
    HomePage,
    LoginPage,
    Look,
    Provider,
    Tile,
    UnsafeLink,
    custom_answer,
    html_answer,
    problem,
)
from lychgate.pages.samples import sample_pages
from tests.pages.reading import Reader

HOSTILE = ('"><img src=x onerror=alert(1)>', "</script><script>alert(1)</script>", "</style><b>")
TEMPLATES = ("{{7*7}}", "${7*7}", "{0.__class__}", "%(x)s", "{% if 1 %}x{% endif %}", "#{7*7}")
BAD_LINKS = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    " javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "//evil.example/x",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https://",
    "https://a@evil.example/",
    "https://evil.example:port/",
    'https://a.example/"onerror="alert(1)',
    "https://a.example; script-src *",
    "ftp://a.example/",
)
PAGES = sample_pages()
LINK_FIELDS = {"url", "action", "refresh_url", "choices", "chosen"}


def rewritten(value: Any, text: str) -> Any:
    """The same value with every text in it replaced, save where only our own URLs stand."""
    match value:
        case Enum():
            return value
        case str():
            return text
        case tuple():
            return tuple(rewritten(item, text) for item in value)
        case Mapping():
            return {rewritten(key, text): rewritten(item, text) for key, item in value.items()}
        case _ if is_dataclass(value) and not isinstance(value, type):
            names = [item.name for item in fields(value) if item.name not in LINK_FIELDS]
            return replace(value, **{n: rewritten(getattr(value, n), text) for n in names})
        case _:
            return value


def a_look(text: str) -> Look:
    return Look(text, LoginDesign(text, text, text, text, text))


def read(page: AnyPage, look: Look | None = None) -> Reader:
    return Reader(html_answer(page, look).body.decode())


def skeleton(reader: Reader) -> list[tuple[str, list[str]]]:
    """Every element with the names of its attributes, in order."""
    return [(element.name, list(element.attributes)) for element in reader.elements]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("text", HOSTILE)
def test_w01_markup_in_any_field_is_inert(name: str, text: str) -> None:
    harmless = read(rewritten(PAGES[name], "word"), a_look("word"))
    reader = read(rewritten(PAGES[name], text), a_look(text))
    assert skeleton(reader) == skeleton(harmless)
    assert not [a for e in reader.elements for a in e.attributes if a.startswith("on")]
    assert text in reader.visible


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("text", TEMPLATES)
def test_w03_template_syntax_is_printed_as_it_is(name: str, text: str) -> None:
    reader = read(rewritten(PAGES[name], text), a_look(text))
    assert text in reader.visible
    assert "49" not in reader.visible.replace(text, "")


@pytest.mark.parametrize("text", HOSTILE + TEMPLATES)
def test_w02_reflected_text_is_inert(text: str) -> None:
    page = ErrorPage(404, text, message=text, retry_url=text)
    reader = read(page)
    assert not reader.all("script") and not reader.all("img")
    assert not reader.all("a") or reader.one("a").attributes["href"] == ""


@pytest.mark.parametrize("text", HOSTILE)
def test_w01_problem_body_is_inert_and_still_json(text: str) -> None:
    body = problem(403, "forbidden", text, text, text)
    assert "<" not in body and ">" not in body
    assert json.loads(body) == {
        "status": 403,
        "code": "forbidden",
        "message": text,
        "request_id": text,
        "aud": text,
    }


def test_problem_body_leaves_out_an_unknown_audience() -> None:
    assert set(json.loads(problem(401, "no_session", "Sign in.", "id"))) == {
        "status",
        "code",
        "message",
        "request_id",
    }


@pytest.mark.parametrize("url", BAD_LINKS)
def test_w04_unsafe_links_and_logos_are_not_shown(url: str) -> None:
    page = HomePage("ada@example.com", (Tile("Bad", url, url), Tile("Good", "https://a.example/")))
    answer = html_answer(page, Look("Org", LoginDesign(logo_path=url)))
    reader = Reader(answer.body.decode())
    assert [link.attributes["href"] for link in reader.all("a")] == ["https://a.example/"]
    assert not reader.all("img")
    assert "img-src" not in dict(answer.headers)["content-security-policy"]


@pytest.mark.parametrize("url", BAD_LINKS)
def test_w04_a_page_does_not_go_on_to_an_unsafe_address(url: str) -> None:
    with pytest.raises(UnsafeLink):
        html_answer(GoOnPage(url))


@pytest.mark.parametrize("url", BAD_LINKS)
def test_w04_a_button_never_leads_to_an_unsafe_address(url: str) -> None:
    page = LoginPage("Wiki", (Provider("SSO", url),), Form(url), logo_url=url)
    reader = read(page)
    assert reader.one("a").attributes["href"] == ""
    assert reader.one("form").attributes["action"] == ""
    assert not reader.all("img")
    assert read(DeniedPage("Wiki", "id", switch_url=url)).one("a").attributes["href"] == ""


def test_w04_a_logo_must_be_https() -> None:
    assert not read(LoginPage("Wiki", logo_url="http://a.example/x.png")).all("img")
    assert read(LoginPage("Wiki", logo_url="https://a.example/x.png")).all("img")


def test_a_page_goes_on_to_web_addresses_and_paths() -> None:
    for url in ("https://a.example/x?y=1&z=2#f", "http://localhost:8080/", "/cdn-cgi/access/x"):
        reader = read(GoOnPage(url))
        (refresh,) = [e for e in reader.all("meta") if e.attributes.get("http-equiv")]
        assert refresh.attributes["content"] == f"0; url={url}"
        assert reader.one("a").attributes["href"] == url


def test_o16_names_cannot_turn_the_direction_of_the_words_around_them() -> None:
    page = ConsentPage(Form("/x"), "good\u202eelpmaxe\u2066\n\x00" * 40, "h.example", "App", "a@b")
    body = html_answer(page).body.decode()
    assert not set("\u202e\u2066\x00") & set(body)
    assert "…" in Reader(body).one("h1").text


def test_a_custom_page_is_sent_as_it_is_and_runs_no_script() -> None:
    html = "<h1>{{7*7}} No entry</h1><script>alert(1)</script>"
    answer = custom_answer(html)
    policy = dict(answer.headers)["content-security-policy"]
    assert answer.body.decode() == html and answer.status == 403
    assert policy.startswith("default-src 'none'") and "script-src" not in policy
