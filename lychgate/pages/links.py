"""Which URLs a page may link to, load or go on to."""

import re
from urllib.parse import urlsplit

from lychgate.errors import LychgateError

_HOST = re.compile(r"(?:[a-z0-9_-]+\.)*[a-z0-9_-]+\.?|\[[0-9a-f:.]+\]", re.IGNORECASE)
# A browser drops tabs and line breaks inside a URL and reads a backslash as a slash.
_ODD = re.compile(r"[\x00-\x20\x7f\\\"'<>`]")


class UnsafeLink(LychgateError):
    """A URL that a page must not lead to."""

    code = "unsafe_link"


def web_link(url: str) -> str:
    """The URL when it is http, https or a path of this host; empty when it is anything else."""
    if _ODD.search(url):
        return ""
    if url.startswith("/"):
        return "" if url.startswith("//") else url
    return url if _origin(url, ("http", "https")) else ""


def image_link(url: str) -> str:
    """The URL when it is https with a plain host; empty when it is anything else."""
    return url if not _ODD.search(url) and _origin(url, ("https",)) else ""


def image_origin(url: str) -> str:
    """The origin of an image that may be shown, as CSP writes it; empty when it may not."""
    return _origin(url, ("https",)) if image_link(url) else ""


def onward_link(url: str) -> str:
    """The URL a page goes on to by itself; raises `UnsafeLink` when it must not."""
    link = web_link(url)
    if not link:
        raise UnsafeLink("a page can go on only to an http or https address or to a path")
    return link


def _origin(url: str, schemes: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = parts.netloc.removesuffix(f":{port}")
    if parts.scheme not in schemes or not _HOST.fullmatch(host):
        return ""
    return f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")
