"""Links inside the documentation lead somewhere, and every page can be found."""

from pathlib import Path

import pytest

from tests.docs import pages


@pytest.mark.parametrize("page", pages.pages(), ids=lambda page: str(page.relative_to(pages.ROOT)))
def test_links_lead_to_pages_and_headings(page: Path) -> None:
    broken = [link for link in pages.links(page.read_text()) if not _leads_somewhere(page, link)]
    assert not broken


def _leads_somewhere(page: Path, link: str) -> bool:
    if link.startswith(("https://", "http://localhost")):
        return True
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not anchor or anchor in pages.anchors(target.read_text())


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in pages.pages()
        for link in pages.links(page.read_text())
    }
    lost = [page for page in pages.DOCS.rglob("*.md") if page not in linked]
    assert not [page for page in lost if page != pages.DOCS / "README.md"]


def test_a_broken_link_would_be_noticed() -> None:
    readme = pages.ROOT / "README.md"
    assert not _leads_somewhere(readme, "docs/no-such-page.md")
    assert not _leads_somewhere(readme, "docs/policies.md#no-such-heading")
    assert _leads_somewhere(readme, "docs/policies.md#test-your-policies")


def test_the_documentation_names_no_folder_of_this_machine() -> None:
    for page in pages.pages():
        assert str(pages.ROOT) not in page.read_text()
