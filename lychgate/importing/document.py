"""Writes what was translated as a file for `apply`, and the report that goes with it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lychgate.api.identity_providers import parse_provider, takes_secret
from lychgate.config.edits import ORDER
from lychgate.config.items import SECTIONS, SINGLES, called
from lychgate.config.naming import WORDS
from lychgate.files.form import Entry, Form, directory_of
from lychgate.files.text import Section, Written, document
from lychgate.importing.translating import Translated
from lychgate.store.base import Kind, ObjectKey

_SECTION = {kind: name for name, kind in SECTIONS.items()}
_SINGLE = {(one.kind, one.id): name for name, one in SINGLES.items()}
_LEFT_OUT = "Nothing like it here"
_CHANGED = "Different from there (what cannot be written never lets more people in)"
_NOT_ENFORCED = "Kept, and without effect here"
_SECRETS = "Secrets, which cannot be read there: set these variables when you apply the file"
_BY_HAND = "To do by hand"


@dataclass(frozen=True, slots=True)
class Imported:
    """A file, and what a person should read before applying it."""

    text: str
    report: Mapping[str, tuple[str, ...]]
    """Findings under their headings; headings without any are left out."""
    counts: Mapping[str, int]


def write(done: Translated, origin: str) -> Imported:
    """The file and its report; `origin` says in words where it was read."""
    policies = {id: body for (kind, id), body in done.bodies.items() if kind is Kind.POLICY}
    directory = directory_of((*key, body) for key, body in done.bodies.items())
    form = Form(directory, policies.get)
    variables: dict[str, str] = {}
    sections: dict[str, Section] = {}
    for kind in ORDER:
        written = list(_written(kind, done, form, variables))
        for key, one in written:
            if (key[0].value, key[1]) in _SINGLE:
                sections[_SINGLE[key[0].value, key[1]]] = one
        if kind.value in _SECTION and written:
            sections[_SECTION[kind.value]] = [one for _, one in written]
    sections |= _certificates(done)
    report = {
        _LEFT_OUT: tuple(dict.fromkeys(done.left_out)),
        _CHANGED: tuple(dict.fromkeys(done.changed)),
        _NOT_ENFORCED: tuple(dict.fromkeys(done.not_enforced)),
        _SECRETS: tuple(f"{name}: {whose}" for name, whose in variables.items()),
        _BY_HAND: tuple(_by_hand(done)),
    }
    said = {heading: lines for heading, lines in report.items() if lines}
    head = [f"Resources for `lychgate apply`, imported from {origin}.", *_as_lines(said)]
    counts = {name: 1 if isinstance(one, Written) else len(one) for name, one in sections.items()}
    return Imported(document(head, sections), said, counts)


def _as_lines(report: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for heading, lines in report.items():
        yield from ("", f"{heading}:")
        yield from (f"- {line}" for line in lines)


def _written(
    kind: Kind, done: Translated, form: Form, variables: dict[str, str]
) -> Iterator[tuple[ObjectKey, Written]]:
    for key, body in done.bodies.items():
        if key[0] is not kind or (kind is Kind.POLICY and body.get("reusable") is False):
            continue
        entry = form.entry(*key, body)
        _place_secret(kind, entry, variables)
        yield key, Written(entry, tuple(done.comments.get(key, ())))


def _place_secret(kind: Kind, entry: Entry, variables: dict[str, str]) -> None:
    """A variable where the object has its secret."""
    match kind:
        case Kind.IDP if takes_secret(parse_provider(entry)):
            holder, member = entry["config"], "client_secret"
        case Kind.SERVICE_TOKEN:
            holder, member = entry, "client_secret"
        case Kind.APPLICATION if "saas_app" in entry:
            holder, member = entry["saas_app"], "client_secret"
        case Kind.MCP_SERVER if entry.get("auth_type") == "bearer":
            holder, member = entry, "auth_credentials"
        case _:
            return
    name = called(entry) or str(entry.get("id"))
    variable = _variable(f"{WORDS[kind]} {name}", variables)
    variables[variable] = f"{member} of {WORDS[kind]} `{name}`"
    holder[member] = f"${{ENV:{variable}}}"


def _variable(text: str, taken: Mapping[str, str]) -> str:
    """A name for an environment variable that no other has."""
    name = re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")[:80] or "SECRET"
    numbered = (f"{name}_{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _certificates(done: Translated) -> dict[str, Section]:
    """Authorities as comments: their certificates cannot be read there."""
    why = "put the PEM into a file and take this out of the comment, below `certificates:`"
    entries = [
        {
            "id": str(raw.get("id")),
            "name": str(raw.get("name")),
            "certificate_file": "PATH",
            "associated_hostnames": [str(host) for host in raw.get("associated_hostnames") or ()],
        }
        for raw in done.certificates
    ]
    written = [Written(entry, (why,), counts=False) for entry in entries]
    return {"certificates": written} if written else {}


def _by_hand(done: Translated) -> Iterator[str]:
    for raw in done.certificates:
        yield f"certificates: `{raw.get('name')}` cannot be read, and counts once you give its PEM"
    if any(kind is Kind.IDP for kind, _ in done.bodies):
        yield "identity providers: register the callback of your team domain at each of them"
    if any("saas_app" in body for body in done.bodies.values()):
        yield "SaaS applications: give them the issuer and addresses of your team domain"
    yield "origins that verify the assertion: AUD tags stay, issuer and key address change"
