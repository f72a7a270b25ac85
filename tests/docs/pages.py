"""Reads the documentation: its pages, code blocks, tables, links and generated parts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"

_FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_GENERATED = re.compile(r"(<!-- generated: ([a-z-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_ROW = re.compile(r"^\| `([^`|]+)`", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")


def pages() -> list[Path]:
    """Every page, the ones at the top of the repository included."""
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")), *sorted(_readmes())]


def _readmes() -> Iterator[Path]:
    for folder in ("examples", "envoy", "addon", "extauthz", "bench"):
        yield from (
            path for path in (ROOT / folder).rglob("*.md") if "node_modules" not in path.parts
        )


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: the words after the fence, and what it holds."""

    info: tuple[str, ...]
    text: str

    @property
    def language(self) -> str:
        """The first word after the fence."""
        return self.info[0] if self.info else ""

    @property
    def title(self) -> str:
        """The file name in `title=NAME`; empty when there is none."""
        titles = [word.removeprefix("title=") for word in self.info if word.startswith("title=")]
        return titles[0] if titles else ""


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = []
    for indent, info, content in _FENCE.findall(text):
        lines = [line.removeprefix(indent) for line in content.splitlines(keepends=True)]
        found.append(Block(tuple(info.split()), "".join(lines)))
    return found


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", text)


def rows(text: str) -> list[str]:
    """What tables list in their first column, in code style."""
    return _ROW.findall(prose(text))


def row(text: str, name: str) -> list[str]:
    """The cells of the row of that name."""
    for line in prose(text).splitlines():
        if line.startswith(f"| `{name}`"):
            return [cell.strip() for cell in line.strip("|").split("|")]
    raise LookupError(f"no row `{name}`")


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    found = re.search(
        rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,2}} |\Z)", text, re.MULTILINE | re.DOTALL
    )
    if found is None:
        raise LookupError(f"no heading `{heading}`")
    return found[2]


def anchors(text: str) -> set[str]:
    """The names by which the headings of a page can be linked."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(text)):
        words = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
        anchor = words.strip().replace(" ", "-")
        number = sum(1 for one in found if one == anchor or re.fullmatch(rf"{anchor}-\d+", one))
        found.add(f"{anchor}-{number}" if number else anchor)
    return found


def links(text: str) -> list[str]:
    """The targets of a page's links."""
    return _LINK.findall(prose(text))


def generated(text: str) -> dict[str, str]:
    """The generated parts of a page by name."""
    return {name: content for _, name, content, _ in _GENERATED.findall(text)}


def with_generated(text: str, parts: dict[str, str]) -> str:
    """The page with its generated parts replaced."""
    return _GENERATED.sub(lambda found: found[1] + parts[found[2]] + found[4], text)
