"""An origin that trusts `fastapi-cloudflare-access-jwt`: its answers with and without a token."""

import json
import sys

from cloudflare_access_jwt import CloudflareAccessJWT
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

team, audience = sys.argv[1:]
token = sys.stdin.read()
enforce = CloudflareAccessJWT(f"{team}/cdn-cgi/access/certs", audience)
app = FastAPI(dependencies=[Depends(enforce)])


@app.get("/")
def root() -> str:
    """Anything."""
    return "fine"


def ask(value: str) -> int:
    """The status for a cookie."""
    return (
        TestClient(app, cookies={"CF_Authorization": value} if value else {}).get("/").status_code
    )


print(json.dumps({"with": ask(token), "without": ask(""), "forged": ask(token[:-4] + "AAAA")}))
