"""Rewrites what is generated in the documentation: `python -m tests.docs.update`."""

from tests.docs import pages
from tests.docs.console import with_outputs
from tests.docs.generate import parts
from tests.security.page import main as write_catalogue


def main() -> None:
    """Bring every page up to date and name those that changed."""
    write_catalogue()
    fresh = parts()
    for page in pages.pages():
        before = page.read_text()
        after = with_outputs(pages.with_generated(before, fresh))
        if after != before:
            page.write_text(after)
            print(f"rewrote {page.relative_to(pages.ROOT)}")


if __name__ == "__main__":
    main()
