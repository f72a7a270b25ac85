"""The Helm chart as Helm's own engine renders it, without a cluster."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart

from tests.docs import pages

FOLDER = pages.ROOT / "examples" / "helm"
CHART = FOLDER / "lychgate"
EXAMPLE: Mapping[str, Any] = yaml.safe_load((FOLDER / "example-values.yaml").read_text())

PEERS = [{"namespaceSelector": {"matchLabels": {"name": "elsewhere"}}}]
OWN_PROXY = {"envoy": {"enabled": False}, "networkPolicy": {"proxies": PEERS}}

type Values = Mapping[str, Any]


def changed(values: Values, change: Values) -> dict[str, Any]:
    """Values with others over them, member by member."""
    both = dict(values)
    for name, value in change.items():
        inner = both.get(name)
        if isinstance(inner, dict) and isinstance(value, dict):
            both[name] = changed(inner, value)
        else:
            both[name] = value
    return both


@dataclass(frozen=True)
class Release:
    """What one set of values makes."""

    values: Values

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """Every object, hooks included."""
        files = Chart.load(CHART).render(dict(self.values), name="gate", namespace="lychgate")
        texts = [text for name, text in files.items() if not name.endswith(".txt")]
        return [one for text in texts for one in yaml.safe_load_all(text) if one]

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """The objects of a kind by the end of their names."""
        return {
            one["metadata"]["name"].removeprefix("gate-lychgate").lstrip("-"): one
            for one in self.objects
            if one["kind"] == kind
        }

    def files(self, folder: Path, name: str = "") -> Path:
        """The folder with the files of a ConfigMap, as a pod has it."""
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in self.of("ConfigMap")[name]["data"].items():
            (folder / file).write_text(text)
        return folder

    def pods(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every pod's metadata and specification by what starts it."""
        for kind in ("Deployment", "Job"):
            for name, one in self.of(kind).items():
                yield name, one["spec"]["template"]

    def containers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every container by its pod's name, those that run first included."""
        for name, pod in self.pods():
            for one in [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]:
                yield name, one
