"""TypeScript drives the API: the official SDK, and a client generated from the OpenAPI document."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from lychgate.config.naming import ACCOUNT
from tests.admin.running import Running
from tests.support.npm import installed
from tests.support.programs import NODE, environment

HOME = Path(__file__).parent.parent / "support" / "admin-clients"
CONFLICT = {"kind": "ConflictError", "status": 409}
NOT_FOUND = {"kind": "NotFoundError", "status": 404}
BAD = {"kind": "BadRequestError", "status": 400}


def node(folder: Path, *command: str | Path) -> str:
    """What a program of Node prints."""
    done = subprocess.run(
        [NODE, *command],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_official_sdk(server: Running, tmp_path: Path) -> None:
    script = installed(HOME) / "sdk.mjs"
    seen: dict[str, Any] = json.loads(
        node(tmp_path, script, server.base_url, server.token, ACCOUNT)
    )
    assert seen["policies"] == {
        "walked": 5,
        "read": True,
        "updated": "deny",
        "unknownDecision": {**BAD, "code": 12130},
        "unknown": {**NOT_FOUND, "code": 12135},
    }
    apps = seen["applications"]
    assert apps.pop("created")[1:] == [64, 1]
    assert apps == {
        "found": 1,
        "policies": [1, 2],
        "updated": ["30m", 2],
        "drift": False,
        "taken": {**CONFLICT, "code": 11010},
        "inUse": {**CONFLICT, "code": 12132},
        "settings": {"allow_iframe": True, "skip_interstitial": False},
        "revoked": {},
        "ownDeleted": True,
        "deleted": True,
        "gone": {**NOT_FOUND, "code": 11021},
    }
    tokens = seen["serviceTokens"]
    first, second = tokens.pop("secrets")
    read_back = tokens.pop("readBack")
    assert first != second and min(len(first), len(second)) >= 40
    assert first not in read_back and second not in read_back
    assert tokens.pop("renamed")[1:] == ["720h", True]
    gone = {**NOT_FOUND, "code": 12135}
    assert tokens == {"sameClient": True, "deleted": True, "gone": gone}
    assert seen["stranger"] == {"kind": "AuthenticationError", "status": 401, "code": 10000}
    assert seen["elsewhere"] == {"kind": "PermissionDeniedError", "status": 403, "code": 10000}


def test_a_client_generated_from_the_document(server: Running, tmp_path: Path) -> None:
    packages = installed(HOME) / "node_modules"
    (tmp_path / "node_modules").symlink_to(packages)
    for name in ("package.json", "tsconfig.json", "generated.ts"):
        shutil.copy(HOME / name, tmp_path)
    generator = packages / "openapi-typescript" / "bin" / "cli.js"
    node(tmp_path, generator, f"{server.base_url}/openapi.json", "-o", "schema.d.ts")
    node(tmp_path, packages / "typescript" / "lib" / "tsc.js", "-p", ".")
    run = node(tmp_path, "generated.ts", server.base_url, server.token, ACCOUNT)
    assert json.loads(run) == {
        "decision": "allow",
        "domains": ["generated.example.com"],
        "linked": [1],
        "total": 1,
        "refused": 11021,
        "days": 45,
        "gone": True,
    }
