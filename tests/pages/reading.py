"""Reads a page the way a browser does: its elements, attributes and texts."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass(frozen=True, slots=True)
class Element:
    """One element with its attributes and the text directly or indirectly in it."""

    name: str
    attributes: dict[str, str]
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text in it."""
        return "".join(self.texts)


class Reader(HTMLParser):
    """Collects every element and all visible text."""

    VOID = frozenset({"meta", "img", "input", "br", "path", "link", "hr"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes the element and, unless it is void, opens it."""
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in self.VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Closes the innermost element of that name."""
        if tag in self.VOID or tag not in [element.name for element in self._open]:
            return
        while self._open.pop().name != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Adds the text to everything that is open."""
        for element in self._open:
            element.texts.append(data)

    def all(self, name: str) -> list[Element]:
        """Every element of a name."""
        return [element for element in self.elements if element.name == name]

    def one(self, name: str) -> Element:
        """The only element of a name."""
        (element,) = self.all(name)
        return element

    @property
    def visible(self) -> str:
        """The text of the body."""
        return self.one("body").text
