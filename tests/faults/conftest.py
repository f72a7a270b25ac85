"""One installation behind both proxies that every test of this folder may break, and then mends."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.collector import Collector
from tests.faults.parts import GRACE
from tests.support.catalogue import Catalogue, running_catalogue
from tests.support.envoy import free_port


@pytest.fixture(scope="session")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """What takes the log of every process of the installation."""
    with Collector(tmp_path_factory.mktemp("log") / "processes.log") as running:
        yield running


@pytest.fixture(scope="session")
def catalogue(
    collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Catalogue]:
    """Started once. No visitor and no log may ever get a traceback, whatever was broken."""
    folder = tmp_path_factory.mktemp("breakable")
    (folder / "store").mkdir()
    settings: dict[str, Any] = {
        "store": f"sqlite:///{folder / 'store' / 'lychgate.db'}",
        "master_key_file": str(folder / "lychgate.key"),
        "store_outage_grace": f"{GRACE}s",
        "extauthz": {
            "listen": [f"unix:{folder / 'decision.sock'}"],
            "metrics": f"127.0.0.1:{free_port()}",
        },
    }
    with running_catalogue(folder, sink=collector.sink, **settings) as running:
        yield running
        output = collector.text()
        found = running.secrets_in(output + running.kept())
    assert "Traceback" not in output, output[output.index("Traceback") - 300 :][:4000]
    assert found == []
