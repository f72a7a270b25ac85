"""An exported file is no change where it came from, and makes the same installation elsewhere."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, reject, settings
from pydantic import BaseModel

from lychgate.api import body_model
from lychgate.api.kept import CertificateSettingsBody, KeySettingsBody
from lychgate.config.items import SECTIONS, called
from lychgate.config.resource_file import read_resource_file
from lychgate.errors import InvalidConfiguration
from lychgate.files.exporting import export
from lychgate.files.proposal import Proposal, Terms, propose
from lychgate.files.stock import Stock
from lychgate.store.base import Kind
from tests.files.worlds import NOW, SETTINGS, stock_of, stocks

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

FILE = Path("resources.yaml")
COUNTRIES = replace(SETTINGS, country_database=Path("-"))
# Shrinking a whole installation takes longer than a test may.
_DRAWN = settings(
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)


def proposal(text: str, stock: Stock, *, prune: bool = True) -> Proposal:
    """What applying a text to a stock would change."""
    file = read_resource_file(text.encode(), FILE, {})
    return propose(file, stock, Terms(COUNTRIES, lambda _kind, _id: {}, NOW, prune))


def applied(text: str, stock: Stock) -> Stock:
    """The stock after a text was applied to it."""
    bodies = {key: dict(one.body) for key, one in stock.objects.items()}
    for change in proposal(text, stock).changes:
        if change.after is None:
            del bodies[change.key]
        else:
            bodies[change.key] = dict(change.after)
    return stock_of(bodies)


def bodies(stock: Stock) -> Mapping[Any, Any]:
    """Everything in a stock, as it is stored."""
    return {key: one.body for key, one in stock.objects.items()}


@settings(_DRAWN, max_examples=25)
@given(stocks())
def test_an_exported_file_is_no_change(stock: Stock) -> None:
    for hashes in (True, False):
        assert proposal(export(stock, hashes=hashes).text, stock).changes == ()


@settings(_DRAWN, max_examples=25)
@given(stocks())
def test_an_exported_file_makes_the_same_installation(stock: Stock) -> None:
    text = export(stock, hashes=True).text
    made = applied(text, stock_of({}))
    assert export(made, hashes=True).text == text
    assert bodies(made) == bodies(stock)


@settings(_DRAWN, max_examples=10)
@given(stocks(), stocks())
def test_any_installation_becomes_any_other(first: Stock, second: Stock) -> None:
    text = export(second, hashes=True).text
    try:
        made = applied(text, first)
    except InvalidConfiguration as error:
        assert all("cannot change" in one.message for one in error.problems)
        reject()
    assert proposal(text, made).changes == ()
    assert _titles(made) == _titles(second)


def _titles(stock: Stock) -> Counter[tuple[Kind, str]]:
    lasting = (Kind.ORGANIZATION, Kind.SETTINGS)
    return Counter(
        (o.kind, called(o.body)) for o in stock.objects.values() if o.kind not in lasting
    )


_SECRET = {"client_secret", "auth_credentials"}
_ELSEWHERE = {
    # Where each belongs to one kind of object only, or is another way to say what is drawn.
    ("OrganizationBody", "auth_domain"),
    ("PolicyBody", "reusable"),
    ("SelfHostedApplicationBody", "self_hosted_domains"),
    ("McpApplicationBody", "domain"),
    ("McpApplicationBody", "self_hosted_domains"),
    ("McpPortalApplicationBody", "destinations"),
    ("McpPortalApplicationBody", "self_hosted_domains"),
    ("PinBody", "scim_config"),
}


@settings(_DRAWN, max_examples=2)
@given(stocks(whole=True))
def test_every_member_of_every_kind_is_among_them(stock: Stock) -> None:
    written = yaml.safe_load(export(stock, hashes=True).text)["resources"]
    assert set(written) == {*SECTIONS, "organization", "keys", "certificate_settings"}
    seen: set[tuple[str, str]] = set()
    models: set[type[BaseModel]] = {KeySettingsBody, CertificateSettingsBody}
    seen |= {*_members(KeySettingsBody, written["keys"])}
    seen |= {*_members(CertificateSettingsBody, written["certificate_settings"])}
    singles = {"organization": [written["organization"]]}
    for section, kind in {**SECTIONS, "organization": "organization"}.items():
        for entry in singles.get(section, written[section]):
            model = body_model(kind, entry)
            models.add(model)
            seen |= {*_members(model, entry)}
    wanted = {pair for model in models for pair in _every_member(model)}
    assert wanted - seen - _ELSEWHERE == set()


def _members(model: type[BaseModel], entry: Any) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        value = entry.get(field.alias or name) if isinstance(entry, dict) else None
        if value is not None:
            yield model.__name__, name
            for inner in _models(field.annotation):
                for one in value if isinstance(value, list) else [value]:
                    yield from _members(inner, one)


def _every_member(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        if name not in _SECRET:
            yield model.__name__, name
        for inner in _models(field.annotation):
            yield from _every_member(inner)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
