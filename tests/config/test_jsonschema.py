"""The JSON Schema speaks of the same keys as the file."""

from typing import Any

from lychgate.api.organization import OrganizationBody
from lychgate.config.jsonschema import json_schema
from lychgate.config.process import FileBody
from lychgate.core.selectors import ALL


def references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(references, node))
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return own.union(*map(references, node.values()))


def test_every_reference_leads_somewhere() -> None:
    schema = json_schema()
    assert references(schema) <= {f"#/$defs/{name}" for name in schema["$defs"]}


def test_it_knows_every_key_and_refuses_others() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == set(FileBody.model_fields)
    assert schema["additionalProperties"] is False
    resources = schema["properties"]["resources"]
    assert resources["additionalProperties"] is False
    organization = resources["properties"]["organization"]
    assert set(organization["properties"]) == set(OrganizationBody.model_fields)
    assert "from" in schema["$defs"]["MailBody"]["properties"]


def test_it_knows_every_selector() -> None:
    rule = json_schema()["$defs"]["Rule"]["properties"]
    assert {one.kind for one in ALL} <= set(rule)
    policies = json_schema()["properties"]["resources"]["properties"]["policies"]
    assert policies["items"]["properties"]["include"]["items"] == {"$ref": "#/$defs/Rule"}


def test_policies_of_an_application_may_be_names() -> None:
    assert {"type": "string"} in json_schema()["$defs"]["AppPolicyBody"]["anyOf"]
