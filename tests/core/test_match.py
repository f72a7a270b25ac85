"""What `cloudflared` is told of an application, and the hosts that are ours for its sake."""

import pytest

from lychgate.core.decide import decide
from lychgate.core.decision import Serve
from lychgate.core.metadata import match_claims
from lychgate.core.model import Team
from lychgate.core.urls import auth_domain, companion_hosts
from lychgate.errors import InvalidConfiguration
from tests.support.builders import NOW, TEAM, a_request, a_snapshot, an_app, verifier

ALIAS, TRANSFER = "acme.cloudflareaccess.com", "login.cloudflareaccess.org"
NAMED = Team("https://team.example:8443", alias=ALIAS, transfer_host=TRANSFER)
ASKS = {"cf-access-metadata-request": "true"}
STAR = an_app("star", "*.example.org/docs")


@pytest.mark.parametrize(("team", "domain"), [(TEAM, "team.example"), (NAMED, ALIAS)])
def test_an_application_is_named_to_who_asks(team: Team, domain: str) -> None:
    request = a_request("https://A.example.org:8443/docs/x?y", headers=ASKS)
    assert match_claims(request, a_snapshot(STAR, team=team), NOW) == {
        "type": "match",
        "hostname": "a.example.org",
        "auth_domain": domain,
        "aud": STAR.audience,
        "app_hostname": "*.example.org",
        "iat": int(NOW.timestamp()),
    }


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        pytest.param("https://a.example.org/docs", {}, id="nobody asked"),
        pytest.param(
            "https://a.example.org/docs", {"cf-access-metadata-request": "1"}, id="not in its words"
        ),
        pytest.param(
            "https://a.example.org/docs",
            {"cf-access-metadata-request": ("true", "true")},
            id="asked twice",
        ),
        pytest.param("https://a.example.org/other", ASKS, id="no application at the path"),
        pytest.param("https://elsewhere.example/", ASKS, id="no application at the host"),
        pytest.param("https://a b/docs", ASKS, id="no host"),
        pytest.param("https://a.example.org/%00", ASKS, id="no path"),
    ],
)
def test_nothing_else_is_named(url: str, headers: dict[str, str]) -> None:
    assert match_claims(a_request(url, headers=headers), a_snapshot(STAR), NOW) is None


def test_the_hosts_of_the_companion() -> None:
    assert companion_hosts(TEAM) == {"team.example"}
    assert companion_hosts(NAMED) == {"team.example", ALIAS, TRANSFER}
    assert (auth_domain(TEAM), auth_domain(NAMED)) == ("team.example", ALIAS)


@pytest.mark.parametrize("host", ["team.example", ALIAS, TRANSFER])
def test_every_path_of_them_is_served_and_none_is_an_application(host: str) -> None:
    snapshot = a_snapshot(STAR, team=NAMED)
    request = a_request(f"https://{host}/any/path")
    assert isinstance(decide(request, snapshot, verifier(snapshot), NOW), Serve)
    with pytest.raises(InvalidConfiguration, match=host):
        a_snapshot(an_app("taken", host), team=NAMED)
