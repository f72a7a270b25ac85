"""A real identity provider in a process of its own: its URLs, our client there, a login there."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CLIENT_ID = "lychgate"
CLIENT_SECRET = "a-secret-of-letters-1234"
ODD_SECRET = "a secret: with/odd+characters%"
CALLBACK = "https://team.example.com/cdn-cgi/access/callback"

type LogIn = Callable[[str, str, str], dict[str, str]]
"""Called with authorization URL, callback URL and person."""


@dataclass(frozen=True)
class Running:
    """A provider that listens."""

    urls: Mapping[str, str]
    """`issuer`, `auth_url`, `token_url`, `certs_url`, `userinfo_url`, `discovery_url`."""
    callback: str
    enter: LogIn
    client_id: str = CLIENT_ID
    client_secret: str = field(default=CLIENT_SECRET, repr=False)
    process: "subprocess.Popen[str] | None" = None

    def config(self, *names: str) -> dict[str, Any]:
        """The identity provider's `config` with these of its URLs and no other."""
        return {"client_id": self.client_id, **{name: self.urls[name] for name in names}}

    def log_in(self, url: str, person: str) -> dict[str, str]:
        """Go through login and consent; the callback's query."""
        return self.enter(url, self.callback, person)


@contextmanager
def running(
    command: Sequence[str], folder: Path, settings: Mapping[str, Any], enter: LogIn, callback: str
) -> Iterator[Running]:
    """Start a provider that takes its settings on standard input and answers with its URLs."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    ours = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uris": [callback]}
    whole = {**ours, **settings}
    with process:
        try:
            urls = _first_line(process, whole)
            secret = whole["client_secret"]
            yield Running(urls, callback, enter, client_secret=secret, process=process)
        finally:
            process.kill()


def _first_line(process: "subprocess.Popen[str]", settings: Mapping[str, Any]) -> dict[str, str]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the provider has no pipes")
    process.stdin.write(json.dumps(settings) + "\n")
    process.stdin.flush()
    for line in process.stdout:
        if line.startswith("{"):
            urls: dict[str, str] = json.loads(line)
            return urls
    raise RuntimeError(f"the provider ended before it listened: {process.args!r}")
