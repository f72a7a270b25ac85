"""Writes everything an installation holds as a file for `apply`, without its secrets."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lychgate.api.identity_providers import parse_provider, takes_secret
from lychgate.config.edits import ORDER
from lychgate.config.items import SECTIONS, SINGLES, called
from lychgate.config.naming import WORDS
from lychgate.files.form import Form, directory_of
from lychgate.files.stock import Body, Stock, listed
from lychgate.files.text import Section, Written, document
from lychgate.store.base import Kind, Object

_HEAD = (
    "Resources of an installation of Lychgate, as `lychgate export` writes them.",
    "`lychgate apply` brings an installation in line with them.",
)
_SECRETS_ARE_ELSEWHERE = "Secrets are not in this file. Keep those of:"
_SINGLE_SECTIONS = {(single.kind, single.id): name for name, single in SINGLES.items()}
_LIST_SECTIONS = {kind: name for name, kind in SECTIONS.items()}


@dataclass(frozen=True, slots=True)
class Exported:
    """The text of a file, and what is missing in it."""

    text: str
    secrets: tuple[str, ...]
    """Whose secrets must be kept elsewhere, in words."""


def export(stock: Stock, *, hashes: bool = False) -> Exported:
    """Everything in a stock; `hashes` adds what the secrets of machines are checked by."""
    shown = [one for one in stock.objects.values() if listed(one)]
    form = Form(
        directory_of((one.kind, one.id, one.body) for one in shown),
        lambda id: stock.body(Kind.POLICY, id),
        hashes,
    )
    secrets = tuple(_secrets(shown, hashes))
    head = [*_HEAD, *(["", _SECRETS_ARE_ELSEWHERE] if secrets else [])]
    head += [f"  {one}" for one in secrets]
    return Exported(document(head, sections(shown, form)), secrets)


def sections(objects: Iterable[Object], form: Form) -> Mapping[str, Section]:
    """The sections of a file, what is named before what names it."""
    known = list(objects)
    found: dict[str, Section] = {}
    for kind in ORDER:
        entries = [(one, form.entry(kind, one.id, one.body)) for one in known if one.kind is kind]
        for one, entry in entries:
            single = _SINGLE_SECTIONS.get((kind, one.id))
            if single is not None:
                found[single] = Written(entry)
        if kind in _LIST_SECTIONS and entries:
            found[_LIST_SECTIONS[kind]] = [Written(entry) for _, entry in entries]
    return found


def _secrets(objects: Iterable[Object], hashes: bool) -> Iterator[str]:
    for one in objects:
        what = _secret_of(one.kind, one.body, hashes)
        if what:
            yield f"{WORDS[one.kind]} `{called(one.body) or one.id}`: {what}"


def _secret_of(kind: Kind, body: Body, hashes: bool) -> str:
    """Which secret belongs to an object; empty for none."""
    match kind:
        case Kind.IDP:
            return "client_secret" if takes_secret(parse_provider(body)) else ""
        case Kind.SERVICE_TOKEN:
            return "" if hashes else "client_secret"
        case Kind.APPLICATION:
            return "client_secret" if "saas_app" in body and not hashes else ""
        case Kind.MCP_SERVER:
            open = body.get("auth_type") == "unauthenticated"
            return "" if open else "its credentials"
        case _:
            return ""
