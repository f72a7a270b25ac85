"""The installation of the security catalogue behind every proxy that asks over HTTP."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.httpcheck.differing import DIFFERS
from tests.support.both import Both
from tests.support.catalogue import Catalogue, Proxy, running_catalogue
from tests.support.envoy import free_port
from tests.support.http_fronts import HTTP_FRONTS


@dataclass(frozen=True, slots=True)
class Through(Both):
    """One proxy of the running installation."""

    name: str

    @property
    def fronts(self) -> Mapping[str, Proxy]:
        """That one alone."""
        return {self.name: self.catalogue.fronts[self.name]}


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """Started once; Envoy with gRPC is there to be compared with."""
    folder = tmp_path_factory.mktemp("http-check")
    check = {"listen": f"127.0.0.1:{free_port()}"}
    with running_catalogue(folder, ("envoy",), http_check=check) as running:
        running.start("extauthz.http")
        for name, start in HTTP_FRONTS.items():
            running.fronts[name] = running.stack.enter_context(start(running))
        yield running
        output = running.output()
        found = running.secrets_in(output + running.kept())
    assert "Traceback" not in output, output[output.index("Traceback") :][:4000]
    assert found == []


@pytest.fixture(params=HTTP_FRONTS)
def both(catalogue: Catalogue, request: pytest.FixtureRequest) -> Both:
    """Each of the proxies, alone."""
    return Through(catalogue, request.param)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what a proxy does in a way of its own."""
    items[:] = [item for item in items if not _differs(item)]


def _differs(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return False
    front = str(item.callspec.params.get("both", ""))
    parts = item.callspec.id.removeprefix(front).removeprefix("-")
    listed = DIFFERS.get(front, {})
    return any((item.originalname, part) in listed for part in ("", parts))
