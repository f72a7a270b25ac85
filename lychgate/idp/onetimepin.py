"""One-time PIN: the code, the digest that is stored of it, and the mail that carries it."""

import hmac
import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from html import escape

from lychgate.core.urls import canonical_email
from lychgate.mail import Message

DIGITS = 6
LIFE = timedelta(minutes=10)
MOST_TRIES = 5
"""Wrong codes after which a PIN is dead."""

_ENTERED = re.compile(r"[0-9]{6}")
_LONG_NUMBER = re.compile(r"[0-9]{6,}")


def new_code(below: Callable[[int], int] = secrets.randbelow) -> str:
    """A fresh code; `below` is the source of randomness."""
    return f"{below(10**DIGITS):0{DIGITS}}"


def entered_code(typed: str) -> str | None:
    """A code as somebody typed or pasted it; None unless it is six ASCII digits."""
    code = re.sub(r"[ \t\r\n\u00a0-]", "", typed[:64])
    return code if _ENTERED.fullmatch(code) else None


def entered_email(typed: str) -> str | None:
    """An address as somebody typed it, in its one canonical form; None when it is not one."""
    return canonical_email(typed.strip(" \t\r\n"))


def digest(code: str, transaction: str, pepper: bytes) -> bytes:
    """What is stored of a code.

    A million codes are tried in a second, so a plain hash would hide nothing: `pepper` is a
    secret that is not in the row, and the transaction makes the digest useless elsewhere.
    """
    return hmac.digest(pepper, f"one-time pin\n{transaction}\n{code}".encode(), "sha256")


def letter(to: str, code: str, team: str, link: str) -> Message:
    """The mail: the code is the only six-digit number of its text, the link is in the HTML part.

    The link opens the form and redeems nothing, so mail scanners that follow it do no harm.
    """
    name = _LONG_NUMBER.sub("", team).strip() or "this team"
    minutes = int(LIFE.total_seconds() // 60)
    text = (
        f"Your code to log in to {name}:\n\n"
        f"    {code}\n\n"
        f"Enter it on the page where you asked for it. It works once, within {minutes} minutes.\n"
        "If you did not ask for a code, ignore this mail: without it nobody gets in.\n"
    )
    html = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Your code</title>'
        '<body style="font-family:sans-serif;line-height:1.5;max-width:32rem;margin:2rem auto">'
        f"<p>Your code to log in to {escape(name)}:</p>"
        f'<p style="font-size:2rem;letter-spacing:.3rem"><strong>{code}</strong></p>'
        f'<p><a href="{escape(link)}">Open the page where you enter it</a></p>'
        f"<p>It works once, within {minutes} minutes, in the browser that asked for it.</p>"
        "<p>If you did not ask for a code, ignore this mail: without it nobody gets in.</p></body>"
    )
    return Message(to, f"Your login code for {name}", text, html)
