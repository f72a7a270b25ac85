"""A hundred programs at once: each gets its own grant, and nobody another's."""

from concurrent.futures import ThreadPoolExecutor

from tests.web.installation import Browser, Installation
from tests.web.oauth.flow import Agent, register

PROGRAMS = 100


def test_a_hundred_programs_register_log_in_and_refresh(
    installation: Installation, browser: Browser
) -> None:
    browser.log_in("https://plain.example.com/")

    def whole_way(_: int) -> Agent:
        agent = register(installation)
        agent.log_in(browser.twin())
        assert agent.refresh().status_code == 200
        assert agent.call().status_code == 200
        return agent

    with ThreadPoolExecutor(20) as pool:
        agents = list(pool.map(whole_way, range(PROGRAMS)))
    grants = installation.store.oauth.grants.list(installation.clock())
    assert {one.client for one in grants} == {agent.id for agent in agents}
    assert len({agent.tokens["refresh_token"] for agent in agents}) == PROGRAMS
    stranger = agents[0]
    for agent in agents[1:3]:
        refused = stranger.refresh(refresh_token=agent.tokens["refresh_token"])
        assert refused.json()["error"] == "invalid_grant"
        assert agent.refresh().status_code == 200
