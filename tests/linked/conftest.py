"""The installation of the catalogue with applications that call each other, behind both proxies."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.both import Both
from tests.support.catalogue import Catalogue, running_catalogue


def _linked(name: str, uri: str, source: str) -> dict[str, Any]:
    rule = {"linked_app_token": {"app_uid": source}}
    return {
        "name": name,
        "type": "self_hosted",
        "destinations": [{"type": "public", "uri": uri}],
        "policies": [{"name": f"from {source}", "decision": "non_identity", "include": [rule]}],
    }


STAFF = {"name": "staff", "decision": "allow", "include": [{"group": {"id": "staff"}}]}
APPLICATIONS = (
    _linked("LB", "b.example/linked", "ROOT"),
    _linked("LC", "b.example/chain", "LB"),
    _linked("LS", "b.example/from-saas", "SAAS"),
    {
        "name": "OA",
        "type": "self_hosted",
        "destinations": [{"type": "public", "uri": "b.example/oauth"}],
        "oauth_configuration": {"enabled": True},
        "policies": [STAFF],
    },
    {
        "name": "SAAS",
        "type": "saas",
        "saas_app": {
            "auth_type": "oidc",
            "client_id": "saas-client",
            "client_secret": "only a secret of the tests",
            "redirect_uris": ["https://saas.example/callback"],
        },
        "policies": [
            STAFF,
            {
                "name": "from ROOT",
                "decision": "non_identity",
                "include": [{"linked_app_token": {"app_uid": "ROOT"}}],
            },
        ],
    },
)


@pytest.fixture(scope="package")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """Started once; the processes may not have met an exception, nor written a secret down."""
    with running_catalogue(tmp_path_factory.mktemp("linked")) as running:
        running.configure(lambda resources: resources["applications"].extend(APPLICATIONS))
        yield running
        output = running.output()
        found = running.secrets_in(output)
    assert "Traceback" not in output, output[output.index("Traceback") :][:4000]
    assert found == []


@pytest.fixture
def fronts(linked: Catalogue) -> Both:
    """Both proxies of that installation."""
    return Both(linked)
