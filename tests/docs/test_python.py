"""The Python of the documentation runs, and what it builds lets nobody in without an assertion."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.docs import pages

_GUIDE = pages.DOCS / "guides" / "verifying.md"
_BLOCKS = [
    pytest.param(block.text, id=f"{page.stem}-{block.title or number}")
    for page in pages.pages()
    for number, block in enumerate(pages.blocks(page.read_text()))
    if block.language == "python"
]


def _run(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, "documentation", "exec"), names)
    return names


def _titled(title: str) -> Any:
    found = [one.text for one in pages.blocks(_GUIDE.read_text()) if one.title == title]
    return _run(found[0])["application"]


@pytest.mark.parametrize("source", _BLOCKS)
def test_it_runs(source: str) -> None:
    assert _run(source)


def test_the_wsgi_example_refuses_a_stranger() -> None:
    answers: list[str] = []

    def start_response(status: str, _headers: object) -> None:
        answers.append(status)

    body = b"".join(_titled("wsgi.py")({"PATH_INFO": "/"}, start_response))
    assert answers == ["403 Forbidden"]
    assert b"assertion_missing" in body


def test_the_asgi_example_refuses_a_stranger() -> None:
    answer = TestClient(_titled("asgi.py")).get("/")
    assert answer.status_code == 403
    assert answer.json()["error"] == "assertion_missing"
