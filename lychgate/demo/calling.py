"""How one demo application calls another, through the gate like everybody else."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_SECONDS = 10
_MOST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Called:
    """What came back from a call."""

    status: int
    text: str

    def document(self) -> dict[str, Any]:
        """As a program is told of it."""
        try:
            answer = json.loads(self.text)
        except ValueError:
            answer = self.text
        return {"status": self.status, "answer": answer}


def call(url: str, headers: Mapping[str, str]) -> Called:
    """GET a URL of the demo; a failure is told as status 502."""
    parts = urlsplit(url)
    # `localhost` may mean `::1` first, where no proxy of the demo listens.
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=_SECONDS)
    try:
        sent = {"host": parts.netloc, "accept": "application/json", **headers}
        connection.request("GET", parts.path or "/", headers=sent)
        answer = connection.getresponse()
        return Called(answer.status, answer.read(_MOST).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException) as error:
        return Called(502, f"the call failed: {type(error).__name__}")
    finally:
        connection.close()
