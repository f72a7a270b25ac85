"""The installation that `cloudflared` meets: its two fixed names, behind both proxies."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cloudflared.browser import Browser
from tests.cloudflared.client import ALIAS, NEW, OLD, TRANSFER, Cloudflared
from tests.support.catalogue import FRONTS, Catalogue, running_catalogue

_STAFF = {"name": "staff", "decision": "allow", "include": [{"group": {"id": "staff"}}]}


def _more(resources: dict[str, Any]) -> None:
    for name, path, more in (
        ("MANAGED", "managed", {"oauth_configuration": {"enabled": True}}),
        ("QUICK", "quick", {"skip_interstitial": True}),
    ):
        app = {
            "name": name,
            "type": "self_hosted",
            "destinations": [{"type": "public", "uri": f"a.example/{path}"}],
            "policies": [_STAFF],
        }
        resources["applications"].append(app | more)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """The catalogue's installation with the two names, and two applications more."""
    folder = tmp_path_factory.mktemp("cloudflared")
    with running_catalogue(folder, team_alias=ALIAS, transfer_host=TRANSFER) as running:
        running.configure(_more)
        yield running
        output = running.output()
        found = running.secrets_in(output)
    assert "Traceback" not in output, output[output.index("Traceback") :][:4000]
    assert found == []


@pytest.fixture(params=FRONTS)
def front(request: pytest.FixtureRequest, installation: Catalogue) -> str:
    """Each proxy's address."""
    installation.log.clear()
    return installation.fronts[request.param].url


@pytest.fixture(params=(NEW, OLD), ids=("new", "old"))
def client(request: pytest.FixtureRequest, front: str) -> Cloudflared:
    """A fresh run of each generation."""
    return Cloudflared(front, request.param)


@pytest.fixture
def browser(front: str, installation: Catalogue) -> Iterator[Browser]:
    """A browser in which nobody has logged in."""
    with Browser(front, installation) as opened:
        yield opened
