"""What the demo's installation consists of, behind each proxy."""

from pathlib import Path

from lychgate.clock import clock
from lychgate.config import load
from lychgate.demo.layout import plan, write
from lychgate.settings import Settings


def settings(folder: Path, proxy: str) -> Settings:
    """What its configuration file says."""
    layout = plan(proxy, 8080, folder / proxy, clock())
    write(layout)
    return load(layout.config).settings


def test_envoy_proves_by_itself_in_the_demo_too(tmp_path: Path) -> None:
    found = settings(tmp_path, "envoy")
    assert found.zero_hop.listen and found.zero_hop.listen not in found.extauthz.endpoints
    assert not settings(tmp_path, "mitmproxy").zero_hop.listen


def test_a_folder_too_deep_for_sockets_gets_ports(tmp_path: Path) -> None:
    found = settings(tmp_path / ("x" * 120), "envoy")
    endpoints = (found.zero_hop.listen, *found.extauthz.endpoints)
    assert all(one.startswith("127.0.0.1:") for one in endpoints)
