"""A browser for tests: follows redirects, fills the forms it meets, stops at our callback."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

MOST_STEPS = 20


@dataclass
class Form:
    """One form of a page: where it goes, and what it would send."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get").lower()))
        elif self.forms and tag == "input" and values.get("name"):
            self.forms[-1].fields[values["name"]] = values.get("value", "")
        elif self.forms and tag == "button" and values.get("name"):
            self.forms[-1].buttons.append((values["name"], values.get("value", "")))


def forms(page: str) -> list[Form]:
    """Every form of a page."""
    parser = _Forms()
    parser.feed(page)
    return parser.forms


def log_in(url: str, callback: str, typed: dict[str, str]) -> dict[str, str]:
    """Go from an authorization URL to the callback's query; `typed` are values by field name."""
    with httpx.Client(trust_env=False) as browser:
        answer = browser.get(url)
        for _ in range(MOST_STEPS):
            if answer.is_redirect:
                target = urljoin(str(answer.url), answer.headers["location"])
                if target.startswith(callback):
                    return dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
                answer = browser.get(target)
            else:
                answer = _submit(browser, answer, typed)
    raise AssertionError(f"no callback after {MOST_STEPS} steps, last at {answer.url}")


def _submit(browser: httpx.Client, page: httpx.Response, typed: dict[str, str]) -> httpx.Response:
    posts = [form for form in forms(page.text) if form.method == "post"]
    if not posts:
        raise AssertionError(f"no form at {page.url} ({page.status_code}): {page.text[:2000]}")
    form = next((form for form in posts if set(typed) & set(form.fields)), posts[0])
    known = {name: typed[name] for name in set(typed) & set(form.fields)}
    # Without a field of ours it is a question; the button to accept, or the first, says yes.
    pressed = dict([button for button in form.buttons if button[1] == "accept"] or form.buttons[:1])
    values = {**form.fields, **pressed, **known}
    return browser.post(urljoin(str(page.url), form.action or str(page.url)), data=values)
