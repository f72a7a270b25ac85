"""Whatever can be set, asked, answered or counted has its row in the reference."""

import re
import tomllib
from collections.abc import Iterator
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from lychgate.api import identity_providers as providers
from lychgate.api.applications import ReachableBody
from lychgate.api.cors import CorsBody
from lychgate.api.groups import GroupBody, ListBody
from lychgate.api.oauth import GrantBody, OAuthBody, RegistrationBody
from lychgate.api.organization import OrganizationBody
from lychgate.api.policies import PolicyBody
from lychgate.api.service_tokens import ServiceTokenInFile
from lychgate.config.process import FileBody
from lychgate.core.decision import Reason
from lychgate.core.selectors import ALL
from lychgate.explain import _IDENTITY, _MEMBERS
from lychgate.idp.base import Failure
from lychgate.store.base import PinStatus
from lychgate.web.app import ROUTES
from tests.docs import pages
from tests.docs.generate import command_names, error_classes

_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def _page(name: str) -> str:
    return (pages.REFERENCE / name).read_text()


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of the file with its default, lists of objects as `key[].member`."""
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        inner = next(_models(field.annotation), None)
        listed = inner is not None and get_origin(field.annotation) is list
        if listed or inner is None:
            yield key, field.get_default(call_default_factory=True)
        if inner is not None:
            yield from _settings(inner, f"{key}[]." if listed else f"{key}.")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (list, Union, UnionType, Annotated):
        for inner in get_args(annotation):
            yield from _models(inner)


SETTINGS = [(key, default) for key, default in _settings(FileBody) if key != "resources"]


@pytest.mark.parametrize(("key", "default"), SETTINGS, ids=[key for key, _ in SETTINGS])
def test_a_setting_has_its_row_with_its_default(key: str, default: Any) -> None:
    shown = pages.row(_page("settings.md"), key)[1]
    match default:
        case bool():
            assert shown == f"`{str(default).lower()}`"
        case StrEnum():
            assert shown == f"`{default.value}`"
        case str() | int():
            assert shown == f"`{default}`"
        case [str() as only]:
            assert shown == f"`{only}`"
        case _:
            assert shown


def test_the_page_names_no_setting_that_is_not_one() -> None:
    known = {key for key, _ in SETTINGS} | {"LYCHGATE_MASTER_KEY", "LYCHGATE_CONFIG"}
    assert set(pages.rows(_page("settings.md"))) == known


_CONFIGS = (
    providers.OidcConfig,
    providers.GoogleAppsConfig,
    providers.OktaConfig,
    providers.EntraConfig,
    providers.PinConfig,
)
_RESOURCES: dict[str, tuple[type[BaseModel], ...]] = {
    "organization": (OrganizationBody,),
    "identity_providers": (providers.OidcBody, *_CONFIGS),
    "lists": (ListBody,),
    "groups": (GroupBody,),
    "policies": (PolicyBody,),
    "applications": (ReachableBody, CorsBody, OAuthBody, RegistrationBody, GrantBody),
    "service_tokens": (ServiceTokenInFile,),
}


@pytest.mark.parametrize("section", _RESOURCES)
def test_every_member_of_a_resource_has_its_row(section: str) -> None:
    members = {name for model in _RESOURCES[section] for name in model.model_fields}
    listed = set(pages.rows(pages.section(_page("resources.md"), section)))
    assert listed == members


def test_a_default_that_is_on_or_off_is_the_one_shown() -> None:
    for section, models in _RESOURCES.items():
        text = pages.section(_page("resources.md"), section)
        for model in models:
            for name, field in model.model_fields.items():
                if isinstance(field.default, bool):
                    assert pages.row(text, name)[1] == f"`{str(field.default).lower()}`", name


def test_selectors() -> None:
    text = _page("selectors.md")
    assert pages.rows(text) == [*(selector.kind for selector in ALL), "group"]
    for selector in ALL:
        _, members, each_request, identity, answers, meaning = pages.row(text, selector.kind)
        assert set(re.findall(r"`(\w+)`", members)) == {*selector.members, *selector.optional}
        assert (each_request == "yes") is selector.each_request
        assert (identity == "yes") is selector.identity
        assert (answers == "yes") is selector.source
        assert meaning


def test_endpoints() -> None:
    served = {(", ".join(sorted(one.where)), one.method, one.path) for one in ROUTES}
    text = _page("http.md")
    found = re.findall(r"^\| ([a-z, ]+) \| ([A-Z]+) \| `([^`]+)` \|", text, re.MULTILINE)
    assert set(found) == served
    assert {method for _, method, _ in found} <= _METHODS


def test_reason_codes() -> None:
    text = _page("reason-codes.md")
    listed = pages.rows(pages.section(text, "Reasons of decisions"))
    assert sorted(listed) == sorted(reason.value for reason in Reason)


def test_login_failures() -> None:
    listed = pages.rows(pages.section(_page("reason-codes.md"), "Why a login failed"))
    pins = [f"pin_{status.value}" for status in PinStatus if status is not PinStatus.OK]
    assert sorted(listed) == sorted([*(failure.value for failure in Failure), *pins])


_METRIC = re.compile(r'(?:Counter|Gauge|Histogram|Info|MetricFamily)\(\s*"(\w+)"')


def _counted() -> Iterator[str]:
    """Every metric that some module makes."""
    for package in ("lychgate", "addon", "extauthz"):
        for module in (pages.ROOT / package).rglob("*.py"):
            yield from _METRIC.findall(module.read_text())


def test_metrics() -> None:
    # Kinds and labels are compared where real processes tell them: tests/extauthz/test_metrics.py.
    made = {name + "_info" if name == "lychgate_build" else name for name in _counted()}
    listed = {name for name in pages.rows(_page("metrics.md")) if name.startswith("lychgate_")}
    assert listed == made


def test_error_codes_are_stable_names() -> None:
    for kind in error_classes():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code), kind
        assert kind.__doc__, kind


def test_every_command_has_its_heading() -> None:
    headings = re.findall(r"^## `(lychgate[^`]*)`$", _page("cli.md"), re.MULTILINE)
    assert headings == [" ".join(("lychgate", *words)) for words in command_names()]


def test_members_of_a_question_have_their_rows() -> None:
    listed = set(pages.rows((pages.DOCS / "policies.md").read_text()))
    assert listed >= _MEMBERS | _IDENTITY


def test_every_dependency_says_what_it_saves() -> None:
    project = tomllib.loads((pages.ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(one for extra in extras for one in extra)]
    names = {re.split(r"[\[><=;]", text)[0].strip() for text in wanted} - {"lychgate"}
    text = (pages.DOCS / "decisions" / "0002-dependencies.md").read_text()
    assert set(pages.rows(text)) == names


def test_every_decision_is_in_the_list() -> None:
    folder = pages.DOCS / "decisions"
    linked = pages.links((folder / "README.md").read_text())
    assert sorted(linked) == sorted(path.name for path in folder.glob("0*.md"))
