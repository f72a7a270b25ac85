"""The description of the API: it names every path, and its answers are what it says."""

import httpx

from lychgate.admin.openapi import document
from lychgate.admin.routes import ROUTES
from lychgate.admin.scopes import SCOPES
from tests.admin.running import Running


def test_every_route_is_described_once() -> None:
    described = document()
    paths = described["paths"]
    for route in ROUTES:
        assert route.method.lower() in paths[f"/accounts/{{account_id}}{route.path}"]
    operations = [one for methods in paths.values() for one in methods.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)
    for one in operations:
        assert any(f"`{scope}`" in one["description"] for scope in SCOPES)


def test_no_reference_leads_nowhere() -> None:
    described = document()

    def references(node: object) -> list[str]:
        match node:
            case {"$ref": str(target)}:
                return [target]
            case dict():
                return [ref for inner in node.values() for ref in references(inner)]
            case list():
                return [ref for inner in node for ref in references(inner)]
            case _:
                return []

    for reference in references(described):
        name = reference.removeprefix("#/components/schemas/")
        assert name in described["components"]["schemas"]


def test_the_document_and_its_page_are_there_for_everybody(server: Running) -> None:
    served = httpx.get(f"{server.base_url}/openapi.json")
    assert served.json()["openapi"] == "3.1.0"
    page = httpx.get(f"{server.base_url}/docs")
    assert "/access/apps" in page.text and "script" not in page.text
