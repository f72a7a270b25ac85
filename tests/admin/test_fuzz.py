"""Schemathesis asks whatever the OpenAPI document allows: no fault, and nothing it does not say."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from lychgate.admin.openapi import document
from lychgate.config.naming import ACCOUNT
from tests.admin.bodies import Body
from tests.admin.calling import OPERATIONS, Target, target_in
from tests.support.scale import scaled

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
API = schemathesis.openapi.from_dict(document())
API.config.generation.update(with_security_parameters=False)
MOSTLY = st.sampled_from((True, True, True, False))


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A process of its own."""
    with target_in(tmp_path_factory.mktemp("fuzz")) as started:
        yield started


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_answer_breaks_its_schema(name: str, target: Target) -> None:
    path, method = OPERATIONS[name]
    places, good = target.places(name), target.good(name)

    @settings(
        max_examples=scaled(40 if "zone_id" in path else 100),
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=API[path][method].as_strategy(), data=st.data())
    def ask(case: Any, data: st.DataObject) -> None:
        owner = "account_id" if "account_id" in path else "zone_id"
        case.path_parameters[owner] = ACCOUNT
        if data.draw(MOSTLY):
            chosen = {place: data.draw(st.sampled_from(ids)) for place, ids in places.items()}
            case.path_parameters.update(chosen)
            case.headers.pop("If-Match", None)
        if good:
            if data.draw(MOSTLY):
                case.body = blended(case.body, data)
        sent = {"authorization": f"Bearer {target.server.token}"}
        answer = case.call(base_url=target.server.base_url, headers=sent)
        case.validate_response(answer, checks=CHECKS)

    def blended(generated: Any, data: st.DataObject) -> Mapping[str, Any]:
        """A good body, one of whose members may be what was generated."""
        body: Body = data.draw(st.sampled_from(good))
        taken = generated if isinstance(generated, Mapping) else {}
        if not taken or data.draw(st.booleans()):
            return body
        name = data.draw(st.sampled_from(sorted(taken)))
        return {**body, name: taken[name]}

    ask()
