"""Programs that people run, unmodified: mcp-remote, the MCP Inspector, and strict checkers."""

import json
from pathlib import Path

import anyio
import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from lychgate.processes import free_port
from tests.support.consent import Person, somebody
from tests.support.demo import Demo
from tests.support.programs import (
    NODE,
    environment,
    module,
    opened_by,
    run_to_its_end,
    running_program,
)

INSPECTOR = "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
CONFORMANCE = "@modelcontextprotocol/conformance/dist/index.js"
SCENARIOS = {"authorization-server-metadata", "authorization-code-grant"}


async def through_mcp_remote(url: str, folder: Path, log: Path) -> str:
    """What `whoami` says to a host that knows stdio only."""
    command = [module("mcp-remote/dist/proxy.js"), url, str(free_port())]
    env = dict(environment(folder, MCP_REMOTE_CONFIG_DIR=str(folder / "mcp-auth")))
    server = StdioServerParameters(command=str(NODE), args=command, env=env)
    with log.open("w") as complaints, anyio.fail_after(60):
        async with Client(stdio_client(server, errlog=complaints)) as client:
            result = await client.call_tool("whoami", {})
            return "".join(getattr(part, "text", "") for part in result.content)


def test_mcp_remote(demo: Demo, tmp_path: Path) -> None:
    log, email = tmp_path / "log", "remote@example.com"
    with somebody(demo, email) as person:
        for logins in (1, 0):  # the second process finds what the first one kept
            with opened_by(log, person) as opened:
                said = anyio.run(through_mcp_remote, demo.app("mcp"), tmp_path, log)
            assert said == email
            assert len(opened) == logins


def inspect(demo: Demo, folder: Path, person: Person, *more: str) -> tuple[str, int]:
    """What `whoami` says to the Inspector's command line, and how many logins it took."""
    callback = f"http://127.0.0.1:{free_port()}/oauth/callback"
    command = [module(INSPECTOR), "--cli", demo.app("mcp"), "--transport", "http"]
    command += ["--callback-url", callback, "--method", "tools/call", "--tool-name", "whoami"]
    kept = {"MCP_STORAGE_DIR": str(folder), "MCP_INSPECTOR_SECRET_STORE": "file"}
    env = environment(folder, MCP_AUTO_OPEN_ENABLED="true", **kept)
    with opened_by(folder / "err", person) as opened:
        status = run_to_its_end([*command, *more], env, folder)
    assert status == 0, (folder / "err").read_text()
    return json.loads((folder / "out").read_text())["content"][0]["text"], len(opened)


def test_inspector(demo: Demo, tmp_path: Path) -> None:
    email = "inspector@example.com"
    with somebody(demo, email) as person:
        assert inspect(demo, tmp_path, person) == (email, 1)
        assert inspect(demo, tmp_path, person) == (email, 0)
        assert inspect(demo, tmp_path, person, "--relogin") == (email, 1)


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_oauth4webapi(demo: Demo, method: str) -> None:
    email = f"strict-{method.replace('_', '-')}@example.com"
    arguments = (demo.app("mcp"), "oauth4webapi", method)
    with (
        somebody(demo, email) as person,
        running_program("oauth4webapi.mjs", person, *arguments) as program,
    ):
        assert program.tell(call="run") == {
            "steps": [
                "discovered",
                "registered",
                "a wrong verifier is refused",
                "redeemed",
                "refreshed",
                "revoked",
            ]
        }


def test_conformance_of_the_authorization_server(demo: Demo, tmp_path: Path) -> None:
    port = free_port()
    wanted = {
        "redirect_uris": [f"http://127.0.0.1:{port}/callback"],
        "token_endpoint_auth_method": "none",
    }
    metadata = httpx.get(demo.team + "/.well-known/oauth-authorization-server").json()
    client = httpx.post(metadata["registration_endpoint"], json=wanted).json()["client_id"]
    command = [module(CONFORMANCE), "authorization", "--url", demo.team, "--client-id", client]
    command += ["--resource", demo.app("mcp"), "--port", str(port)]
    command += ["--output-dir", str(tmp_path / "results")]
    said = tmp_path / "out"
    with somebody(demo, "conformance@example.com") as person, opened_by(said, person):
        status = run_to_its_end(command, environment(tmp_path), tmp_path)
    assert status == 0, said.read_text()
    files = (tmp_path / "results").glob("**/checks.json")
    found = [check for file in files for check in json.loads(file.read_text())]
    assert {check["id"] for check in found if check["status"] == "SUCCESS"} >= SCENARIOS
    assert {check["status"] for check in found} == {"SUCCESS"}, found
