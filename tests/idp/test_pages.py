"""The pages on identity providers: what they tell to write leads to a login."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lychgate.core.model import IdentityProvider, IdpId
from lychgate.idp import PIN_TYPE, method_for
from lychgate.idp.methods import METHODS, Unusable
from lychgate.mail import open_mailer
from lychgate.settings import Mail

PAGES = sorted((Path(__file__).parents[2] / "docs" / "identity-providers").glob("*.md"))


def blocks(page: Path) -> list[dict[str, Any]]:
    found = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    return [yaml.safe_load(block) for block in found]


def providers(page: Path) -> list[dict[str, Any]]:
    return [
        provider
        for block in blocks(page)
        for provider in block.get("resources", {}).get("identity_providers", [])
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_settings_of_a_page_are_complete(page: Path) -> None:
    assert providers(page)
    for body in providers(page):
        if body["type"] == PIN_TYPE:
            continue
        idp = IdentityProvider(IdpId("x"), body["name"], body["type"], body["config"])
        assert not isinstance(method_for(idp, "secret"), Unusable)


def test_every_method_is_on_a_page() -> None:
    shown = {provider["type"] for page in PAGES for provider in providers(page)}
    assert shown == {*METHODS, PIN_TYPE}


def test_the_mail_settings_are_complete() -> None:
    page = next(page for page in PAGES if page.stem == "one-time-pin")
    mail = blocks(page)[0]["mail"]
    open_mailer(Mail(smtp_url=mail["smtp_url"], sender=mail["from"]))
