"""Reads `/metrics` as Prometheus does."""

from collections.abc import Mapping

import httpx
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

type Scraped = Mapping[str, Metric]
"""By the name that the reference uses."""


def scrape(address: str) -> Scraped:
    """What a process tells at `HOST:PORT`."""
    return read(httpx.get(f"http://{address}/metrics").raise_for_status().text)


def counted(registry: CollectorRegistry) -> Scraped:
    """What a registry of this process would tell."""
    return read(generate_latest(registry).decode())


def read(text: str) -> Scraped:
    """The families of a page of metrics."""
    return {_name(family): family for family in text_string_to_metric_families(text)}


def _name(family: Metric) -> str:
    # The parser takes the suffix off that everybody knows a counter by.
    return f"{family.name}_total" if family.type == "counter" else family.name


def value(scraped: Scraped, name: str, suffix: str = "", **labels: str) -> float:
    """The sum of a metric's samples with these labels; 0 when there is none."""
    family = scraped[name]
    return sum(
        sample.value
        for sample in family.samples
        if sample.name == name + suffix and labels.items() <= sample.labels.items()
    )


def series(scraped: Scraped) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Every series of ours, without its value."""
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for name, family in scraped.items()
        if name.startswith("lychgate_")
        for sample in family.samples
    }
