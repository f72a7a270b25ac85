"""The TypeScript SDKs 1.x and 2.x, unmodified, in front of the demo's MCP server."""

import time
from datetime import timedelta

import pytest

from tests.support.changes import Changes
from tests.support.consent import somebody
from tests.support.demo import Demo
from tests.support.programs import running_program

LIFE = timedelta(seconds=3)


@pytest.mark.parametrize(
    ("script", "method"), [("sdk1.mjs", "client_secret_post"), ("sdk2.mjs", "none")]
)
def test_logs_in_calls_a_tool_refreshes_and_ends(
    demo: Demo, changes: Changes, script: str, method: str
) -> None:
    email = f"{script[:4]}@example.com"
    changes.access_lasts(LIFE)
    arguments = (demo.app("mcp"), "TypeScript", method)
    with somebody(demo, email) as person, running_program(script, person, *arguments) as program:
        assert program.tell(call="whoami") == {"result": email, "logins": 1, "refreshes": 0}
        time.sleep(LIFE.total_seconds() + 1)
        assert program.tell(call="whoami") == {"result": email, "logins": 1, "refreshes": 1}
        changes.revoke_user(email)
        time.sleep(1)
        again = program.tell(call="whoami")
        assert again == {"result": email, "logins": 2, "refreshes": 1}
        changes.refuse(email)
        time.sleep(1)
        assert program.refused(call="whoami") == {"error": "Error: access_denied"}
