"""An origin that trusts `allowedflare`: whom it sees with a token, without, and with a forgery."""

import json
import os
import sys

team, audience = sys.argv[1:]
os.environ |= {"ALLOWEDFLARE_ACCESS_URL": team, "ALLOWEDFLARE_AUDIENCE": audience}

from allowedflare import authenticate  # noqa: E402 - it reads the environment

token = sys.stdin.read()
answers = {
    "with": authenticate({"CF_Authorization": token})[0],
    "without": authenticate({})[0],
    "forged": authenticate({"CF_Authorization": token[:-4] + "AAAA"})[0],
}
print(json.dumps(answers))
