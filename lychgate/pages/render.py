"""Turns a page into the answer a browser gets: status, headers and HTML."""

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from lychgate.core.decision import HeaderList
from lychgate.pages.design import theme_css
from lychgate.pages.links import image_link, image_origin, onward_link, web_link
from lychgate.pages.page import (
    APPROVAL_CHOICES,
    AnyPage,
    ConsentPage,
    HomePage,
    LoginPage,
    Look,
)
from lychgate.pages.words import error_words, plain, spoken

# A scheme, or an origin: nothing that could end the directive.
_SOURCE = re.compile(r"[a-z][a-z0-9+.-]*:(?://[a-z0-9._-]+:[0-9]+)?")
_FOLDER = files("lychgate.pages") / "templates"


@dataclass(frozen=True, slots=True)
class Page:
    """A complete answer; header names are lower case."""

    status: int
    headers: HeaderList
    body: bytes


@dataclass(frozen=True, slots=True)
class _Dress:
    """What all pages of one look share: the stylesheet with its hash, and the logo."""

    style: Markup
    style_hash: str
    logo: str
    logo_origin: str


@lru_cache(maxsize=4)
def environment(folder: str = "") -> Environment:
    """The one way templates are read: escaped, strict, compiled once; ours come after others."""
    env = Environment(
        loader=FileSystemLoader([folder, str(_FOLDER)] if folder else str(_FOLDER)),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(web_link=web_link, image_link=image_link, onward_link=onward_link)
    env.filters.update(plain=plain, spoken=spoken)
    env.globals.update(error_words=error_words, durations=APPROVAL_CHOICES)
    return env


def html_answer(page: AnyPage, look: Look | None = None) -> Page:
    """The page in the look of its organisation, with the headers that belong to it."""
    images = tuple(map(image_origin, _images(page)))
    return dressed(page.template, page, look or Look(), page.status, images)


def dressed(
    name: str,
    page: object,
    look: Look,
    status: int = 200,
    images: tuple[str, ...] = (),
    folder: str = "",
) -> Page:
    """A template filled in; `folder` holds templates of others, which may extend `base.html`.

    `images` are the origins images may come from.
    """
    dress = _dress(look)
    script = _script(getattr(page, "script", ""))
    html = _template(name, folder).render(page=page, look=look, dress=dress, script=script)
    target = getattr(page, "form_target", "")
    headers = page_headers(dress.style_hash, (dress.logo_origin, *images), script, target)
    # JSON from anywhere can hold half a character, which has no encoding.
    return Page(status, headers, html.encode(errors="replace"))


def custom_answer(html: str, status: int = 403) -> Page:
    """An administrator's own page, as it is: it may style itself and never runs a script."""
    policy = (
        "default-src 'none'; style-src 'unsafe-inline' https:; img-src https: data:; "
        "font-src https: data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    )
    return Page(status, _headers(policy), html.encode())


@lru_cache(maxsize=256)
def page_headers(
    style_hash: str, images: tuple[str, ...] = (), script: str = "", form_target: str = ""
) -> HeaderList:
    """The headers of a page with this stylesheet, images of these origins and this script.

    The answer to its form may lead to `form_target`, else nowhere but to us.
    """
    if not _SOURCE.fullmatch(form_target):
        form_target = ""
    origins = " ".join(sorted({origin for origin in images if origin}))
    parts = [
        "default-src 'none'",
        f"style-src '{style_hash}'",
        f"img-src {origins}" if origins else "",
        f"script-src '{_hash(script)}'" if script else "",
        f"form-action 'self' {form_target}".rstrip(),
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
    return _headers("; ".join(part for part in parts if part))


def _headers(policy: str) -> HeaderList:
    return (
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", policy),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    )


def _images(page: AnyPage) -> tuple[str, ...]:
    match page:
        case HomePage():
            return tuple(tile.logo_url for tile in page.tiles)
        case LoginPage() | ConsentPage():
            return (page.logo_url,)
        case _:
            return ()


@lru_cache(maxsize=64)
def _dress(look: Look) -> _Dress:
    # Nothing of these two is foreign text: our own file, and colours that were parsed.
    style = theme_css(look.design) + (_FOLDER / "style.css").read_text("utf-8")
    logo = look.design.logo_path
    return _Dress(Markup(style), _hash(style), image_link(logo), image_origin(logo))


@lru_cache(maxsize=8)
def _script(name: str) -> Markup:
    return Markup((_FOLDER / name).read_text("utf-8")) if name else Markup("")


@lru_cache(maxsize=64)
def _template(name: str, folder: str) -> Template:
    return environment(folder).get_template(name)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")
