"""Values of the Helm chart: bad ones are refused in plain words, and each is in the README."""

import re
import tomllib
from typing import Any

import pytest
import yaml
from helm_python import HelmError

from tests.deploy.chart import CHART, EXAMPLE, FOLDER, OWN_PROXY, Release, Values, changed
from tests.docs import pages

BAD: dict[str, tuple[Values, str]] = {
    "no master key": ({"masterKey": {"existingSecret": ""}}, "masterKey.existingSecret must name"),
    "no proxies": ({"trustedProxies": []}, "trustedProxies must name"),
    "no url": ({"config": {"team": {"url": ""}}}, "config.team.url must be the https URL"),
    "http": ({"config": {"team": {"url": "http://a.example"}}}, "must be the https URL"),
    "SQLite": ({"config": {"store": "sqlite:///a.db"}}, "several pods cannot share"),
    "password": ({"config": {"store": "postgresql://a:b@c/d"}}, "config.store holds a password"),
    "key file": ({"config": {"master_key_file": "a"}}, "use masterKey.existingSecret"),
    "address": ({"config": {"admin": {"listen": "a:1"}}}, "config.admin.listen is set by the"),
    "workers": ({"config": {"extauthz": {"workers": 2}}}, "each pod is one worker"),
    "nobody": ({"envoy": {"enabled": False}}, "networkPolicy.proxies must say"),
    "no reader": ({"serviceMonitor": {"enabled": True}}, "networkPolicy.monitoring must say"),
    "nobody to ask": ({"decision": {"enabled": False}}, "envoy.enabled needs decision.enabled"),
    "xds alone": (changed(OWN_PROXY, {"zeroHop": {"enabled": True}}), "zeroHop.enabled needs"),
    "a word too many": ({"decisions": {}}, "decisions"),
    "no number": ({"decision": {"replicas": "many"}}, "/decision/replicas"),
    "none": ({"companion": {"replicas": 0}}, "/companion/replicas"),
    "key as a secret": (
        {"secrets": {"LYCHGATE_MASTER_KEY": {"name": "a", "key": "b"}}},
        "give it in masterKey",
    ),
}


@pytest.mark.parametrize(("change", "said"), BAD.values(), ids=list(BAD))
def test_bad_values_are_refused_with_a_word(change: Values, said: str) -> None:
    with pytest.raises(HelmError, match=re.escape(said)):
        _ = Release(changed(EXAMPLE, change)).objects


def test_the_versions_are_that_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    package = tomllib.loads((pages.ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert chart["version"] == chart["appVersion"] == package


def _leaves(values: Values, prefix: str = "") -> dict[str, Any]:
    """Every value by its name; resources are one."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value and name != "resources":
            found |= _leaves(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def test_the_readme_lists_every_value_with_its_default() -> None:
    text = pages.section((FOLDER / "README.md").read_text(), "Values")
    leaves = _leaves(yaml.safe_load((CHART / "values.yaml").read_text()))
    assert pages.rows(text) == list(leaves)
    for name, value in leaves.items():
        shown = pages.row(text, name)[1]
        if value in ("", {}, []):
            assert shown in ("required", "none", "that of the chart"), name
        elif not name.endswith("resources"):
            assert shown == f"`{str(value).lower() if isinstance(value, bool) else value}`", name
