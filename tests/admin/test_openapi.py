"""The description of the API: it names every path, and its answers are what it says."""

from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import jsonschema
import pytest

from lychgate.admin.openapi import document
from lychgate.admin.routes import ROUTES
from lychgate.admin.scopes import SCOPES
from lychgate.config.naming import ACCOUNT
from tests.admin.bodies import Body
from tests.admin.calling import OPERATIONS, Target, target_in
from tests.admin.running import Running

ONLY_REFUSED = frozenset({"create_organization", "create_organization_of_zone"})
"""There is an organization already, always."""
SINGLE = frozenset({"app_launcher", "warp"})


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
        assert one["summary"].endswith(".")


def test_no_reference_leads_nowhere_and_no_schema_is_left_over() -> None:
    described = document()
    schemas = set(described["components"]["schemas"])
    named = {ref.removeprefix("#/components/schemas/") for ref in references(described)}
    statuses = {ref for ref in named if ref.startswith("#/components/responses/")}
    assert named - statuses == schemas
    for one in statuses:
        assert one.rpartition("/")[2] in described["components"]["responses"]


def references(node: object) -> list[str]:
    """Every `$ref` below a part of the document."""
    match node:
        case {"$ref": str(target), **rest}:
            return [target, *references(rest)]
        case dict():
            return [ref for inner in node.values() for ref in references(inner)]
        case list():
            return [ref for inner in node for ref in references(inner)]
        case _:
            return []


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A process of its own."""
    with target_in(tmp_path_factory.mktemp("openapi")) as started:
        yield started


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in ONLY_REFUSED])
def test_an_answer_is_described_to_its_last_member(name: str, target: Target) -> None:
    path, method = OPERATIONS[name]
    operation = document()["paths"][path][method]
    status = next(iter(operation["responses"]))
    schema = operation["responses"][status]["content"]["application/json"]["schema"]
    good: Sequence[Body | None] = target.good(name)[: 1 if "zone_id" in path else None]
    for body in good or [None]:
        with target.server.http() as http:
            if name.startswith("update_"):
                answer = _update(name, body or {}, target, http)
            else:
                answer = http.request(method, _url(path, target.places(name)), json=body)
            assert answer.status_code == int(status), answer.text
            if body and body.get("type") in SINGLE:
                id = answer.json()["result"]["id"]
                http.delete(target.server.account(f"/access/apps/{id}"))
        assert list(undescribed(answer.json(), schema, "")) == []
        jsonschema.validate(answer.json(), _whole(schema), format_checker=_FORMATS)


_FORMATS = jsonschema.FormatChecker()


def _update(name: str, body: Body, target: Target, http: httpx.Client) -> httpx.Response:
    """An update of the object that the same body made."""
    path, _ = OPERATIONS[name]
    create, places = name.replace("update_", "create_", 1), target.places(name)
    if create in OPERATIONS and create not in ONLY_REFUSED and "user" not in name:
        made = http.post(_url(OPERATIONS[create][0], places), json=body).json()["result"]
        id = made.get("uid") or made.get("id") or made.get("name")
        places |= {"policy" if "{policy}" in path else "id": [id]}
    return http.put(_url(path, places), json=body)


def _url(path: str, places: dict[str, list[str]]) -> str:
    first = {place: ids[0] for place, ids in places.items()}
    return path.format(account_id=ACCOUNT, zone_id=ACCOUNT, **first).removeprefix("/")


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that finds what it names."""
    return {**schema, "components": document()["components"]}


def undescribed(value: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    """The members of a value of which a schema says nothing."""
    schema = _fitting(value, _resolved(schema))
    if isinstance(value, dict) and "properties" in schema:
        for name, inner in value.items():
            if name in schema["properties"]:
                yield from undescribed(inner, schema["properties"][name], f"{where}/{name}")
            elif not schema.get("additionalProperties"):
                yield f"{where}/{name}"
    if isinstance(value, list) and "items" in schema:
        for one in value:
            yield from undescribed(one, schema["items"], f"{where}/-")


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _fitting(value: Any, schema: dict[str, Any]) -> dict[str, Any]:
    """The one of several schemas that a value has."""
    for one in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        inner = _resolved(one)
        if jsonschema.Draft202012Validator(_whole(inner)).is_valid(value):
            return inner
    return schema


def test_the_document_is_there_for_everybody(server: Running) -> None:
    served = httpx.get(f"{server.base_url}/openapi.json")
    assert served.json() == document()
    assert httpx.head(f"{server.base_url}/openapi.json").status_code == 200
