"""The two hosts that `cloudflared` insists on, as settings."""

from pathlib import Path

import pytest

from extauthz.layout import layout_of, render
from lychgate.config import load_text
from lychgate.errors import InvalidConfiguration
from lychgate.settings import Settings


def settings(text: str) -> Settings:
    """The settings of a file with this team."""
    whole = f'team: {{url: "https://team.example"}}\n{text}'
    return load_text(whole.encode(), Path("lychgate.yaml"), {}).settings


def test_both_are_hosts_of_the_companion() -> None:
    found = settings("team_alias: Acme.cloudflareaccess.com\ntransfer_host: give.example")
    assert (found.team.alias, found.team.transfer_host) == (
        "acme.cloudflareaccess.com",
        "give.example",
    )
    layout = layout_of(found, "127.0.0.1:8080")
    assert layout.team == ("team.example", "acme.cloudflareaccess.com", "give.example")
    assert "- acme.cloudflareaccess.com" in render(layout)


@pytest.mark.parametrize(
    "text",
    [
        "team_alias: https://acme.example",
        "team_alias: acme.example:443",
        "transfer_host: give.example/x",
        "team_alias: team.example",
        "transfer_host: team.example",
        "team_alias: one.example\ntransfer_host: one.example",
    ],
)
def test_what_is_no_host_of_its_own_is_refused(text: str) -> None:
    with pytest.raises(InvalidConfiguration):
        settings(text)
